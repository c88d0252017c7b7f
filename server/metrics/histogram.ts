/**
 * How values spread: a count for each bucket, and their sum. The frame path adds to them without
 * allocating. Pure.
 *
 * @module
 */

/** How values spread, in plain numbers. */
export interface Distribution {
  /** The upper bound of each bucket but the last, which has none; ascending. */
  readonly bounds: number[];
  /** How many fell into each bucket: one more than there are bounds. */
  readonly counts: number[];
}

export class Histogram {
  /** Upper bounds of the buckets, ascending, inclusive. */
  readonly bounds: readonly number[];
  /** Values in each bucket, and at the end those above the last bound. */
  readonly counts: Float64Array;
  /** Sum of all values. */
  sum = 0;

  /** Empty. @param bounds ascending */
  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  /** Counts a value, in the unit of the bounds. */
  add(value: number): void {
    let bucket = 0;
    while (bucket < this.bounds.length && value > this.bounds[bucket]) bucket++;
    this.counts[bucket]++;
    this.sum += value;
  }

  /** A copy that later values do not change. */
  get distribution(): Distribution {
    return { bounds: [...this.bounds], counts: Array.from(this.counts) };
  }

  /** How many values each bound includes, and at the end all, as Prometheus counts them. */
  upTo(): number[] {
    let count = 0;
    return Array.from(this.counts, (own) => count += own);
  }
}

/** Values as bounds of buckets: ascending, each once. */
export function ascending(values: readonly number[]): number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}
