/**
 * From an HTTP upgrade request to a Client: route, auth, handshake. Every refusal says what was
 * wrong in the form of the system that was asked for; a peer that goes away meanwhile harms nobody.
 *
 * @module
 */

import { STATUS_CODE, STATUS_TEXT } from "@std/http/status";
import type { IncomingMessage } from "node:http";
import type { Socket as NetSocket } from "node:net";
import type { Admission, Permit } from "../auth/admission.ts";
import type { TrustedProxies } from "../auth/client_address.ts";
import type { Authenticator } from "../auth/authenticator.ts";
import type { Grant } from "../auth/grant.ts";
import { hostIsLoopback, originAllowed } from "../auth/origin.ts";
import type { SlidingWindow } from "../auth/sliding_window.ts";
import type { Quotas } from "../auth/quotas.ts";
import type { Suspensions } from "../auth/suspensions.ts";
import type { Clock } from "../base/clock.ts";
import { problemForm } from "../base/problem.ts";
import type { Logger } from "../logging/logging.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { Profile } from "../profiles/profile.ts";
import { REJECTION_DETAILS, type RejectionReason, type RejectionResponse } from "../close_codes.ts";
import { parseTarget, type ProfileRoutes } from "./profile_routes.ts";
import type { Socket, SocketEvents } from "./socket.ts";
import { textFrame } from "./text_frame.ts";
import type { WsAcceptor } from "./ws_socket.ts";
import type { HandshakeRejection, UpgradeTarget } from "../auth/credential.ts";

/** What the room works with. */
export interface UpgraderOptions {
  /** Completes the WebSocket handshake. */
  readonly acceptor: WsAcceptor;
  /** Chooses the profile. */
  readonly routes: ProfileRoutes;
  /** Checks the credential. */
  readonly authenticator: Authenticator;
  /** Knows the client behind a proxy. */
  readonly proxies: Pick<TrustedProxies, "clientAddress">;
  /** Counts the keys' violations. */
  readonly suspensions: Pick<Suspensions, "violation">;
  /** Counts who is in. */
  readonly admission: Admission;
  /** Has the keys' windows. */
  readonly quotas: Quotas;
  /** Starts a client on an accepted connection. */
  readonly connect: (connection: AcceptedConnection) => void;
  /** Tells the time, for limits and for how long a rejected peer may stay. */
  readonly clock: Clock;
  /** Counts rejections. */
  readonly metrics: Metrics;
  /** Rejections and failures are logged here. */
  readonly log: Logger;
  /** How long a peer that was refused may stay, ms. */
  readonly closeWaitMs: number;
  /** See `originAllowed`. */
  readonly allowedOrigins: readonly string[];
  /** Whether the Host header must be loopback. */
  readonly loopbackHostOnly: boolean;
}

/** A connection whose handshake was accepted. */
export interface AcceptedConnection {
  /** Its end of the wire. */
  readonly socket: Socket;
  /** What it speaks. */
  readonly profile: Profile;
  /** What it asked for. */
  readonly target: UpgradeTarget;
  /** What it may do. */
  readonly grant: Grant;
  /** Bounds its messages in a minute; undefined: nothing does. */
  readonly quota?: SlidingWindow;
  /** The peer's address; empty on a unix socket. */
  readonly address: string;
  /** The trusted proxy that it came through, if it did. */
  readonly proxy?: string;
  /** Called once when all is over. */
  readonly onEnd: () => void;
  /** Called when it is let go for breaking a limit. */
  readonly onViolation: () => void;
}

/** One request before it is routed. */
interface UpgradeRequest {
  readonly request: IncomingMessage;
  readonly raw: NetSocket;
  readonly head: Uint8Array;
  readonly address: string;
  readonly proxy: string | undefined;
}

/** One that asks for something that is there. */
interface RoutedUpgrade extends UpgradeRequest {
  readonly target: UpgradeTarget;
  readonly profile: Profile;
}

type HttpForm = Extract<RejectionResponse, { kind: "http" }>;

/** Of one that is refused nothing is heard. */
const NOOP_EVENTS: SocketEvents = {
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
} as const satisfies Partial<Record<RejectionReason, number>>;

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
    const { routes, authenticator, admission, clock } = this.#options;
    const source = credentialSource(request);
    const upgradeRequest = {
      request,
      raw,
      head,
      ...this.#origin(raw, source.header("x-forwarded-for")),
    };
    const target = parseTarget(request.url);
    const profile = target && routes.profileOf(target);
    if (target === undefined || profile === undefined) {
      return this.#reject(upgradeRequest, "not_found");
    }
    const routedUpgrade = { ...upgradeRequest, target, profile };
    const rejection = this.#rejectionFor(request);
    if (rejection !== undefined) return this.#reject(routedUpgrade, rejection);
    const permit = admission.enter(routedUpgrade.address, clock.now());
    if (typeof permit === "string") return this.#reject(routedUpgrade, permit);
    const presented = profile.credential({ ...target, ...source });
    const verdict = await authenticator.check(presented);
    if (raw.destroyed) return permit.release();
    if (verdict.kind === "granted" && !this.#draining) {
      return this.#admit(routedUpgrade, { grant: verdict.grant, permit });
    }
    permit.release();
    if (verdict.kind === "granted") return this.#reject(routedUpgrade, "draining");
    this.#refuse(routedUpgrade, { kind: "unauthorized", presented, detail: verdict.detail });
  }

  /** Where it comes from. @param forwarded the X-Forwarded-For header */
  #origin(
    raw: NetSocket,
    forwarded: string | undefined,
  ): Pick<UpgradeRequest, "address" | "proxy"> {
    const { proxies } = this.#options;
    const peer = raw.remoteAddress ?? "";
    const address = proxies.clientAddress(peer, forwarded);
    return {
      address,
      proxy: address === proxies.clientAddress(peer, undefined) ? undefined : peer,
    };
  }

  #rejectionFor({ headers }: IncomingMessage): keyof typeof STATUS | undefined {
    const { allowedOrigins, loopbackHostOnly } = this.#options;
    if (this.#draining) return "draining";
    if (loopbackHostOnly && !hostIsLoopback(headers.host)) return "foreign_host";
    if (!originAllowed(headers.origin, headers.host, allowedOrigins)) return "foreign_origin";
  }

  #admit(
    routedUpgrade: RoutedUpgrade,
    { grant, permit }: { readonly grant: Grant; readonly permit: Permit },
  ): void {
    const { acceptor, quotas, clock, connect } = this.#options;
    const { request, raw, head, ...rest } = routedUpgrade;
    if (!permit.claim(grant)) {
      permit.release();
      const detail = REJECTION_DETAILS.too_many_for_key;
      return this.#refuse(routedUpgrade, { kind: "too_many_for_key", detail, key: grant.keyId });
    }
    const quota = quotas.join(grant, clock.now());
    const onEnd = () => {
      permit.release();
      quotas.leave(grant, clock.now());
    };
    const onViolation = () => this.#violated(grant);
    let accepted = false;
    acceptor.accept(request, raw, head, (socket) => {
      accepted = true;
      connect({ ...rest, socket, grant, quota, onEnd, onViolation });
    });
    if (accepted) return;
    onEnd();
    this.#tell(routedUpgrade, { reason: "bad_handshake" }); // ws has answered it
  }

  /** Counted when it is decided: a client that lingers must not come in again meanwhile. */
  #violated({ keyId }: Grant): void {
    const { suspensions, log } = this.#options;
    if (keyId === undefined) return;
    suspensions.violation(keyId).catch((error) => {
      log.error("a violation could not be counted", { key: keyId, error });
    });
  }

  /** Refuses in the system's own form. @param key whose credential it was, where that is known */
  #refuse(
    routedUpgrade: RoutedUpgrade,
    { key, ...refusal }: HandshakeRejection & { readonly key?: string },
  ): void {
    const { request, raw, head, profile } = routedUpgrade;
    const { acceptor, metrics } = this.#options;
    this.#tell(routedUpgrade, { reason: refusal.kind, detail: refusal.detail, key });
    const form = profile.rejectionOf(refusal);
    if (form.kind === "http") return this.#answer(raw, form);
    acceptor.accept(request, raw, head, (socket) => {
      socket.attach(NOOP_EVENTS);
      if (refusal.kind === "unauthorized") metrics.unauthorized(profile.name);
      for (const text of form.texts) socket.write(textFrame(text), () => {});
      socket.abort(form.code, form.reason);
    });
  }

  #reject(upgradeRequest: UpgradeRequest | RoutedUpgrade, reason: keyof typeof STATUS): void {
    this.#tell(upgradeRequest, { reason });
    const status = STATUS[reason];
    const headers = status === STATUS_CODE.ServiceUnavailable ? { "Retry-After": "1" } : undefined;
    this.#answer(upgradeRequest.raw, problemForm(status, REJECTION_DETAILS[reason], headers));
  }

  /** Counts and logs a refusal. The request itself is not told: its query may hold a credential. */
  #tell(
    upgradeRequest: UpgradeRequest | RoutedUpgrade,
    { reason, detail = REJECTION_DETAILS[reason], key }: {
      readonly reason: RejectionReason;
      readonly detail?: string;
      readonly key?: string;
    },
  ): void {
    const { metrics, log } = this.#options;
    const profile = "profile" in upgradeRequest ? upgradeRequest.profile.name : undefined;
    metrics.refused(reason);
    log.info("upgrade refused", { profile, key, address: upgradeRequest.address, reason, detail });
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
    const { closeWaitMs, clock } = this.#options;
    // Nobody reads what it still says, so nobody would see that it goes.
    raw.once("close", clock.after(closeWaitMs, () => raw.destroy()));
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
