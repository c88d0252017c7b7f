/**
 * How long a peer's answers take, estimated four ways from the same samples: the rolling window that
 * people read and that decides the health status, RFC 6298's smoothed time, RFC 3550's jitter, and the
 * share of heartbeats that got no answer. Pure: owns the figures of one kind of ping of one
 * connection; knows neither pings nor clocks.
 *
 * @module
 */

/** Which way a time was measured: by control frames alone, or through queue and script. */
export type RttKind = "wire" | "app";

/** Samples in the rolling window (PROTOCOLS section 1, `maxSamples`). */
export const RTT_WINDOW = 10;

/**
 * Heartbeats behind `recentLossRatio`: as many as one integer has bits. Half an hour of pings at the
 * default period, where the whole life's ratio of a connection of days would hide a bad hour.
 */
export const LOSS_WINDOW = 32;

/**
 * The window first, then these. One array of doubles, since V8 keeps those unboxed: a store allocates
 * nothing, and it is smaller than number fields (24 bytes each) or a typed array (200 and the data).
 */
const MIN = RTT_WINDOW;
const SMOOTHED = RTT_WINDOW + 1;
const VARIANCE = RTT_WINDOW + 2;
const JITTER = RTT_WINDOW + 3;
const CELLS = RTT_WINDOW + 4;

/** A figure is null until there is a sample to know it from. */
export class RttEstimator {
  readonly #cells = new Array<number>(CELLS).fill(NaN);
  #measured = 0;
  #answered = 0;
  #lost = 0;
  /** One bit a heartbeat, the newest lowest; set = lost. */
  #recent = 0;

  /**
   * A heartbeat was answered.
   *
   * @param rttMs a time that is not in [0, Infinity) was not measured: the answer counts against
   *   loss and changes nothing else
   */
  sample(rttMs: number): void {
    this.#answered++;
    this.#recent <<= 1;
    if (!(rttMs >= 0 && rttMs < Infinity)) return;
    if (this.#measured === 0) this.#first(rttMs);
    else this.#next(rttMs);
    this.#cells[this.#measured % RTT_WINDOW] = rttMs;
    this.#measured++;
  }

  /** Heartbeats got no answer. @param count how many */
  lost(count: number = 1): void {
    this.#lost += count;
    for (let i = 0; i < count; i++) this.#recent = (this.#recent << 1) | 1;
  }

  /** Times measured, whole life. */
  get samples(): number {
    return this.#measured;
  }

  /** The newest time, ms. */
  get lastMs(): number | null {
    return this.#measured === 0 ? null : this.#newest;
  }

  /** The shortest time of the whole life, ms: the path itself, without queues. */
  get minMs(): number | null {
    return this.#cell(MIN);
  }

  /** The mean of the last `RTT_WINDOW` times, ms. */
  get averageMs(): number | null {
    return this.#measured === 0 ? null : this.#mean();
  }

  /**
   * The population standard deviation of the last `RTT_WINDOW` times, ms; 0 below two (what
   * PROTOCOLS calls jitter). Against the whole population's it is low by sqrt(9/10), since each
   * window is measured from its own mean; by 6 % for uniform delays. PROTOCOLS' formula, kept.
   */
  get deviationMs(): number {
    const size = this.#windowSize;
    if (size < 2) return 0;
    const mean = this.#mean();
    let squares = 0;
    for (let i = 0; i < size; i++) squares += (this.#cells[i] - mean) ** 2;
    return Math.sqrt(squares / size);
  }

  /** SRTT of RFC 6298 section 2, ms: every sample weighs an eighth. */
  get smoothedMs(): number | null {
    return this.#cell(SMOOTHED);
  }

  /** RTTVAR of RFC 6298 section 2, ms: the smoothed distance from SRTT, not a square. */
  get varianceMs(): number | null {
    return this.#cell(VARIANCE);
  }

  /** J of RFC 3550 section 6.4.1, ms: how much one answer's time differs from the one before it. */
  get jitterMs(): number | null {
    return this.#cell(JITTER);
  }

  /** Lost heartbeats of all that were decided, whole life, in [0, 1]. */
  get lossRatio(): number | null {
    const decided = this.#answered + this.#lost;
    return decided === 0 ? null : this.#lost / decided;
  }

  /** The same of the last `LOSS_WINDOW` heartbeats. */
  get recentLossRatio(): number | null {
    const decided = Math.min(this.#answered + this.#lost, LOSS_WINDOW);
    return decided === 0 ? null : onesIn(this.#recent) / decided;
  }

  /** RFC 6298 (2.2); RFC 3550's J starts at 0. */
  #first(rttMs: number): void {
    this.#cells[MIN] = rttMs;
    this.#cells[SMOOTHED] = rttMs;
    this.#cells[VARIANCE] = rttMs / 2;
    this.#cells[JITTER] = 0;
  }

  /**
   * RFC 6298 (2.3): alpha 1/8, beta 1/4, and RTTVAR first, from the SRTT before this sample. RFC
   * 3550's D is the difference of two transit times; of ours there are only the sums of both ways,
   * whose differences take the same form. Gain 1/16.
   */
  #next(rttMs: number): void {
    const cells = this.#cells;
    cells[JITTER] += (Math.abs(rttMs - this.#newest) - cells[JITTER]) / 16;
    cells[VARIANCE] += (Math.abs(rttMs - cells[SMOOTHED]) - cells[VARIANCE]) / 4;
    cells[SMOOTHED] += (rttMs - cells[SMOOTHED]) / 8;
    cells[MIN] = Math.min(cells[MIN], rttMs);
  }

  /** Called only when something has been measured. */
  get #newest(): number {
    return this.#cells[(this.#measured - 1) % RTT_WINDOW];
  }

  get #windowSize(): number {
    return Math.min(this.#measured, RTT_WINDOW);
  }

  /** Summed anew at each reading: a running sum would keep the rounding of samples long gone. */
  #mean(): number {
    const size = this.#windowSize;
    let sum = 0;
    for (let i = 0; i < size; i++) sum += this.#cells[i];
    return sum / size;
  }

  #cell(index: number): number | null {
    return this.#measured === 0 ? null : this.#cells[index];
  }
}

function onesIn(bits: number): number {
  let ones = 0;
  for (let rest = bits; rest !== 0; rest &= rest - 1) ones++;
  return ones;
}

/** A figure as people are shown it: hundredths of a ms. */
export function rounded(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms * 100) / 100;
}
