/**
 * One connection's heartbeat: when to ping, when a ping counts as missed, when silence has lasted
 * too long. Pure: time comes in as an argument, always the wheel's (ms, without the server's own
 * stalls). Owns the deadline; knows neither sockets nor frames.
 *
 * @module
 */

import type { HealthThresholds } from "./health.ts";
import { STALL_MS, TICK_MS } from "./wheel.ts";

/** When a profile pings and when a connection times out; all times in ms. */
export interface HeartbeatRules {
  /** From ping to ping. */
  readonly pingPeriodMs: number;
  /** Silence that ends a connection. */
  readonly pongWaitMs: number;
  /** Whether silence is counted from the last sign of life or from the first unanswered ping. */
  readonly silenceFrom: "life" | "ping";
  /** A ping is missed when nothing that counts as life came so long after it. */
  readonly heartbeatTimeoutMs: number;
  /**
   * So many misses in a row end a connection, if the deadline has not struck first, but not before
   * a silent peer pinged on the regular beat would have missed as many: neither an early first ping
   * nor a ping that fell right after a frame shortens the time of any connection. 0: missed pings end none.
   */
  readonly missedHeartbeats: number;
  /** Whether any frame of the peer is a sign of life, or its heartbeats alone. */
  readonly framesAreLife: boolean;
  /** Whether control pongs are. */
  readonly pongsAreLife: boolean;
  /** Whether the peer's own control pings are. */
  readonly pingsAreLife: boolean;
  /** Which answers are slow: for the health monitor, no reason to expire. */
  readonly health: HealthThresholds;
}

/**
 * What a wheel without a stall may add to a deadline, ms: up to a tick until the deadline's slot
 * ends, up to a stall by which the look comes after that, and 5 ms for timers that count in whole ms
 * and for timeouts that fall together.
 */
const WHEEL_MS = TICK_MS + STALL_MS + 5;

/**
 * The published bound, ms: a peer that vanishes times out at most so long after its last sign of
 * life, the server's own stalls left out. Where silence counts from a ping, that one has to come
 * first, and by the wheel, too.
 */
export function detectionBoundMs(
  { silenceFrom, pingPeriodMs, pongWaitMs }: Pick<
    HeartbeatRules,
    "silenceFrom" | "pingPeriodMs" | "pongWaitMs"
  >,
): number {
  return pongWaitMs + WHEEL_MS + (silenceFrom === "life" ? 0 : pingPeriodMs + WHEEL_MS);
}

/** What a look at the heartbeat finds to be done. */
export type HeartbeatDecision =
  | "ok"
  /** Time to ping. */
  | "ping"
  /** A ping was missed: count it and ping again. */
  | "missed"
  /** Dead, by the deadline. */
  | "stale"
  /** Dead, by misses in a row. */
  | "missed_heartbeats";

export class Heartbeat {
  /** What it goes by. */
  readonly rules: HeartbeatRules;
  /** Silence below which missed pings end no connection. */
  readonly #timeoutMs: number;
  #lastLifeMs: number;
  #nextPingMs: number;
  /** The ping that waits for its answer. */
  #pingedMs = Infinity;
  #missed = 0;
  /** How long the event loop stalled while the peer was silent, ms. */
  #stalledMs = 0;
  #suspended = false;
  /** Part of the period from ping to ping. */
  #pace = 1;

  /**
   * Starts at the first sign of life.
   *
   * @param nowMs the start of the connection
   * @param random a number in [0, 1): spreads the first pings of clients that came together over
   *   the second half of a period
   */
  constructor(rules: HeartbeatRules, nowMs: number, random: number) {
    this.rules = rules;
    this.#timeoutMs = rules.pingPeriodMs + rules.missedHeartbeats * rules.heartbeatTimeoutMs;
    this.#lastLifeMs = nowMs;
    this.#nextPingMs = nowMs + rules.pingPeriodMs * (0.5 + random / 2);
  }

  /** When the peer last gave a sign of life. */
  get lastLifeMs(): number {
    return this.#lastLifeMs;
  }

  /** When to look again. */
  get dueMs(): number {
    return Math.min(this.#nextPingMs, this.#deadlineMs, this.#missDueMs);
  }

  /** Whether a ping waits for an answer. */
  get isAwaitingPong(): boolean {
    return this.#pingedMs !== Infinity;
  }

  /**
   * Something arrived that counts as life. On the frame path: moves numbers, nothing else.
   *
   * @returns whether it comes after the deadline, had the server's stalls been counted as silence:
   *   a timeout averted
   */
  touch(nowMs: number): boolean {
    const isSpared = this.#stalledMs > 0 && nowMs + this.#stalledMs >= this.#deadlineMs;
    this.#lastLifeMs = nowMs;
    this.#pingedMs = Infinity;
    this.#missed = 0;
    this.#stalledMs = 0;
    return isSpared;
  }

  /**
   * The event loop stalled. A peer that gave a sign of life before the wheel noticed gains nothing by it.
   *
   * @param sinceMs when that began, time on the wheel
   * @param stalledMs how long it lasted
   */
  stalled(sinceMs: number, stalledMs: number): void {
    const { silenceFrom } = this.rules;
    const silentSinceMs = silenceFrom === "life" ? this.#lastLifeMs : this.#pingedMs;
    if (!this.#suspended && silentSinceMs <= sinceMs) this.#stalledMs += stalledMs;
  }

  /** Pings twice as often. */
  pingFaster(nowMs: number): void {
    this.#pace = 0.5;
    this.#nextPingMs = Math.min(this.#nextPingMs, nowMs + this.rules.pingPeriodMs / 2);
  }

  /** Pings as the rules say again, from the next ping on. */
  pingNormally(): void {
    this.#pace = 1;
  }

  /** We stopped reading, so silence proves nothing until `resume()`. */
  suspend(): void {
    this.#suspended = true;
  }

  /** We read again: the peer's time starts afresh. */
  resume(nowMs: number): void {
    this.#suspended = false;
    this.touch(nowMs);
  }

  /**
   * Looks what is due. Answers "ping" and "missed" count as done: the caller pings.
   *
   * @param mayExpire false while the server recovers from a stall of its own and cannot tell a
   *   silent peer from an unread one
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
    return (silenceFrom === "life" ? this.#lastLifeMs : this.#pingedMs) + pongWaitMs;
  }

  /** When the next miss counts, or, after the last one, when the connection times out. */
  get #missDueMs(): number {
    if (this.rules.missedHeartbeats === 0) return Infinity;
    if (this.#missedAll) return this.#lastLifeMs + this.#timeoutMs;
    return this.#pingedMs + this.rules.heartbeatTimeoutMs;
  }

  get #missedAll(): boolean {
    return this.rules.missedHeartbeats > 0 && this.#missed >= this.rules.missedHeartbeats;
  }

  /** Keeps the ticker's phase; a ping that falls due meanwhile is the same ping. */
  #advance(nowMs: number): void {
    const periodMs = this.rules.pingPeriodMs * this.#pace;
    while (this.#nextPingMs <= nowMs) this.#nextPingMs += periodMs;
  }
}
