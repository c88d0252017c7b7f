/**
 * From an HTTP upgrade request to an accepted connection: route, authentication, handshake. Every
 * rejection says what was wrong in the form of the profile that was asked for, is counted and logged;
 * a peer that disconnects meanwhile affects nobody else.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import type { IncomingMessage } from "node:http";
import type { Socket as NetSocket } from "node:net";
import type { Admission, NoClaim, Permit } from "../auth/admission.ts";
import type { Authenticator } from "../auth/authenticator.ts";
import type { TrustedProxies } from "../auth/client_address.ts";
import type { HandshakeRejection, UpgradeTarget } from "../auth/credential.ts";
import type { Grant } from "../auth/grant.ts";
import { hostIsLoopback, originAllowed } from "../auth/origin.ts";
import type { Quota, Quotas } from "../auth/quotas.ts";
import type { Suspensions } from "../auth/suspensions.ts";
import type { Clock } from "../base/clock.ts";
import { type HttpRejection, problemRejection, responseText } from "../base/problem.ts";
import type { AdmissionRate } from "../brokers/admission_rate.ts";
import { REJECTION_DETAILS, type RejectionReason, rejectionText } from "../close_codes.ts";
import type { Logger } from "../logging/logging.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { NotFound, Profile } from "../profiles/profile.ts";
import { type HandshakeProblem, handshakeProblem } from "./handshake.ts";
import { parseTarget, type ProfileRoutes } from "./profile_routes.ts";
import type { RejectionHistory } from "./rejection_history.ts";
import type { Socket, SocketEvents } from "./socket.ts";
import { textFrame } from "./text_frame.ts";
import type { WsAcceptor } from "./ws_socket.ts";

export interface UpgraderOptions {
  /** Completes the WebSocket handshake. */
  readonly acceptor: Pick<WsAcceptor, "accept">;
  /** Whether the socket of an upgrade can send another answer than `101`. */
  readonly canRejectUpgrades: boolean;
  readonly routes: ProfileRoutes;
  readonly authenticator: Authenticator;
  readonly proxies: Pick<TrustedProxies, "clientAddress">;
  readonly suspensions: Pick<Suspensions, "violation">;
  readonly admission: Admission;
  readonly admissionRate: Pick<AdmissionRate, "admit" | "giveBack">;
  readonly quotas: Quotas;
  /** Starts a client on an accepted connection. @returns its id */
  readonly connect: (connection: AcceptedConnection) => string;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** What was rejected last. */
  readonly rejections: RejectionHistory;
  /** How long a rejected peer may stay, ms. */
  readonly closeWaitMs: number;
  readonly allowedOrigins: readonly string[];
  /** Whether the Host header must be loopback. */
  readonly loopbackHostOnly: boolean;
}

/** A connection whose handshake was accepted. */
export interface AcceptedConnection {
  readonly socket: Socket;
  readonly profile: Profile;
  readonly target: UpgradeTarget;
  readonly grant: Grant;
  /** Bounds its messages a minute; undefined = no limit. */
  readonly quota?: Quota;
  /** The peer's address; empty on a unix socket. */
  readonly address: string;
  /** The trusted proxy between, if there is one. */
  readonly proxy?: string;
  readonly admitted: Admitted;
}

/** Told of what becomes of an accepted connection. */
export interface Admitted {
  /** It has ended. Called once. */
  ended(): void;
  /** It is closed for breaking a limit. */
  violated(): void;
  /** It has a new token of the same subject. @returns what bounds its messages a minute from now on */
  renewed(grant: Grant): Quota | undefined;
}

/** A request before it is routed. */
interface UpgradeRequest {
  readonly request: IncomingMessage;
  readonly raw: NetSocket;
  readonly head: Uint8Array;
  readonly address: string;
  readonly proxy: string | undefined;
  readonly profile?: Profile;
}

interface RoutedUpgrade extends UpgradeRequest {
  readonly target: UpgradeTarget;
  readonly profile: Profile;
}

/** For a connection that is rejected after the handshake. */
const NOOP_EVENTS: SocketEvents = {
  message() {},
  continuations() {},
  ping() {},
  pong() {},
  fault() {},
  closed() {},
};

/** HTTP status of the rejections for which no profile has a form of its own. */
const STATUS = {
  not_found: STATUS_CODE.NotFound,
  foreign_host: STATUS_CODE.Forbidden,
  foreign_origin: STATUS_CODE.Forbidden,
  draining: STATUS_CODE.ServiceUnavailable,
  too_many_connections: STATUS_CODE.ServiceUnavailable,
  too_many_from_address: STATUS_CODE.ServiceUnavailable,
  too_many_at_once: STATUS_CODE.ServiceUnavailable,
} as const satisfies Partial<Record<RejectionReason, number>>;

/** RFC 6455 section 7.4.1 and IANA: policy violation, try again later, unauthorized. */
const [POLICY_VIOLATION, TRY_AGAIN_LATER, UNAUTHORIZED] = [1008, 1013, 3000];

/** A close text has at most 123 bytes (RFC 6455 section 5.5); our details are ASCII. */
const MAX_DETAIL_LENGTH = 123 - "; no retry".length;

export class Upgrader {
  readonly #options: UpgraderOptions;
  #draining = false;
  /** The newest slot that this node has handed out, monotonic ms. */
  #newestSlotMs = -Infinity;

  constructor(options: UpgraderOptions) {
    this.#options = options;
  }

  /** Rejects all further requests. */
  drain(): void {
    this.#draining = true;
  }

  /** A slot was handed out: who is rejected from now on is told to wait as long. @param slotMs from now */
  handedOut(slotMs: number): void {
    const { clock } = this.#options;
    this.#newestSlotMs = Math.max(this.#newestSlotMs, clock.now() + slotMs);
  }

  /** Handles one upgrade request. */
  async upgrade(request: IncomingMessage, raw: NetSocket, head: Uint8Array): Promise<void> {
    raw.on("error", () => raw.destroy()); // a reset during the handshake must not end the process
    const { routes, authenticator, admission, admissionRate, clock } = this.#options;
    const source = credentialSource(request);
    const unrouted = { request, raw, head, ...this.#origin(raw, source.header("x-forwarded-for")) };
    const target = parseTarget(request.url);
    const profile = target && routes.profileOf(target);
    if (target === undefined || profile === undefined) return this.#reject(unrouted, "not_found");
    const missing = routes.notFound(target);
    if (missing !== undefined) return this.#rejectTarget(unrouted, missing);
    const routed = { ...unrouted, target, profile };
    const rejection = this.#rejectionFor(request);
    if (rejection !== undefined) return this.#reject(routed, rejection);
    const problem = handshakeProblem(request);
    if (problem !== undefined) return this.#rejectHandshake(routed, problem);
    request.headers.upgrade = "websocket"; // it may be one of a list (RFC 9110 section 7.8)
    const permit = admission.enter(routed.address, clock.now(), profile.replaces?.(target));
    if (typeof permit === "string") return this.#reject(routed, permit);
    const later = admissionRate.admit();
    const slotMs = typeof later === "number" ? later : await later;
    if (slotMs > 0) {
      permit.release();
      return this.#sendAway(routed, slotMs);
    }
    const presented = profile.credential({ ...target, ...source });
    const result = await authenticator.check(presented);
    if (result.kind === "granted" && !this.#draining && !raw.destroyed) {
      const { grant } = result;
      const claimed = permit.claim(grant, clock.now());
      const reached = claimed instanceof Promise ? await claimed : claimed;
      if (!this.#draining && !raw.destroyed) {
        if (!this.#accept(routed, { grant, permit, reached })) admissionRate.giveBack();
        return;
      }
    }
    admissionRate.giveBack();
    permit.release();
    if (raw.destroyed) return;
    if (result.kind === "granted") return this.#reject(routed, "draining");
    const { detail, fault } = result;
    this.#rejectAsProfile(routed, { kind: "unauthorized", presented, detail, fault });
  }

  /** Where a request comes from. @param forwarded the X-Forwarded-For header */
  #origin(
    raw: NetSocket,
    forwarded: string | undefined,
  ): Pick<UpgradeRequest, "address" | "proxy"> {
    const { proxies } = this.#options;
    const peer = raw.remoteAddress ?? "";
    const address = proxies.clientAddress(peer, forwarded);
    const isDirect = forwarded === undefined || address === proxies.clientAddress(peer, undefined);
    return { address, proxy: isDirect ? undefined : peer };
  }

  #rejectionFor({ headers }: IncomingMessage): keyof typeof STATUS | undefined {
    const { allowedOrigins, loopbackHostOnly } = this.#options;
    if (this.#draining) return "draining";
    if (loopbackHostOnly && !hostIsLoopback(headers.host)) return "foreign_host";
    if (!originAllowed(headers.origin, headers.host, allowedOrigins)) return "foreign_origin";
  }

  /** @returns whether it has become a session; if not, it is rejected and its permit released */
  #accept(
    routed: RoutedUpgrade,
    { grant, permit, reached }: {
      readonly grant: Grant;
      readonly permit: Permit;
      readonly reached: NoClaim | undefined;
    },
  ): boolean {
    const { acceptor, quotas, clock, connect } = this.#options;
    const { request, raw, head, ...rest } = routed;
    if (reached !== undefined) {
      permit.release();
      const detail = REJECTION_DETAILS[reached];
      if (reached !== "too_many_for_key") this.#reject(routed, reached);
      else this.#rejectAsProfile(routed, { kind: reached, detail, key: grant.keyId });
      return false;
    }
    const quota = quotas.join(grant, clock.now());
    const admitted = new AdmittedConnection(this.#options, { grant, permit });
    let isAccepted = false;
    acceptor.accept(request, raw, head, (socket) => {
      isAccepted = true;
      const id = connect({ ...rest, socket, grant, quota, admitted });
      if (rest.profile.replaces !== undefined) permit.opened(id);
    });
    if (isAccepted) return true;
    admitted.ended();
    this.#record(routed, { reason: "bad_handshake" }); // ws has answered what we had overlooked
    return false;
  }

  /**
   * Tells a client in a close frame when to come back, before it costs a session: a page of a browser could
   * not read an HTTP answer.
   */
  #sendAway(routed: RoutedUpgrade, slotMs: number): void {
    this.handedOut(slotMs);
    const reason = "too_many_at_once";
    this.#record(routed, { reason });
    const text = rejectionText(reason, slotMs);
    this.#acceptAndClose(routed, { texts: [], code: TRY_AGAIN_LATER, reason: text });
  }

  /** Rejects in the profile's own form. @param key the key of the credential, where it is known */
  #rejectAsProfile(
    routed: RoutedUpgrade,
    { key, ...rejection }: HandshakeRejection & { readonly key?: string },
  ): void {
    const { profile } = routed;
    const { detail, kind } = rejection;
    this.#record(routed, { reason: kind, detail, key });
    const response = profile.rejectionOf(rejection);
    if (response.kind === "http") return this.#answer(routed, response, detail);
    const isAccepted = this.#acceptAndClose(routed, response);
    if (isAccepted && kind === "unauthorized") this.#options.metrics.unauthorized(profile.name);
  }

  #rejectHandshake(routed: RoutedUpgrade, { status, detail, headers }: HandshakeProblem): void {
    this.#record(routed, { reason: "bad_handshake", detail });
    this.#answer(routed, problemRejection(status, detail, headers), detail);
  }

  /** Rejects a target in the form of the profile to which it belongs. */
  #rejectTarget(
    unrouted: UpgradeRequest,
    { profile, answer }: { readonly profile: Profile; readonly answer: NotFound },
  ): void {
    const upgrade = { ...unrouted, profile };
    const { detail } = answer;
    this.#record(upgrade, { reason: "not_found", detail });
    this.#answer(upgrade, answer, detail);
  }

  #reject(upgrade: UpgradeRequest, reason: keyof typeof STATUS): void {
    this.#record(upgrade, { reason });
    const status = STATUS[reason];
    const detail = REJECTION_DETAILS[reason];
    if (status !== STATUS_CODE.ServiceUnavailable) {
      return this.#answer(upgrade, problemRejection(status, detail), detail);
    }
    const seconds = Math.ceil((this.#newestSlotMs - this.#options.clock.now()) / 1_000);
    const afterS = Math.max(1, seconds);
    const rejection = problemRejection(status, detail, { "Retry-After": `${afterS}` });
    this.#answer(upgrade, rejection, rejectionText(reason, 1_000 * afterS));
  }

  /** Counts and logs a rejection. The URL is not logged: its query may hold a credential. */
  #record(
    upgrade: UpgradeRequest,
    { reason, detail = REJECTION_DETAILS[reason], key }: {
      readonly reason: RejectionReason;
      readonly detail?: string;
      readonly key?: string;
    },
  ): void {
    const { metrics, log, rejections, clock } = this.#options;
    metrics.upgradeRejected(reason);
    const profile = upgrade.profile?.name;
    const rejection = { profile, key, address: upgrade.address, reason, detail };
    rejections.add(rejection, clock.wall());
    log.info("upgrade refused", rejection);
  }

  /** Answers instead of upgrading, and ends TCP, also for a peer that stays or goes on sending. */
  #answer(upgrade: UpgradeRequest, response: HttpRejection, detail: string): void {
    const { status } = response;
    if (!this.#options.canRejectUpgrades) {
      const isTemporary = status === STATUS_CODE.ServiceUnavailable ||
        status === STATUS_CODE.TooManyRequests;
      const code = isTemporary ? TRY_AGAIN_LATER : POLICY_VIOLATION;
      this.#acceptAndClose(upgrade, { texts: [], code, reason: detail });
      return;
    }
    if (this.#closesInstead(upgrade, status)) {
      const reason = `${detail.slice(0, MAX_DETAIL_LENGTH)}; no retry`;
      const isAccepted = this.#acceptAndClose(upgrade, { texts: [], code: UNAUTHORIZED, reason });
      const { profile } = upgrade;
      if (isAccepted && profile !== undefined && status === STATUS_CODE.Unauthorized) {
        this.#options.metrics.unauthorized(profile.name);
      }
      if (isAccepted) return;
    }
    upgrade.raw.end(responseText(response));
    this.#destroyLater(upgrade.raw);
  }

  /**
   * Whether a rejection is a close frame after the handshake. A browser shows its page neither the status
   * nor the body of a failed handshake: without this it could not know that another attempt is useless.
   */
  #closesInstead({ request: { headers }, profile }: UpgradeRequest, status: number): boolean {
    const isFinal = status === STATUS_CODE.Unauthorized || status === STATUS_CODE.NotFound;
    if (!isFinal || (profile !== undefined && !profile.closesRejectedBrowsers)) return false;
    const offered = headers["sec-websocket-protocol"]?.split(",").map((name) => name.trim());
    const { allowedOrigins } = this.#options;
    const isBrowser = headers.origin !== undefined || offered?.includes("systole");
    return Boolean(isBrowser) && handshakeProblem({ method: "GET", headers }) === undefined &&
      originAllowed(headers.origin, headers.host, allowedOrigins);
  }

  /** Completes the handshake, sends the texts and a close frame. @returns whether it was valid */
  #acceptAndClose(
    { request, raw, head }: UpgradeRequest,
    { texts, code, reason }: {
      readonly texts: readonly string[];
      readonly code: number;
      readonly reason: string;
    },
  ): boolean {
    let isAccepted = false;
    request.headers.upgrade = "websocket";
    this.#options.acceptor.accept(request, raw, head, (socket) => {
      isAccepted = true;
      socket.attach(NOOP_EVENTS);
      for (const text of texts) socket.write(textFrame(text), () => {});
      socket.abort(code, reason);
    });
    return isAccepted;
  }

  /** Nothing is read from a rejected peer, so that its own end would not be noticed. */
  #destroyLater(raw: NetSocket): void {
    const { closeWaitMs, clock } = this.#options;
    raw.once("close", clock.after(closeWaitMs, () => raw.destroy()));
  }
}

/** What a connection holds as long as it is open. */
class AdmittedConnection implements Admitted {
  readonly #options: UpgraderOptions;
  readonly #permit: Permit;
  #grant: Grant;

  constructor(
    options: UpgraderOptions,
    { grant, permit }: { readonly grant: Grant; readonly permit: Permit },
  ) {
    this.#options = options;
    this.#grant = grant;
    this.#permit = permit;
  }

  ended(): void {
    const { quotas, clock } = this.#options;
    this.#permit.release();
    quotas.leave(this.#grant, clock.now());
  }

  /** Counted at once: a client that stays connected must not come in again meanwhile. */
  violated(): void {
    const { suspensions, log } = this.#options;
    const { keyId } = this.#grant;
    if (keyId === undefined) return;
    suspensions.violation(keyId).catch((error) => {
      log.error("a violation could not be counted", { key: keyId, error });
    });
  }

  renewed(grant: Grant): Quota | undefined {
    const { quotas, clock } = this.#options;
    const nowMs = clock.now();
    const quota = quotas.join(grant, nowMs); // first: the window of an equal limit must not be left
    quotas.leave(this.#grant, nowMs);
    this.#grant = grant;
    return quota;
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
