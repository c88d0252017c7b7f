/**
 * One connection's heartbeat: when to ping, when a ping counts as missed, when the peer has been
 * silent for too long. Pure: time is an argument, always the wheel's (ms, without the server's own
 * stalls). Owns the deadline; must not know sockets or frames.
 *
 * @module
 */

import type { HealthThresholds } from "./health.ts";
import { STALL_MS, TICK_MS } from "./wheel.ts";

/** When a profile pings and when a connection times out; all times in ms. */
export interface HeartbeatRules {
  /** Interval between pings. */
  readonly pingPeriodMs: number;
  /** Silence after which a connection is closed. */
  readonly pongWaitMs: number;
  /** Whether silence is measured from the last sign of life or from the first unanswered ping. */
  readonly silenceFrom: "life" | "ping";
  /** A ping is missed when no sign of life arrives within this time after it. */
  readonly heartbeatTimeoutMs: number;
  /**
   * This many misses in a row close a connection, unless the deadline comes first. Not before a
   * silent peer that is pinged at regular intervals would have missed as many: neither an early
   * first ping nor a ping right after a frame shortens the time that a peer has. 0: missed pings
   * close no connection.
   */
  readonly missedHeartbeats: number;
  /** Whether every frame of the peer is a sign of life, or only its heartbeats. */
  readonly framesAreLife: boolean;
  /** Whether a control pong is a sign of life. */
  readonly pongsAreLife: boolean;
  /** Whether a control ping of the peer is a sign of life. */
  readonly pingsAreLife: boolean;
  /** Latency thresholds for the health monitor; no connection is closed for them. */
  readonly health: HealthThresholds;
}

/**
 * What a wheel without a stall may add to a deadline, ms: up to one tick until the deadline's slot
 * ends, up to `STALL_MS` by which the tick may be late, and 5 ms for timers that count in whole ms
 * and for connections that expire in the same tick.
 */
const WHEEL_MS = TICK_MS + STALL_MS + 5;

/**
 * The published bound, ms: a peer that vanishes is detected at most this long after its last sign of
 * life, without the server's own stalls. Where silence is measured from a ping, the wait for that
 * ping is added; the wheel may delay it, too.
 */
export function detectionBoundMs(
  { silenceFrom, pingPeriodMs, pongWaitMs }: Pick<
    HeartbeatRules,
    "silenceFrom" | "pingPeriodMs" | "pongWaitMs"
  >,
): number {
  return pongWaitMs + WHEEL_MS + (silenceFrom === "life" ? 0 : pingPeriodMs + WHEEL_MS);
}

/** What is due. */
export type HeartbeatDecision =
  /** Nothing. */
  | "ok"
  /** Send a ping. */
  | "ping"
  /** A ping was missed: count it and ping again. */
  | "missed"
  /** The deadline has passed: close the connection. */
  | "stale"
  /** Too many misses in a row: close the connection. */
  | "missed_heartbeats";

/** The heartbeat state of one connection. */
export class Heartbeat {
  readonly rules: HeartbeatRules;
  /** Silence below which misses close no connection. */
  readonly #timeoutMs: number;
  #lastActivityMs: number;
  #nextPingMs: number;
  /** When the first unanswered ping was sent; Infinity when there is none. */
  #pingedMs = Infinity;
  #missed = 0;
  /** How long the server stalled since the peer's last sign of life, ms. */
  #stalledMs = 0;
  #suspended = false;
  /** The period is multiplied by this. */
  #periodFactor = 1;

  /**
   * @param nowMs when the connection was opened: the first sign of life
   * @param random a number in [0, 1): spreads the first pings of clients that connected at the same
   *   time over the second half of a period
   */
  constructor(rules: HeartbeatRules, nowMs: number, random: number) {
    this.rules = rules;
    this.#timeoutMs = rules.pingPeriodMs + rules.missedHeartbeats * rules.heartbeatTimeoutMs;
    this.#lastActivityMs = nowMs;
    this.#nextPingMs = nowMs + rules.pingPeriodMs * (0.5 + random / 2);
  }

  /** When the last sign of life arrived. */
  get lastActivityMs(): number {
    return this.#lastActivityMs;
  }

  /** When to call `evaluate()` next. */
  get dueMs(): number {
    return Math.min(this.#nextPingMs, this.#deadlineMs, this.#missDueMs);
  }

  get isAwaitingPong(): boolean {
    return this.#pingedMs !== Infinity;
  }

  /**
   * A sign of life arrived. On the frame path: changes numbers, nothing else.
   *
   * @returns whether a timeout was averted: with the server's stalls counted as silence, the
   *   deadline would have passed
   */
  touch(nowMs: number): boolean {
    const isAverted = this.#stalledMs > 0 && nowMs + this.#stalledMs >= this.#deadlineMs;
    this.#lastActivityMs = nowMs;
    this.#pingedMs = Infinity;
    this.#missed = 0;
    this.#stalledMs = 0;
    return isAverted;
  }

  /**
   * The server stalled. The stall does not count for a peer whose frame was read before the wheel
   * detected it: that timeout is not averted by leaving stalls out.
   *
   * @param sinceMs when the stall began, time on the wheel
   * @param stalledMs how long it lasted
   */
  stalled(sinceMs: number, stalledMs: number): void {
    const { silenceFrom } = this.rules;
    const silentSinceMs = silenceFrom === "life" ? this.#lastActivityMs : this.#pingedMs;
    if (!this.#suspended && silentSinceMs <= sinceMs) this.#stalledMs += stalledMs;
  }

  /** Pings twice as often. */
  pingFaster(nowMs: number): void {
    this.#periodFactor = 0.5;
    this.#nextPingMs = Math.min(this.#nextPingMs, nowMs + this.rules.pingPeriodMs / 2);
  }

  /** Pings at the period of the rules again, from the next ping on. */
  pingNormally(): void {
    this.#periodFactor = 1;
  }

  /** We stopped reading: silence proves nothing until `resume()`. */
  suspend(): void {
    this.#suspended = true;
  }

  /** We read again: the peer's time starts anew. */
  resume(nowMs: number): void {
    this.#suspended = false;
    this.touch(nowMs);
  }

  /**
   * What is due. After "ping" and "missed" the ping counts as sent: the caller MUST send it.
   *
   * @param mayExpire false while the server recovers from a stall of its own: a silent peer cannot
   *   be told from one whose frames are still unread
   */
  evaluate(nowMs: number, mayExpire: boolean): HeartbeatDecision {
    if (this.#suspended) return "ok";
    if (mayExpire) {
      if (nowMs >= this.#deadlineMs) return "stale";
      const missed = !this.#missedAll && nowMs >= this.#missDueMs;
      if (missed) this.#missed++;
      if (this.#missedAll && nowMs >= this.#missDueMs) return "missed_heartbeats";
      if (missed) {
        this.#pingedMs = nowMs;
        this.#advance(nowMs);
        return "missed";
      }
    }
    if (nowMs < this.#nextPingMs) return "ok";
    if (this.#pingedMs === Infinity) this.#pingedMs = nowMs;
    this.#advance(nowMs);
    return "ping";
  }

  get #deadlineMs(): number {
    const { silenceFrom, pongWaitMs } = this.rules;
    return (silenceFrom === "life" ? this.#lastActivityMs : this.#pingedMs) + pongWaitMs;
  }

  /** When the next miss counts; after the last one, when it closes the connection. */
  get #missDueMs(): number {
    if (this.rules.missedHeartbeats === 0) return Infinity;
    if (this.#missedAll) return this.#lastActivityMs + this.#timeoutMs;
    return this.#pingedMs + this.rules.heartbeatTimeoutMs;
  }

  get #missedAll(): boolean {
    return this.rules.missedHeartbeats > 0 && this.#missed >= this.rules.missedHeartbeats;
  }

  /** Keeps the phase of the pings; pings that were due meanwhile are one ping. */
  #advance(nowMs: number): void {
    const periodMs = this.rules.pingPeriodMs * this.#periodFactor;
    while (this.#nextPingMs <= nowMs) this.#nextPingMs += periodMs;
  }
}
