/**
 * From an HTTP upgrade request to a Client: route, guard, handshake. Every refusal says what was
 * wrong in the form of the system that was asked for; a peer that goes away meanwhile harms nobody.
 *
 * @module
 */

import { STATUS_CODE, STATUS_TEXT } from "@std/http/status";
import type { IncomingMessage } from "node:http";
import type { Socket as NetSocket } from "node:net";
import { Client } from "../client.ts";
import type { ClientContext } from "../client/client_deps.ts";
import type { Admission, Permit } from "../auth/admission.ts";
import type { TrustedProxies } from "../auth/client_address.ts";
import type { Gate } from "../auth/authenticator.ts";
import type { Grant } from "../auth/grant.ts";
import { hostIsLoopback, originAllowed } from "../auth/origin.ts";
import type { Quotas } from "../auth/quotas.ts";
import type { Suspensions } from "../auth/suspensions.ts";
import { problemForm } from "../base/problem.ts";
import type { DoorRefusal, Profile, RefusalForm, UpgradeTarget } from "../profiles/profile.ts";
import { REFUSAL_DETAILS, type RefusalReason } from "../rejections.ts";
import { parseTarget, type Routes } from "./profile_routes.ts";
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
  /** Has the keys' windows. */
  readonly quotas: Quotas;
  /** What the new clients share. */
  readonly context: ClientContext;
  /** How long a peer that was refused may stay, ms. */
  readonly closeWaitMs: number;
  /** See `originAllowed`. */
  readonly allowedOrigins: readonly string[];
  /** Whether the Host header must be loopback. */
  readonly loopbackHostOnly: boolean;
}

/** One request at the door. */
interface Knock {
  readonly request: IncomingMessage;
  readonly raw: NetSocket;
  readonly head: Uint8Array;
  readonly address: string;
  readonly proxy: string | undefined;
}

/** One that asks for something that is there. */
interface Arrival extends Knock {
  readonly target: UpgradeTarget;
  readonly profile: Profile;
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

/** Refusals for which the systems have no words of their own: HTTP has. */
const STATUS = {
  not_found: STATUS_CODE.NotFound,
  foreign_host: STATUS_CODE.Forbidden,
  foreign_origin: STATUS_CODE.Forbidden,
  draining: STATUS_CODE.ServiceUnavailable,
  too_many_connections: STATUS_CODE.ServiceUnavailable,
  too_many_from_address: STATUS_CODE.ServiceUnavailable,
  too_many_at_once: STATUS_CODE.ServiceUnavailable,
} as const satisfies Partial<Record<RefusalReason, number>>;

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
    const { routes, gate, admission, context } = this.#options;
    const source = credentialSource(request);
    const knock = { request, raw, head, ...this.#origin(raw, source.header("x-forwarded-for")) };
    const target = parseTarget(request.url);
    const profile = target && routes.profileOf(target);
    if (target === undefined || profile === undefined) return this.#turnAway(knock, "not_found");
    const arrival = { ...knock, target, profile };
    const obstacle = this.#obstacle(request);
    if (obstacle !== undefined) return this.#turnAway(arrival, obstacle);
    const permit = admission.enter(arrival.address, context.clock.now());
    if (typeof permit === "string") return this.#turnAway(arrival, permit);
    const presented = profile.credential({ ...target, ...source });
    const verdict = await gate.check(presented);
    if (raw.destroyed) return permit.release();
    if (verdict.kind === "granted" && !this.#draining) {
      return this.#admit(arrival, { grant: verdict.grant, permit });
    }
    permit.release();
    if (verdict.kind === "granted") return this.#turnAway(arrival, "draining");
    this.#refuse(arrival, { kind: "unauthorized", presented, detail: verdict.detail });
  }

  /** Where it comes from. @param forwarded the X-Forwarded-For header */
  #origin(raw: NetSocket, forwarded: string | undefined): Pick<Knock, "address" | "proxy"> {
    const { proxies } = this.#options;
    const peer = raw.remoteAddress ?? "";
    const address = proxies.clientAddress(peer, forwarded);
    return {
      address,
      proxy: address === proxies.clientAddress(peer, undefined) ? undefined : peer,
    };
  }

  #obstacle({ headers }: IncomingMessage): keyof typeof STATUS | undefined {
    const { allowedOrigins, loopbackHostOnly } = this.#options;
    if (this.#draining) return "draining";
    if (loopbackHostOnly && !hostIsLoopback(headers.host)) return "foreign_host";
    if (!originAllowed(headers.origin, headers.host, allowedOrigins)) return "foreign_origin";
  }

  #admit(
    arrival: Arrival,
    { grant, permit }: { readonly grant: Grant; readonly permit: Permit },
  ): void {
    const { acceptor, quotas, context } = this.#options;
    const { request, raw, head, ...rest } = arrival;
    if (!permit.claim(grant)) {
      permit.release();
      const detail = REFUSAL_DETAILS.too_many_for_key;
      return this.#refuse(arrival, { kind: "too_many_for_key", detail, key: grant.keyId });
    }
    const quota = quotas.join(grant, context.clock.now());
    const onEnd = () => {
      permit.release();
      quotas.leave(grant, context.clock.now());
    };
    const onViolation = () => this.#violated(grant);
    let accepted = false;
    acceptor.accept(request, raw, head, (socket) => {
      accepted = true;
      new Client({ ...rest, socket, grant, quota, onEnd, onViolation }, context);
    });
    if (accepted) return;
    onEnd();
    this.#tell(arrival, { reason: "bad_handshake" }); // ws has answered it
  }

  /** Counted when it is decided: a client that lingers must not come in again meanwhile. */
  #violated({ keyId }: Grant): void {
    const { suspensions, context } = this.#options;
    if (keyId === undefined) return;
    suspensions.violation(keyId).catch((error) => {
      context.log.error("a violation could not be counted", { key: keyId, error });
    });
  }

  /** Refuses in the system's own form. @param key whose credential it was, where that is known */
  #refuse(arrival: Arrival, { key, ...refusal }: DoorRefusal & { readonly key?: string }): void {
    const { request, raw, head, profile } = arrival;
    const { acceptor, context } = this.#options;
    this.#tell(arrival, { reason: refusal.kind, detail: refusal.detail, key });
    const form = profile.refuse(refusal);
    if (form.kind === "http") return this.#answer(raw, form);
    acceptor.accept(request, raw, head, (socket) => {
      socket.attach(DEAF);
      if (refusal.kind === "unauthorized") context.metrics.unauthorized(profile.name);
      for (const text of form.texts) socket.write(context.frameText(text), () => {});
      socket.abort(form.code, form.reason);
    });
  }

  #turnAway(knock: Knock | Arrival, reason: keyof typeof STATUS): void {
    this.#tell(knock, { reason });
    const status = STATUS[reason];
    const headers = status === STATUS_CODE.ServiceUnavailable ? { "Retry-After": "1" } : undefined;
    this.#answer(knock.raw, problemForm(status, REFUSAL_DETAILS[reason], headers));
  }

  /** Counts and logs a refusal. The request itself is not told: its query may hold a credential. */
  #tell(
    knock: Knock | Arrival,
    { reason, detail = REFUSAL_DETAILS[reason], key }: {
      readonly reason: RefusalReason;
      readonly detail?: string;
      readonly key?: string;
    },
  ): void {
    const { metrics, log } = this.#options.context;
    const profile = "profile" in knock ? knock.profile.name : undefined;
    metrics.refused(reason);
    log.info("upgrade refused", { profile, key, address: knock.address, reason, detail });
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
