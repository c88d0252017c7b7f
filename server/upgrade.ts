/**
 * From an HTTP upgrade request to a Client: route, guard, handshake. Every refusal says what was
 * wrong in the form of the system that was asked for; a peer that goes away meanwhile harms nobody.
 *
 * @module
 */

import { STATUS_CODE, STATUS_TEXT } from "@std/http/status";
import type { IncomingMessage } from "node:http";
import type { Socket as NetSocket } from "node:net";
import { Client } from "./client.ts";
import type { ClientContext } from "./client_context.ts";
import type { Admission } from "./guard/admission.ts";
import type { TrustedProxies } from "./guard/client_address.ts";
import type { Gate } from "./guard/gate.ts";
import type { Grant } from "./guard/grant.ts";
import { hostIsLoopback, originAllowed } from "./guard/origin.ts";
import type { Suspensions } from "./guard/suspensions.ts";
import { problemForm } from "./problem.ts";
import type { DoorRefusal, Profile, RefusalForm, UpgradeTarget } from "./profiles/profile.ts";
import { parseTarget, type Routes } from "./routes.ts";
import type { SocketEvents } from "./socket.ts";
import type { WsAcceptor } from "./ws_socket.ts";

/** What the room works with. */
export interface UpgraderOptions {
  /** Completes the WebSocket handshake. */
  readonly acceptor: WsAcceptor;
  /** Chooses the profile. */
  readonly routes: Routes;
  /** Checks the credential. */
  readonly gate: Gate;
  /** Knows the client behind a proxy. */
  readonly proxies: Pick<TrustedProxies, "clientAddress">;
  /** Counts the keys' violations. */
  readonly suspensions: Pick<Suspensions, "violation">;
  /** Counts who is in. */
  readonly admission: Admission;
  /** What the new clients share. */
  readonly context: ClientContext;
  /** How long a peer that was refused may stay, ms. */
  readonly closeWaitMs: number;
  /** See `originAllowed`. */
  readonly allowedOrigins: readonly string[];
  /** Whether the Host header must be loopback. */
  readonly loopbackHostOnly: boolean;
}

/** One request on its way in. */
interface Arrival {
  readonly request: IncomingMessage;
  readonly raw: NetSocket;
  readonly head: Uint8Array;
  readonly target: UpgradeTarget;
  readonly profile: Profile;
  readonly address: string;
  readonly proxy: string | undefined;
}

type HttpForm = Extract<RefusalForm, { kind: "http" }>;

/** Of one that is refused nothing is heard. */
const DEAF: SocketEvents = {
  message() {},
  continuations() {},
  ping() {},
  pong() {},
  fault() {},
  closed() {},
};

/** See the module. */
export class Upgrader {
  readonly #options: UpgraderOptions;
  #draining = false;

  /** Accepts until `drain()`. */
  constructor(options: UpgraderOptions) {
    this.#options = options;
  }

  /** Refuses everybody from now on. */
  drain(): void {
    this.#draining = true;
  }

  /** Answers one upgrade request. */
  async upgrade(request: IncomingMessage, raw: NetSocket, head: Uint8Array): Promise<void> {
    raw.on("error", () => raw.destroy()); // a reset during the handshake must not end the process
    const { routes, gate, proxies } = this.#options;
    const target = parseTarget(request.url);
    const profile = target && routes.profileOf(target);
    if (target === undefined || profile === undefined) {
      return this.#answer(raw, problemForm(STATUS_CODE.NotFound, "no WebSocket is here; use /ws"));
    }
    const refused = this.#refusal(request);
    if (refused !== undefined) return this.#answer(raw, refused);
    const source = credentialSource(request);
    const forwarded = source.header("x-forwarded-for");
    const peer = raw.remoteAddress ?? "";
    const address = proxies.clientAddress(peer, forwarded);
    const proxy = address === proxies.clientAddress(peer, undefined) ? undefined : peer;
    const arrival = { request, raw, head, target, profile, address, proxy };
    const presented = profile.credential({ ...target, ...source });
    const verdict = await gate.check(presented);
    if (raw.destroyed) return;
    if (verdict.kind === "granted") return this.#admit(arrival, verdict.grant);
    this.#refuse(arrival, { kind: "unauthorized", presented, detail: verdict.detail });
  }

  #refusal({ headers }: IncomingMessage): HttpForm | undefined {
    const { allowedOrigins, loopbackHostOnly } = this.#options;
    if (this.#draining) return unavailable("the server is restarting");
    if (loopbackHostOnly && !hostIsLoopback(headers.host)) {
      return problemForm(STATUS_CODE.Forbidden, "this open server answers to a loopback Host only");
    }
    if (!originAllowed(headers.origin, headers.host, allowedOrigins)) {
      return problemForm(STATUS_CODE.Forbidden, "this Origin is not in ALLOWED_ORIGINS");
    }
  }

  #admit(arrival: Arrival, grant: Grant): void {
    const { acceptor, admission, context } = this.#options;
    const { request, raw, head, target, profile, address, proxy } = arrival;
    if (this.#draining) return this.#answer(raw, unavailable("the server is restarting"));
    const refusal = admission.enter({ address, grant, nowMs: context.clock.now() });
    if (refusal === "too many for this key") {
      return this.#refuse(arrival, { kind: "too_many_for_key", detail: refusal });
    }
    if (refusal !== undefined) return this.#answer(raw, unavailable(refusal));
    const onEnd = () => admission.leave({ address, grant });
    const onViolation = () => this.#violated(grant);
    let accepted = false;
    acceptor.accept(request, raw, head, (socket) => {
      accepted = true;
      new Client({ socket, profile, target, grant, address, proxy, onEnd, onViolation }, context);
    });
    if (!accepted) onEnd(); // the handshake was not a valid one, and ws has answered it
  }

  /** Counted when it is decided: a client that lingers must not come in again meanwhile. */
  #violated({ keyId }: Grant): void {
    const { suspensions, context } = this.#options;
    if (keyId === undefined) return;
    suspensions.violation(keyId).catch((error) => {
      context.log.error("a violation could not be counted", { key: keyId, error });
    });
  }

  #refuse({ request, raw, head, profile }: Arrival, refusal: DoorRefusal): void {
    const { acceptor, context } = this.#options;
    const form = profile.refuse(refusal);
    if (form.kind === "http") return this.#answer(raw, form);
    acceptor.accept(request, raw, head, (socket) => {
      socket.attach(DEAF);
      for (const text of form.texts) socket.write(context.frameText(text), () => {});
      socket.abort(form.code, form.reason);
    });
  }

  /** Answers instead of upgrading, and ends TCP, also for a peer that stays or goes on talking. */
  #answer(raw: NetSocket, { status, headers, body }: HttpForm): void {
    const lines = [
      `HTTP/1.1 ${status} ${STATUS_TEXT[status]}`,
      "Connection: close",
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
      `Content-Length: ${new TextEncoder().encode(body).length}`,
    ];
    raw.end(`${lines.join("\r\n")}\r\n\r\n${body}`);
    const { closeWaitMs, context } = this.#options;
    // Nobody reads what it still says, so nobody would see that it goes.
    raw.once("close", context.clock.after(closeWaitMs, () => raw.destroy()));
  }
}

function credentialSource({ headers }: IncomingMessage) {
  const header = (name: string) => {
    const value = headers[name];
    return Array.isArray(value) ? value[0] : value;
  };
  const offered = header("sec-websocket-protocol") ?? "";
  return { header, subprotocols: offered.split(",").map((name) => name.trim()) };
}

function unavailable(detail: string): HttpForm {
  return problemForm(STATUS_CODE.ServiceUnavailable, detail, { "Retry-After": "1" });
}
