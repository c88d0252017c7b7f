/**
 * Round-trip times, estimated in four ways from the same samples: the rolling window, which is shown
 * and which the health status is derived from, the smoothed RTT of RFC 6298, the jitter of RFC 3550,
 * and the share of heartbeats without an answer. Pure: owns the figures of one kind of ping of one
 * connection; must not know pings or clocks.
 *
 * @module
 */

/** How a time was measured: by control frames, or by app pings through the queue and the script. */
export type RttKind = "wire" | "app";

/** Samples in the rolling window (`maxSamples` in the json profile's article). */
export const RTT_WINDOW = 10;

/**
 * Heartbeats that `recentLossRatio` covers: as many as an integer has bits. Half an hour of pings at
 * the default period; the ratio since a connection was opened, days ago, would hide a bad hour.
 */
export const LOSS_WINDOW = 32;

/**
 * The window first, then these. One array of doubles, since V8 stores those unboxed: a write
 * allocates nothing, and it is smaller than number fields (24 bytes each) or a typed array (200 bytes
 * and the data).
 */
const MIN = RTT_WINDOW;
const SMOOTHED = RTT_WINDOW + 1;
const VARIANCE = RTT_WINDOW + 2;
const JITTER = RTT_WINDOW + 3;
const CELLS = RTT_WINDOW + 4;

/** The estimates of one kind of ping. A figure is null before the first sample. */
export class RttEstimator {
  readonly #cells = new Array<number>(CELLS).fill(NaN);
  #measured = 0;
  #answered = 0;
  #lost = 0;
  /** One bit for each heartbeat, the newest lowest; set = lost. */
  #recent = 0;

  /**
   * A heartbeat was answered.
   *
   * @param rttMs outside [0, Infinity): not measured; the answer counts for the loss ratios and
   *   changes nothing else
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

  /** Forgets the times, not the losses. */
  restart(): void {
    this.#measured = 0;
  }

  /** @param count heartbeats without an answer */
  lost(count: number = 1): void {
    this.#lost += count;
    for (let i = 0; i < count; i++) this.#recent = (this.#recent << 1) | 1;
  }

  /** Times measured since the connection was opened. */
  get samples(): number {
    return this.#measured;
  }

  /** The newest time. */
  get lastMs(): number | null {
    return this.#measured === 0 ? null : this.#newest;
  }

  /** The shortest time since the connection was opened: the path itself, without queues. */
  get minMs(): number | null {
    return this.#cell(MIN);
  }

  /** The mean of the last `RTT_WINDOW` times. */
  get averageMs(): number | null {
    return this.#measured === 0 ? null : this.#mean();
  }

  /**
   * The population standard deviation of the last `RTT_WINDOW` times, ms; 0 for fewer than two (what
   * the article calls jitter). It is lower than that of the whole population by sqrt(9/10), since each
   * window is measured from its own mean; by 6 % for uniform delays. The article's formula.
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

  /** Lost heartbeats among all that are answered or lost, since the connection was opened, in [0, 1]. */
  get lossRatio(): number | null {
    const decided = this.#answered + this.#lost;
    return decided === 0 ? null : this.#lost / decided;
  }

  /** The same for the last `LOSS_WINDOW` heartbeats. */
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
   * RFC 6298 (2.3): alpha 1/8, beta 1/4, and RTTVAR first, from the SRTT before this sample. D of
   * RFC 3550 is the difference of two one-way transit times; we only have round trips, whose
   * difference takes their place. Gain 1/16.
   */
  #next(rttMs: number): void {
    const cells = this.#cells;
    cells[JITTER] += (Math.abs(rttMs - this.#newest) - cells[JITTER]) / 16;
    cells[VARIANCE] += (Math.abs(rttMs - cells[SMOOTHED]) - cells[VARIANCE]) / 4;
    cells[SMOOTHED] += (rttMs - cells[SMOOTHED]) / 8;
    cells[MIN] = Math.min(cells[MIN], rttMs);
  }

  /** Called only when at least one time has been measured. */
  get #newest(): number {
    return this.#cells[(this.#measured - 1) % RTT_WINDOW];
  }

  get #windowSize(): number {
    return Math.min(this.#measured, RTT_WINDOW);
  }

  /** Summed at each call: a running sum would accumulate rounding errors of old samples. */
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

/** Rounded for display: hundredths of a ms. */
export function rounded(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms * 100) / 100;
}
