/**
 * One connection: makes its record, its queue and its pumps, and is the only module that ends it.
 * Its errors stop here. Each connection has two log lines, one when it opens and one when it has
 * ended.
 *
 * @module
 */

import type { Grant } from "./auth/grant.ts";
import type { Quota } from "./auth/quotas.ts";
import { RateLimit } from "./auth/rate_limit.ts";
import type { Rights } from "./auth/rights.ts";
import { type CloseHistory, logFieldsOf, recordOf } from "./client/close_history.ts";
import { type Connection, ConnectionCounters } from "./client/connection.ts";
import { CredentialExpiry } from "./client/credential_expiry.ts";
import { HealthActions, type HealthActionsOptions } from "./client/health_actions.ts";
import { HeartbeatTimer, type HeartbeatTimerOptions } from "./client/heartbeat_timer.ts";
import { TokenRefresh, type TokenRefreshOptions } from "./client/token_refresh.ts";
import {
  type Cause,
  CLOSE_REASONS,
  type CloseChange,
  type CloseReason,
  closeText,
} from "./close_codes.ts";
import { closeCauseOf } from "./diagnosis/close_cause.ts";
import type { IdleTimeoutDetector } from "./diagnosis/idle_timeout_detector.ts";
import type { ConnectionStats } from "./hub/subscription_registry.ts";
import { ConnectionHealth } from "./liveness/connection_health.ts";
import { Heartbeat } from "./liveness/heartbeat.ts";
import type { Notice, RefreshRequest } from "./message.ts";
import type { ProfileCounts } from "./metrics/table.ts";
import type { Profile, ProtocolSession } from "./profiles/profile.ts";
import { ReadPump, type ReadPumpOptions } from "./read_pump.ts";
import type { Socket, SocketEnd } from "./transport/socket.ts";
import { textFrame } from "./transport/text_frame.ts";
import type { AcceptedConnection, Admitted } from "./transport/upgrade.ts";
import { type Enqueued, WritePump, type WritePumpOptions } from "./write_pump.ts";

/** What all clients share: what their parts take, and what the Client itself does. */
export interface ClientOptions
  extends
    ReadPumpOptions,
    WritePumpOptions,
    HeartbeatTimerOptions,
    HealthActionsOptions,
    TokenRefreshOptions {
  readonly closeHistory: CloseHistory;
  readonly idleTimeouts: IdleTimeoutDetector;
  /** Frames a second that one connection may send; 0 = no limit. */
  readonly maxMessagesPerSecond: number;
  /** In [0, 1): spreads first pings and marks control pings. */
  readonly random: () => number;
  /** Returns a UUID. */
  readonly newId: () => string;
}

export class Client implements Connection {
  readonly id: string;
  readonly profile: Profile;
  readonly keyId: string | undefined;
  readonly address: string;
  readonly session: ProtocolSession;
  rights: Rights;
  readonly heartbeat: Heartbeat;
  readonly health: ConnectionHealth;
  readonly writePump: WritePump;
  readonly flood: RateLimit;
  quota: Quota | undefined;
  readonly counts: ProfileCounts;
  readonly counters: ConnectionCounters;
  readonly #options: ClientOptions;
  readonly #socket: Socket;
  readonly #proxy: string | undefined;
  readonly #admitted: Admitted;
  readonly #expiry: CredentialExpiry;
  readonly #heartbeatTimer: HeartbeatTimer;
  readonly #healthActions: HealthActions;
  readonly #readPump: ReadPump;
  /** Made by the first one. */
  #tokenRefresh: TokenRefresh | undefined;
  #reason: CloseReason | undefined;

  /** Starts both pumps and sends the profile's first frames. */
  constructor(accepted: AcceptedConnection, options: ClientOptions) {
    const { socket, profile, target, grant, quota, address, proxy, admitted } = accepted;
    const { clock, wheel, hub, metrics, log, maxMessagesPerSecond, random } = options;
    const { keyId, rights } = grant;
    this.id = options.newId();
    this.profile = profile;
    this.keyId = keyId;
    this.address = address;
    this.rights = rights;
    this.#options = options;
    this.#socket = socket;
    this.#proxy = proxy;
    this.#admitted = admitted;
    this.session = profile.open({ clientId: this.id, target, rights, wallMs: clock.wall() });
    this.counts = metrics.of(profile.name);
    this.counters = new ConnectionCounters(this.counts, clock);
    this.heartbeat = new Heartbeat(this.session.rules, wheel.now(), random());
    this.#healthActions = new HealthActions(this, options);
    this.health = new ConnectionHealth({
      clientId: this.id,
      nowMs: wheel.now(),
      random: random(),
      rules: this.session.rules,
      listener: this.#healthActions,
    });
    this.flood = new RateLimit(maxMessagesPerSecond, clock.now());
    this.quota = quota;
    this.writePump = new WritePump(socket, options, this);
    log.info("connection opened", { id: this.id, profile: profile.name, key: keyId, address });
    for (const text of this.session.initialFrames) this.#sendText(text);
    hub.tell({ kind: "join", subscriber: this, channels: this.session.initialSubscriptions });
    this.#expiry = new CredentialExpiry(grant, clock.wall());
    this.#heartbeatTimer = new HeartbeatTimer(this, this.#expiry, options);
    this.#readPump = new ReadPump(this, socket, options);
    socket.attach(this.#readPump);
    this.writePump.flush(); // in one write with the handshake's answer
  }

  get closing(): boolean {
    return this.#reason !== undefined;
  }

  stats(): ConnectionStats {
    const nowMs = this.#options.wheel.now();
    return this.counters.stats({
      idleMs: nowMs - this.heartbeat.lastActivityMs,
      applicationIdleMs: nowMs - this.health.applicationMs,
      queuedMessages: this.writePump.queuedMessages,
    });
  }

  pauseReading(): void {
    this.#readPump.pause();
  }

  resumeReading(): void {
    this.#readPump.resume();
  }

  notify(notice: Notice): boolean {
    const text = this.session.notify(notice);
    if (text === undefined || this.#sendText(text) !== "queued") return false;
    const nowMs = this.#options.wheel.now();
    if (notice.kind === "reconnect") this.health.recorder.record("advised", nowMs, notice.afterMs);
    return true;
  }

  refresh(request: RefreshRequest): void {
    this.#tokenRefresh ??= new TokenRefresh(this, this.#expiry, this.#options);
    void this.#tokenRefresh.check(request); // never rejects
  }

  /** From now on a new token of the same subject holds; subscriptions are left to the hub. */
  renew(grant: Grant): void {
    const { clock } = this.#options;
    this.rights = grant.rights;
    this.quota = this.#admitted.renewed(grant);
    this.#expiry.renew(grant, clock.wall());
    this.#heartbeatTimer.reschedule();
  }

  /** Begins to close the connection, for exactly one reason: later ones change nothing. */
  close(reason: CloseReason, change?: CloseChange): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    if (reason === "rate_limited") this.#admitted.violated();
    const { ending, mayRetry, afterMs, ...row } = { ...CLOSE_REASONS[reason], ...change };
    const ownFrame = this.session.closeFrame?.(reason);
    const { code, reason: text } = ownFrame ?? { ...row, reason: closeText(reason, afterMs) };
    this.health.recorder.record("closing", this.#options.wheel.now(), code);
    const isGraceful = ending === "graceful";
    if (isGraceful && mayRetry) this.notify({ kind: "reconnect", afterMs, reason });
    // Where the profile has a last frame of its own, the answers to earlier requests come before it.
    const last = ownFrame?.text === undefined ? undefined : textFrame(ownFrame.text);
    if (last !== undefined) this.counters.queued();
    if (isGraceful || ownFrame !== undefined) this.writePump.finish(last);
    else this.counters.dropped(this.writePump.discard());
    if (isGraceful) this.#socket.close(code, text);
    else if (ending === "abort" && ownFrame === undefined) this.#socket.terminate();
    else this.#socket.abort(code, text);
  }

  terminate(): void {
    this.#socket.terminate();
  }

  onQueueFull(): void {
    const { recorder } = this.health;
    recorder.record("queue_full", this.#options.wheel.now(), this.writePump.queuedMessages);
    this.close("slow_consumer");
  }

  onSocketClosed({ byPeer, code }: SocketEnd): void {
    const { wheel, hub, clock, log, closeHistory, metrics } = this.#options;
    const reason = this.#reason ??= byPeer ? "client_close" : "network_error";
    const cause = this.#causeOf(reason);
    const record = recordOf(this, { reason, cause, closedMs: clock.wall() });
    metrics.disconnected(cause);
    this.counters.dropped(this.writePump.discard());
    this.#heartbeatTimer.stop();
    this.#healthActions.end();
    this.health.end(wheel.now(), code);
    hub.tell({ kind: "leave", subscriber: this });
    this.counts.closed[reason]++;
    closeHistory.add(record);
    log.info("connection closed", logFieldsOf(record));
    this.#admitted.ended();
  }

  #causeOf(reason: CloseReason): Cause {
    const { wheel, clock, idleTimeouts, log } = this.#options;
    const { lastActiveLayer, lastHeardOrPingedMs } = this.health;
    const found = reason === "network_error"
      ? idleTimeouts.ended({
        address: this.address,
        proxy: this.#proxy,
        idleMs: wheel.now() - Math.max(lastHeardOrPingedMs, this.writePump.lastWriteMs),
        nowMs: clock.wall(),
      })
      : undefined;
    if (found?.shouldLog) {
      log.warning("a proxy on the way closes idle connections", { ...found.limit });
    }
    const { sinceLongStallMs } = wheel;
    return closeCauseOf({
      reason,
      sinceLongStallMs,
      lastActiveLayer,
      wasCut: found !== undefined,
    });
  }

  #sendText(text: string): Enqueued {
    return this.writePump.offer(textFrame(text));
  }
}
