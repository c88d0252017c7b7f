/**
 * A limit over any stretch of time, not over calendar minutes: the times of the last messages, of
 * one sender or of each. Pure; time is an argument. Its memory grows with the number of messages, up
 * to the limit.
 *
 * @module
 */

/** A limit per minute; undefined stays undefined: no limit. */
export function perMinute(limit: number | undefined): SlidingWindow | undefined {
  return limit === undefined ? undefined : new SlidingWindow(limit, 60_000);
}

export class SlidingWindow {
  readonly #limit: number;
  readonly #windowMs: number;
  #times: Float64Array;
  #first = 0;
  #count = 0;

  /** Starts empty. @param limit takes within any `windowMs` */
  constructor(limit: number, windowMs: number) {
    this.#limit = limit;
    this.#windowMs = windowMs;
    this.#times = new Float64Array(Math.min(limit, 8));
  }

  /** Takes one, unless the limit is reached. @param nowMs monotonic time */
  take(nowMs: number): boolean {
    this.#forget(nowMs);
    if (this.#count >= this.#limit) return false;
    if (this.#count === this.#times.length) this.#grow();
    this.#times[(this.#first + this.#count) % this.#times.length] = nowMs;
    this.#count++;
    return true;
  }

  /** How many were taken within the window that ends now. @param nowMs monotonic time */
  count(nowMs: number): number {
    this.#forget(nowMs);
    return this.#count;
  }

  /** How long until the next may be taken, ms; 0 = now. @param nowMs monotonic time */
  waitMs(nowMs: number): number {
    this.#forget(nowMs);
    return this.#count < this.#limit ? 0 : this.#times[this.#first] + this.#windowMs - nowMs;
  }

  #forget(nowMs: number): void {
    while (this.#count > 0 && this.#times[this.#first] <= nowMs - this.#windowMs) {
      this.#first = (this.#first + 1) % this.#times.length;
      this.#count--;
    }
  }

  #grow(): void {
    const grown = new Float64Array(Math.min(this.#limit, 2 * this.#times.length));
    grown.set(this.#times.subarray(this.#first));
    grown.set(this.#times.subarray(0, this.#first), this.#times.length - this.#first);
    this.#times = grown;
    this.#first = 0;
  }
}

/** A window for each name; those in which nothing is left are forgotten. */
export class SlidingWindows {
  readonly #limit: number;
  readonly #windowMs: number;
  /** In the order of the last take: the first have been unused for longest. */
  readonly #windows = new Map<
    string,
    { readonly window: SlidingWindow; readonly lastMs: number }
  >();

  /** Starts empty. @param limit takes of one name within any `windowMs` */
  constructor(limit: number, windowMs: number) {
    this.#limit = limit;
    this.#windowMs = windowMs;
  }

  /** Takes one for a name, unless its limit is reached. @param nowMs monotonic time */
  take(name: string, nowMs: number): boolean {
    for (const [quiet, { lastMs }] of this.#windows) {
      if (lastMs > nowMs - this.#windowMs) break;
      this.#windows.delete(quiet);
    }
    const window = this.#windows.get(name)?.window ??
      new SlidingWindow(this.#limit, this.#windowMs);
    if (!window.take(nowMs)) return false;
    this.#windows.delete(name);
    this.#windows.set(name, { window, lastMs: nowMs });
    return true;
  }

  /** How long until a name may take its next, ms; 0 = now. @param nowMs monotonic time */
  waitMs(name: string, nowMs: number): number {
    return this.#windows.get(name)?.window.waitMs(nowMs) ?? 0;
  }

  /** Resets a name. */
  forget(name: string): void {
    this.#windows.delete(name);
  }
}
