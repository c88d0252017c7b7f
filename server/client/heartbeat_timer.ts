/**
 * What the wheel does for one connection: verdicts, pings, the system's own heartbeat, expiry. The
 * ticker of the write pump: its control ping goes around the queue, its app ping through it.
 *
 * @module
 */

import type { CloseReason } from "../close_codes.ts";
import type { Clock } from "../base/clock.ts";
import { detectionBoundMs, type Heartbeat } from "../liveness/heartbeat.ts";
import type { TimerTask, Wheel, WheelEntry } from "../liveness/wheel.ts";
import type { ProfileCounts } from "../metrics/counts.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { ProtocolSession } from "../profiles/profile.ts";
import type { ConnectionHealth } from "../liveness/connection_health.ts";
import type { Enqueued } from "../write_pump.ts";

/** The client behind the pulse. */
export interface Pulsed {
  /** Its id among all nodes. */
  readonly id: string;
  /** What it speaks. */
  readonly profile: { readonly name: string };
  /** Knows how it is. */
  readonly health: ConnectionHealth;
  /** Judges its silence. */
  readonly heartbeat: Heartbeat;
  /** Words the app ping, and has a heartbeat of its own or not. */
  readonly session: ProtocolSession;
  /** Counts the pings. */
  readonly counts: ProfileCounts;
  /** Whether it has been let go. */
  readonly closing: boolean;
  /** When the batch in flight was written, time on the wheel; Infinity when there is none. */
  readonly writingSinceMs: number;
  /** Writes a control ping. */
  ping(payload: Uint8Array): void;
  /** Queues a text. */
  sendText(text: string): Enqueued;
  /** Lets it go. */
  close(reason: CloseReason): void;
}

/** What all pulses share. */
export interface HeartbeatTimerOptions {
  /** Time of the machine. */
  readonly clock: Clock;
  /** Time without stalls, and who is due. */
  readonly wheel: Wheel;
  /** Learns how fast dead peers are found. */
  readonly metrics: Metrics;
  /** A batch must drain within so long, ms. */
  readonly writeWaitMs: number;
}

/** See the module. */
export class HeartbeatTimer implements TimerTask {
  readonly #client: Pulsed;
  readonly #options: HeartbeatTimerOptions;
  readonly #expiresAtMs: number;
  readonly #place: WheelEntry;
  #beatDueMs: number;
  #pings = 0;

  /** Starts to beat. @param expiresAtMs when the client's credential ends, wall-clock ms */
  constructor(client: Pulsed, expiresAtMs: number, options: HeartbeatTimerOptions) {
    const { wheel } = options;
    const nowMs = wheel.now();
    this.#client = client;
    this.#options = options;
    this.#expiresAtMs = expiresAtMs;
    this.#beatDueMs = nowMs + (client.session.textHeartbeat?.firstMs ?? Infinity);
    this.#place = wheel.schedule(this, this.#dueMs(nowMs));
  }

  /** See `TimerTask`. */
  onDue(nowMs: number, mayExpire: boolean): number {
    if (this.#client.closing) return Infinity; // the socket's own closeWait bounds the rest
    const reason = this.#decide(nowMs, mayExpire);
    if (reason !== undefined) {
      this.#client.close(reason);
      return Infinity;
    }
    this.#beatOfItsOwn(nowMs);
    return this.#dueMs(nowMs);
  }

  /** See `TimerTask`. */
  stalled(sinceMs: number, stalledMs: number): void {
    const { heartbeat, health } = this.#client;
    heartbeat.stalled(sinceMs, stalledMs);
    health.recorder.stalled(sinceMs, stalledMs);
  }

  /** Beats no more. */
  stop(): void {
    this.#options.wheel.cancel(this.#place);
  }

  #decide(nowMs: number, mayExpire: boolean): CloseReason | undefined {
    const { clock, writeWaitMs } = this.#options;
    const { heartbeat, writingSinceMs, counts, health } = this.#client;
    if (clock.wall() >= this.#expiresAtMs) return "token_expired";
    if (mayExpire) health.evaluate(nowMs, writingSinceMs);
    if (mayExpire && nowMs >= writingSinceMs + writeWaitMs) {
      health.recorder.record("write_stuck", nowMs, nowMs - writingSinceMs);
      return "write_timeout";
    }
    const finding = heartbeat.evaluate(nowMs, mayExpire);
    switch (finding) {
      case "well":
        return undefined;
      case "missed":
        counts.heartbeatsMissed++;
        health.missed(nowMs);
        return this.#ping(nowMs);
      case "ping":
        return this.#ping(nowMs);
      case "stale":
      case "missed_heartbeats":
        this.#expire(nowMs);
        return finding;
    }
  }

  #expire(nowMs: number): void {
    const { wheel, metrics } = this.#options;
    const { heartbeat, profile, counts, health } = this.#client;
    const silentMs = nowMs - heartbeat.lastLifeMs;
    metrics.detected(profile.name, silentMs);
    const isLate = silentMs > detectionBoundMs(heartbeat.rules);
    if (isLate && nowMs > wheel.decidingSinceMs) counts.detectionsLate++;
    if (heartbeat.isAwaitingPong) counts.heartbeatsMissed++; // nobody waits for its answer any more
    health.expired(nowMs, silentMs);
  }

  #ping(nowMs: number): undefined {
    const { id, session, health, counts } = this.#client;
    this.#client.ping(health.payload());
    health.pinged(nowMs);
    counts.controlPings++;
    const timestamp = this.#options.clock.wall();
    const number = ++this.#pings;
    const text = session.notify({ kind: "ping", id: `${id.slice(0, 8)}-${number}`, timestamp });
    if (text === undefined) return;
    if (this.#sayBeat(text)) health.appPinged({ number, timestamp }, nowMs);
    else health.appPingSkipped(nowMs);
  }

  #beatOfItsOwn(nowMs: number): void {
    const { textHeartbeat } = this.#client.session;
    if (textHeartbeat === undefined || nowMs < this.#beatDueMs) return;
    while (this.#beatDueMs <= nowMs) this.#beatDueMs += textHeartbeat.periodMs;
    this.#sayBeat(textHeartbeat.text);
  }

  /** One that finds the queue full is skipped and counted, never a reason to evict. */
  #sayBeat(text: string): boolean {
    const isQueued = this.#client.sendText(text) === "queued";
    if (isQueued) this.#client.counts.appPings++;
    else this.#client.counts.appPingsSkipped++;
    return isQueued;
  }

  /** A batch written right after this look is due after writeWait at the earliest: soon enough. */
  #dueMs(nowMs: number): number {
    const { writeWaitMs, clock } = this.#options;
    const { heartbeat, writingSinceMs, health } = this.#client;
    return Math.min(
      heartbeat.dueMs,
      health.dueMs(nowMs),
      this.#beatDueMs,
      Math.min(writingSinceMs, nowMs) + writeWaitMs,
      nowMs + this.#expiresAtMs - clock.wall(),
    );
  }
}
