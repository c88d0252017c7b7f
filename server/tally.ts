/**
 * How values spread: a count for each bucket, and their sum. Numbers that the frame path adds to
 * without leaving anything behind; whoever asks reads them. Pure.
 *
 * @module
 */

import type { Labels, Sample } from "./exposition.ts";

/** How values spread, in plain numbers. */
export interface Distribution {
  /** The upper bound of each bucket but the last, which has none; ascending. */
  readonly bounds: number[];
  /** How many fell into each bucket: one more than there are bounds. */
  readonly counts: number[];
}

/** See the module. */
export class Tally {
  /** Upper bounds of the buckets, ascending, inclusive. */
  readonly bounds: readonly number[];
  /** Values in each bucket, and at the end those above the last bound. */
  readonly counts: Float64Array;
  /** Of all values. */
  sum = 0;

  /** Empty. @param bounds ascending */
  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  /** Counts one. */
  add(value: number): void {
    let bucket = 0;
    while (bucket < this.bounds.length && value > this.bounds[bucket]) bucket++;
    this.counts[bucket]++;
    this.sum += value;
  }

  /** A snapshot. */
  get distribution(): Distribution {
    return { bounds: [...this.bounds], counts: Array.from(this.counts) };
  }

  /** Values up to each bound, and at the end all, as Prometheus has it. */
  upTo(): number[] {
    let count = 0;
    return Array.from(this.counts, (own) => count += own);
  }
}

/** The samples of a histogram that is made of tallies with labels, as prom-client has them. */
export function samplesOf(
  name: string,
  tallies: readonly [Labels, Tally][],
): Sample[] {
  return tallies.flatMap(([labels, tally]) => {
    const upTo = tally.upTo();
    const count = upTo.at(-1)!;
    return [
      ...upTo.map((value, i) => ({
        metricName: `${name}_bucket`,
        labels: { ...labels, le: tally.bounds[i] ?? "+Inf" },
        value,
      })),
      { metricName: `${name}_sum`, labels, value: tally.sum },
      { metricName: `${name}_count`, labels, value: count },
    ];
  });
}
