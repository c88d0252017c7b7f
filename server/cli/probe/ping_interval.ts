/**
 * How often the server pings of its own accord. Pure: owns the first and the last moment of one kind
 * of ping.
 *
 * @module
 */

import { rounded } from "../../liveness/rtt.ts";

/** The server's own pings of one kind. */
export interface PingIntervalFigures {
  /** How many came. */
  readonly count: number;
  /** The mean from one to the next, ms; null below two. */
  readonly periodMs: number | null;
}

export class PingInterval {
  #count = 0;
  #firstMs = 0;
  #lastMs = 0;

  /** One came. @returns its number, from 1 */
  add(nowMs: number): number {
    if (this.#count === 0) this.#firstMs = nowMs;
    this.#lastMs = nowMs;
    return ++this.#count;
  }

  /** The figures so far. */
  get figures(): PingIntervalFigures {
    const count = this.#count;
    const periodMs = count < 2 ? null : (this.#lastMs - this.#firstMs) / (count - 1);
    return { count, periodMs: rounded(periodMs) };
  }
}
