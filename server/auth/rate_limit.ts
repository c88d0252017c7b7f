/**
 * The flood limit of one connection: a token bucket, refilled evenly. Pure; time is an argument.
 *
 * @module
 */

export class RateLimit {
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #filledMs: number;

  /**
   * Starts with a full bucket.
   *
   * @param perSecond messages a second in the long run; 0 = no limit
   * @param nowMs monotonic time
   */
  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#burst = 2 * perSecond;
    this.#tokens = this.#burst;
    this.#filledMs = nowMs;
  }

  /** Takes one message's token. @returns false when there is none: the limit is exceeded */
  take(nowMs: number): boolean {
    if (this.#perSecond === 0) return true;
    if (nowMs > this.#filledMs) {
      const refill = (nowMs - this.#filledMs) * this.#perSecond / 1_000;
      this.#tokens = Math.min(this.#burst, this.#tokens + refill);
      this.#filledMs = nowMs;
    }
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  /** Takes more for a message that cost more than others; debts are paid by the next ones. */
  charge(tokens: number): void {
    this.#tokens -= tokens;
  }
}
