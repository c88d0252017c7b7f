/**
 * One connection: owns its socket, its queue and its pumps, and is the only room that ends it. Its
 * errors stop here; each connection is told of in two log lines, one when it opens and one when it
 * has ended.
 *
 * @module
 */

import { closeCauseOf } from "./diagnosis/close_cause.ts";
import {
  type Cause,
  CLOSE_REASONS,
  type CloseChange,
  type CloseReason,
  closeText,
} from "./close_codes.ts";
import { logFieldsOf, recordOf } from "./client/close_history.ts";
import { RateLimit } from "./auth/rate_limit.ts";
import type { SlidingWindow } from "./auth/sliding_window.ts";
import { HealthActions, type Watched } from "./client/health_actions.ts";
import type { ClientContext } from "./client/client_deps.ts";
import type { AcceptedConnection } from "./transport/upgrade.ts";
import { ConnectionCounters } from "./client/connection_counters.ts";
import { Heartbeat } from "./liveness/heartbeat.ts";
import type { Command, Notice } from "./message.ts";
import type { ProfileCounts } from "./metrics/counts.ts";
import type { Profile, ProtocolSession } from "./profiles/profile.ts";
import { HeartbeatTimer, type Pulsed } from "./client/heartbeat_timer.ts";
import { type Reader, ReadPump } from "./read_pump.ts";
import type { ConnectionStats, Subscriber } from "./hub/subscription_registry.ts";
import type { Socket, SocketEnd } from "./transport/socket.ts";
import { ConnectionHealth } from "./liveness/connection_health.ts";
import { type Enqueued, WritePump } from "./write_pump.ts";
import type { Rights } from "./auth/rights.ts";

/** See the module. */
export class Client implements Subscriber, Reader, Pulsed, Watched {
  /** See `Subscriber`. */
  readonly id: string = crypto.randomUUID();
  /** See `Subscriber`. */
  readonly profile: Profile;
  /** See `Subscriber`. */
  readonly keyId: string | undefined;
  /** See `Subscriber`. */
  readonly address: string;
  /** See `Subscriber`, `Reader` and `Pulsed`. */
  readonly session: ProtocolSession;
  /** See `Reader`. */
  readonly rights: Rights;
  /** See `Reader`. */
  readonly heartbeat: Heartbeat;
  /** See `Reader`, `Pulsed` and `Watched`. */
  readonly health: ConnectionHealth;
  /** See `Reader`. */
  readonly flood: RateLimit;
  /** See `Reader`. */
  readonly quota: SlidingWindow | undefined;
  /** See `Reader`. */
  readonly counts: ProfileCounts;
  readonly #context: ClientContext;
  readonly #socket: Socket;
  readonly #proxy: string | undefined;
  readonly #onEnd: () => void;
  readonly #onViolation: () => void;
  readonly #writePump: WritePump;
  readonly #pulse: HeartbeatTimer;
  readonly #ledger: ConnectionCounters;
  readonly #alarm: HealthActions;
  #reason: CloseReason | undefined;

  /** Starts both pumps and welcomes the client. */
  constructor(options: AcceptedConnection, context: ClientContext) {
    const { socket, profile, target, grant, quota, address, proxy, onEnd, onViolation } = options;
    const { clock, wheel, hub, metrics, log, maxMessagesPerSecond, random, isKey } = context;
    const { keyId, rights, expiresAtMs = Infinity } = grant;
    this.profile = profile;
    this.keyId = keyId;
    this.address = address;
    this.rights = rights;
    this.#context = context;
    this.#socket = socket;
    this.#proxy = proxy;
    this.#onEnd = onEnd;
    this.#onViolation = onViolation;
    const wallMs = clock.wall();
    this.session = profile.open({ clientId: this.id, target, rights, isKey, wallMs });
    this.counts = metrics.of(profile.name);
    this.#ledger = new ConnectionCounters(this.counts, clock);
    this.heartbeat = new Heartbeat(this.session.rules, wheel.now(), random());
    this.#alarm = new HealthActions(this, context);
    this.health = new ConnectionHealth({
      clientId: this.id,
      nowMs: wheel.now(),
      random: random(),
      rules: this.session.rules,
      listener: this.#alarm,
    });
    this.flood = new RateLimit(maxMessagesPerSecond, clock.now());
    this.quota = quota;
    this.#writePump = new WritePump(socket, context, () => this.#fallBehind());
    log.info("connection opened", { id: this.id, profile: profile.name, key: keyId, address });
    for (const text of this.session.initialFrames) this.sendText(text);
    hub.tell({ kind: "join", subscriber: this, follows: this.session.initialSubscriptions });
    this.#pulse = new HeartbeatTimer(this, expiresAtMs, context);
    socket.attach(new ReadPump(this, socket, context));
  }

  /** See `Subscriber`. */
  get pendingBytes(): number {
    return this.#writePump.pendingBytes;
  }

  /** See `Subscriber`. */
  get overdueBytes(): number {
    return this.#writePump.overdueBytes;
  }

  /** See `Subscriber`. */
  stats(): ConnectionStats {
    const idleMs = this.#context.wheel.now() - this.heartbeat.lastLifeMs;
    return this.#ledger.stats({ idleMs, queuedMessages: this.#writePump.queuedMessages });
  }

  /** See `Pulsed`. */
  get writingSinceMs(): number {
    return this.#writePump.writingSinceMs;
  }

  /** See `Reader` and `Pulsed`. */
  get closing(): boolean {
    return this.#reason !== undefined;
  }

  /** See `Subscriber`. */
  enqueue(frame: Uint8Array): void {
    const enqueued = this.#queue(frame);
    if (enqueued !== "queued") this.counts.messagesDropped++;
    if (enqueued === "full") this.#fallBehind();
  }

  /** See `Reader`. */
  tell(command: Command): "sent" | "full" | "closed" {
    return this.#context.hub.tell({ kind: "command", subscriber: this, command });
  }

  /** See `Reader`. */
  room(): Promise<void> {
    return this.#context.hub.room();
  }

  /** See `Reader`. */
  received(): void {
    this.#ledger.received();
  }

  /** See `Pulsed`. */
  ping(payload: Uint8Array): void {
    this.#socket.ping(payload);
  }

  /** Answers a control ping within the bound of the send queue: who only pings must read, too. */
  pong(payload: Uint8Array): void {
    if (this.#socket.bufferedBytes > this.#context.queueBytes) this.close("slow_consumer");
    else this.#socket.pong(payload);
  }

  /** Lets the client go, for exactly one reason: later ones change nothing. See `Subscriber`. */
  close(reason: CloseReason, change?: CloseChange): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    if (reason === "rate_limited") this.#onViolation();
    const { ending, mayRetry, afterMs, ...row } = { ...CLOSE_REASONS[reason], ...change };
    const closeFrame = this.session.closeFrame?.(reason);
    const { code, reason: text } = closeFrame ?? { ...row, reason: closeText(reason, afterMs) };
    this.health.recorder.record("closing", this.#context.wheel.now(), code);
    const isGraceful = ending === "graceful";
    if (isGraceful && mayRetry) this.notify({ kind: "reconnect", afterMs, reason });
    // Where the system says goodbye itself, what it was answered before comes before that.
    const last = closeFrame?.text === undefined
      ? undefined
      : this.#context.frameText(closeFrame.text);
    if (last !== undefined) this.#ledger.sent();
    if (isGraceful || closeFrame !== undefined) this.#writePump.finish(last);
    else this.counts.messagesDropped += this.#writePump.discard();
    if (isGraceful) this.#socket.close(code, text);
    else if (ending === "abort" && closeFrame === undefined) this.#socket.terminate();
    else this.#socket.abort(code, text);
  }

  /** See `Subscriber`. */
  terminate(): void {
    this.#socket.terminate();
  }

  /** See `Reader`. */
  onSocketClosed({ byPeer, code }: SocketEnd): void {
    const { wheel, hub, clock, log, closeHistory, metrics } = this.#context;
    const reason = this.#reason ??= byPeer ? "client_close" : "network_error";
    const cause = this.#closeCauseOf(reason);
    const end = recordOf(this, { reason, cause, closedMs: clock.wall() });
    metrics.disconnected(cause);
    this.counts.messagesDropped += this.#writePump.discard();
    this.#pulse.stop();
    this.#alarm.end();
    this.health.end(wheel.now(), code);
    hub.tell({ kind: "leave", subscriber: this });
    this.counts.closed[reason]++;
    closeHistory.add(end);
    log.info("connection closed", logFieldsOf(end));
    this.#onEnd();
  }

  #closeCauseOf(reason: CloseReason): Cause {
    const { wheel, clock, idleTimeouts, log } = this.#context;
    const { lastActiveLayer, lastHeardOrPingedMs } = this.health;
    const found = reason === "network_error"
      ? idleTimeouts.ended({
        address: this.address,
        proxy: this.#proxy,
        idleMs: wheel.now() - Math.max(lastHeardOrPingedMs, this.#writePump.lastWriteMs),
        nowMs: clock.wall(),
      })
      : undefined;
    if (found?.shouldLog) log.warning("idle connections are cut on the way", { ...found.limit });
    const { sinceStandstillMs } = wheel;
    return closeCauseOf({
      reason,
      sinceStandstillMs,
      lastActiveLayer,
      wasCut: found !== undefined,
    });
  }

  /** See `Watched`. */
  notify(notice: Notice): boolean {
    const text = this.session.notify(notice);
    if (text === undefined || this.sendText(text) !== "queued") return false;
    const nowMs = this.#context.wheel.now();
    if (notice.kind === "reconnect") this.health.recorder.record("advised", nowMs, notice.afterMs);
    return true;
  }

  /** See `Pulsed`. */
  sendText(text: string): Enqueued {
    return this.#queue(this.#context.frameText(text));
  }

  #fallBehind(): void {
    const { recorder } = this.health;
    recorder.record("queue_full", this.#context.wheel.now(), this.#writePump.queuedMessages);
    this.close("slow_consumer");
  }

  #queue(frame: Uint8Array): Enqueued {
    const enqueued = this.#writePump.enqueue(frame);
    if (enqueued === "queued") this.#ledger.sent();
    return enqueued;
  }
}
