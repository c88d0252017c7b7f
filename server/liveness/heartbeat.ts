/**
 * One connection's heartbeat: when to ping, when a ping counts as missed, when silence has lasted
 * too long. Pure: time comes in as an argument, always the wheel's (ms, without the server's own
 * stalls). Owns the deadline; knows neither sockets nor frames.
 *
 * @module
 */

/** When a profile pings and when it loses patience; all in ms. */
export interface HeartbeatRules {
  /** From ping to ping. */
  readonly pingPeriodMs: number;
  /** Silence that ends a connection. */
  readonly pongWaitMs: number;
  /** A ping is missed when nothing that counts as life came so long after it. */
  readonly heartbeatTimeoutMs: number;
  /**
   * So many misses in a row end a connection, if the deadline has not struck first, but not before
   * a silent peer pinged on the regular beat would have missed as many: neither an early first ping
   * nor a ping that fell right after a frame shortens anybody's time.
   */
  readonly missedHeartbeats: number;
}

/** What a look at the heartbeat finds to be done. */
export type Finding =
  | "well"
  /** Time to ping. */
  | "ping"
  /** A ping was missed: count it and ping again. */
  | "missed"
  /** Dead, by the deadline. */
  | "stale"
  /** Dead, by misses in a row. */
  | "missed_heartbeats";

/** See the module. */
export class Heartbeat {
  readonly #rules: HeartbeatRules;
  /** Silence below which misses convict nobody. */
  readonly #patienceMs: number;
  #lastLifeMs: number;
  #nextPingMs: number;
  #unansweredSinceMs = Infinity;
  #missed = 0;
  #suspended = false;

  /**
   * Starts at the first sign of life.
   *
   * @param nowMs the connection's birth, its first sign of life
   * @param random a number in [0, 1): spreads the first pings of clients that came together over
   *   the second half of a period
   */
  constructor(rules: HeartbeatRules, nowMs: number, random: number) {
    this.#rules = rules;
    this.#patienceMs = rules.pingPeriodMs + rules.missedHeartbeats * rules.heartbeatTimeoutMs;
    this.#lastLifeMs = nowMs;
    this.#nextPingMs = nowMs + rules.pingPeriodMs * (0.5 + random / 2);
  }

  /** When the peer last gave a sign of life. */
  get lastLifeMs(): number {
    return this.#lastLifeMs;
  }

  /** When to look again. */
  get dueMs(): number {
    return Math.min(
      this.#nextPingMs,
      this.#lastLifeMs + this.#rules.pongWaitMs,
      this.#missedAll
        ? this.#lastLifeMs + this.#patienceMs
        : this.#unansweredSinceMs + this.#rules.heartbeatTimeoutMs,
    );
  }

  /** Something arrived that counts as life. On the frame path: moves numbers, nothing else. */
  sign(nowMs: number): void {
    this.#lastLifeMs = nowMs;
    this.#unansweredSinceMs = Infinity;
    this.#missed = 0;
  }

  /** We stopped reading, so silence proves nothing until `resume()`. */
  suspend(): void {
    this.#suspended = true;
  }

  /** We read again: the peer's time starts afresh. */
  resume(nowMs: number): void {
    this.#suspended = false;
    this.sign(nowMs);
  }

  /**
   * Looks what is due. Answers "ping" and "missed" count as done: the caller pings.
   *
   * @param mayConvict false while the server recovers from a stall of its own and cannot tell a
   *   silent peer from an unread one
   */
  look(nowMs: number, mayConvict: boolean): Finding {
    if (this.#suspended) return "well";
    if (mayConvict) {
      const silentMs = nowMs - this.#lastLifeMs;
      if (silentMs >= this.#rules.pongWaitMs) return "stale";
      const justMissed = !this.#missedAll &&
        nowMs >= this.#unansweredSinceMs + this.#rules.heartbeatTimeoutMs;
      if (justMissed) this.#missed++;
      if (this.#missedAll && silentMs >= this.#patienceMs) return "missed_heartbeats";
      if (justMissed) {
        this.#unansweredSinceMs = nowMs;
        this.#advance(nowMs);
        return "missed";
      }
    }
    if (nowMs < this.#nextPingMs) return "well";
    if (this.#unansweredSinceMs === Infinity) this.#unansweredSinceMs = nowMs;
    this.#advance(nowMs);
    return "ping";
  }

  get #missedAll(): boolean {
    return this.#missed >= this.#rules.missedHeartbeats;
  }

  /** Keeps the ticker's phase; a ping that falls due meanwhile is the same ping. */
  #advance(nowMs: number): void {
    while (this.#nextPingMs <= nowMs) this.#nextPingMs += this.#rules.pingPeriodMs;
  }
}
