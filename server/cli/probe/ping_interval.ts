/**
 * The interval of the server's own pings of one kind. Pure: owns their count and the times of the
 * first and the last.
 *
 * @module
 */

import { rounded } from "../../liveness/rtt.ts";

/** The server's own pings of one kind. */
export interface PingIntervalFigures {
  /** How many were received. */
  readonly count: number;
  /** The mean time from one to the next, ms; null for fewer than two. */
  readonly periodMs: number | null;
}

/** Receives times, returns figures. */
export class PingInterval {
  #count = 0;
  #firstMs = 0;
  #lastMs = 0;

  /** Records a ping. @returns its number, from 1 */
  record(nowMs: number): number {
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
