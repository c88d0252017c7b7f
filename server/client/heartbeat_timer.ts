/**
 * The timer of one connection, called by the wheel: it ends silent connections and those whose
 * credential expires, announces that end, and sends pings and the profile's own heartbeat, as a
 * writePump's ticker does. The control ping goes around the send queue, the app ping through it; both
 * leave in one write when the queue is empty.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import type { CloseReason } from "../close_codes.ts";
import { detectionBoundMs } from "../liveness/heartbeat.ts";
import type { TimerTask, Wheel, WheelEntry } from "../liveness/wheel.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { textFrame } from "../transport/text_frame.ts";
import type { Enqueued } from "../write_pump.ts";
import type { Connection } from "./connection.ts";
import type { CredentialExpiry } from "./credential_expiry.ts";

/** What all heartbeat timers share. */
export interface HeartbeatTimerOptions {
  readonly clock: Clock;
  readonly wheel: Wheel;
  readonly metrics: Metrics;
  /** A batch must drain within so long, ms. */
  readonly writeWaitMs: number;
  /** A frozen application that has sent nothing for so long ends its connection, ms; 0 = never. */
  readonly frozenWaitMs: number;
}

export class HeartbeatTimer implements TimerTask {
  readonly #connection: Connection;
  readonly #options: HeartbeatTimerOptions;
  readonly #expiry: CredentialExpiry;
  #entry: WheelEntry;
  #textHeartbeatDueMs: number;
  #pings = 0;

  /**
   * Pings at once, behind the first frames, and starts.
   *
   * @param expiry of its credential
   */
  constructor(connection: Connection, expiry: CredentialExpiry, options: HeartbeatTimerOptions) {
    const { wheel } = options;
    const nowMs = wheel.now();
    this.#connection = connection;
    this.#options = options;
    this.#expiry = expiry;
    this.#textHeartbeatDueMs = nowMs + (connection.session.textHeartbeat?.firstMs ?? Infinity);
    this.#measureAtOnce(nowMs);
    this.#entry = wheel.schedule(this, this.#dueMs(nowMs));
  }

  onDue(nowMs: number, mayExpire: boolean): number {
    if (this.#connection.closing) return Infinity; // the socket's closeWait bounds the rest
    const reason = this.#decide(nowMs, mayExpire);
    if (reason !== undefined) {
      this.#connection.close(reason);
      return Infinity;
    }
    this.#sendTextHeartbeat(nowMs);
    this.#announceExpiry();
    return this.#dueMs(nowMs);
  }

  get expires(): boolean {
    return true;
  }

  /** The end of a credential is no nearer on the wheel, but by the wall clock. */
  stalled(sinceMs: number, stalledMs: number): number | undefined {
    const { heartbeat, health } = this.#connection;
    heartbeat.stalled(sinceMs, stalledMs);
    health.recorder.stalled(sinceMs, stalledMs);
    const { dueMs } = this.#expiry;
    return dueMs === Infinity ? undefined : sinceMs + dueMs - this.#options.clock.wall();
  }

  /** The credential has been renewed: what is due next may be due earlier than before. */
  reschedule(): void {
    const { wheel } = this.#options;
    wheel.cancel(this.#entry);
    this.#entry = wheel.schedule(this, this.#dueMs(wheel.now()));
  }

  stop(): void {
    this.#options.wheel.cancel(this.#entry);
  }

  #decide(nowMs: number, mayExpire: boolean): CloseReason | undefined {
    const { clock, writeWaitMs } = this.#options;
    const { heartbeat, writePump: { writingSinceMs }, counts, health } = this.#connection;
    if (this.#expiry.isOver(clock.wall())) return "token_expired";
    if (mayExpire) health.evaluate(nowMs, writingSinceMs);
    if (mayExpire && nowMs >= writingSinceMs + writeWaitMs) {
      health.recorder.record("write_stuck", nowMs, nowMs - writingSinceMs);
      return "write_timeout";
    }
    if (mayExpire && nowMs >= this.#frozenDueMs) return "frozen";
    const decision = heartbeat.evaluate(nowMs, mayExpire);
    switch (decision) {
      case "ok":
        return undefined;
      case "missed":
        counts.heartbeatsMissed++;
        health.missed(nowMs);
        return this.#ping(nowMs);
      case "ping":
        return this.#ping(nowMs);
      case "stale":
      case "missed_heartbeats":
        this.#recordExpiry(nowMs);
        return decision;
    }
  }

  /** Records a dead peer. */
  #recordExpiry(nowMs: number): void {
    const { wheel, metrics } = this.#options;
    const { heartbeat, profile, counts, health } = this.#connection;
    const silentMs = nowMs - heartbeat.lastActivityMs;
    metrics.detected(profile.name, silentMs);
    const isLate = silentMs > detectionBoundMs(heartbeat.rules);
    if (isLate && nowMs > wheel.mayExpireSinceMs) counts.detectionsLate++;
    if (heartbeat.isAwaitingPong) counts.heartbeatsMissed++; // its answer cannot come any more
    health.expired(nowMs, silentMs);
  }

  /**
   * The first round trip is known within a second instead of half a minute. The ping is none of the
   * schedule: no deadline and no missed heartbeat depends on it.
   */
  #measureAtOnce(nowMs: number): void {
    const { health, counts, writePump } = this.#connection;
    writePump.queuePing(health.payload());
    health.pingedFirst(nowMs);
    counts.controlPings++;
  }

  /** An app ping that finds the queue full is skipped and counted: it is no reason to close. */
  #ping(nowMs: number): undefined {
    const { id, session, health, counts, writePump } = this.#connection;
    const timestamp = this.#options.clock.wall();
    const number = ++this.#pings;
    const text = session.notify({ kind: "ping", id: `${id.slice(0, 8)}-${number}`, timestamp });
    const enqueued = writePump.ping(health.payload(), text);
    health.pinged(nowMs);
    counts.controlPings++;
    if (text === undefined) return;
    if (this.#countAppPing(enqueued)) health.appPinged({ number, timestamp }, nowMs);
    else health.appPingSkipped(nowMs);
  }

  #sendTextHeartbeat(nowMs: number): void {
    const { session: { textHeartbeat }, writePump } = this.#connection;
    if (textHeartbeat === undefined || nowMs < this.#textHeartbeatDueMs) return;
    while (this.#textHeartbeatDueMs <= nowMs) this.#textHeartbeatDueMs += textHeartbeat.periodMs;
    this.#countAppPing(writePump.offer(textFrame(textHeartbeat.text)));
  }

  #announceExpiry(): void {
    const afterMs = this.#expiry.announce(this.#options.clock.wall());
    if (afterMs !== undefined) this.#connection.notify({ kind: "expiring", afterMs });
  }

  /** @returns whether it was queued */
  #countAppPing(enqueued: Enqueued): boolean {
    const { counts } = this.#connection;
    if (enqueued === "queued") counts.appPings++;
    else counts.appPingsSkipped++;
    return enqueued === "queued";
  }

  get #frozenDueMs(): number {
    const { frozenWaitMs } = this.#options;
    const { health } = this.#connection;
    if (frozenWaitMs === 0 || health.liveness !== "frozen") return Infinity;
    return health.applicationMs + frozenWaitMs;
  }

  /** A batch that starts right after this call is due after writeWait at the earliest. */
  #dueMs(nowMs: number): number {
    const { writeWaitMs, clock } = this.#options;
    const { heartbeat, writePump: { writingSinceMs }, health } = this.#connection;
    return Math.min(
      heartbeat.dueMs,
      health.dueMs(nowMs),
      this.#textHeartbeatDueMs,
      this.#frozenDueMs,
      Math.min(writingSinceMs, nowMs) + writeWaitMs,
      nowMs + this.#expiry.dueMs - clock.wall(),
    );
  }
}
