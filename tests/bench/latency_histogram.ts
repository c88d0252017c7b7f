/**
 * Latencies of any number of deliveries in a fixed amount of memory.
 * Owns the bucket layout: 64 buckets per power of two, so a percentile is at most 1.6 % too high.
 *
 * @module
 */

const SUB_BUCKETS = 64;
const SUB_BUCKET_BITS = 6;

/** 2^36 µs is nineteen hours: no latency of a bench lies above it. */
const POWERS = 36 - SUB_BUCKET_BITS;

/** Counts of latencies by size, in microseconds. */
export class LatencyHistogram {
  // Values below SUB_BUCKETS have a bucket each; above, each power of two has SUB_BUCKETS.
  readonly #counts = new Uint32Array(SUB_BUCKETS * (POWERS + 1));
  #total = 0;
  #maxUs = 0;

  /** Adds one latency; a clock that stepped back counts as 0. */
  record(latencyUs: number): void {
    const us = Math.max(0, Math.round(latencyUs));
    this.#counts[bucketOf(us)]++;
    this.#total++;
    if (us > this.#maxUs) this.#maxUs = us;
  }

  /** The latency that `share` (0 to 1) of the deliveries did not exceed; 0 of no deliveries. */
  percentileUs(share: number): number {
    const wanted = Math.ceil(this.#total * share);
    let seen = 0;
    for (let bucket = 0; bucket < this.#counts.length; bucket++) {
      seen += this.#counts[bucket];
      if (seen > 0 && seen >= wanted) return Math.min(highestOf(bucket), this.#maxUs);
    }
    return this.#maxUs;
  }

  /** The longest latency, exact. */
  get maxUs(): number {
    return this.#maxUs;
  }
}

function bucketOf(us: number): number {
  if (us < SUB_BUCKETS) return us;
  const power = Math.min(Math.floor(Math.log2(us)) - SUB_BUCKET_BITS, POWERS - 1);
  // us / 2^power lies in [64, 128), so the rows follow each other without a gap.
  const row = Math.min(Math.floor(us / 2 ** power), 2 * SUB_BUCKETS - 1);
  return power * SUB_BUCKETS + row;
}

function highestOf(bucket: number): number {
  if (bucket < SUB_BUCKETS) return bucket;
  const power = Math.floor(bucket / SUB_BUCKETS) - 1;
  const row = bucket - power * SUB_BUCKETS;
  return (row + 1) * 2 ** power - 1;
}
