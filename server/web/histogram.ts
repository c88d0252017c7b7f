/**
 * Calculations with the counts of a histogram's buckets: differences, sums and quantiles. Pure.
 *
 * @module
 */

import type { Distribution } from "../metrics/histogram.ts";

/** The counts between two readings; those of the later one if the server has restarted. */
export function countsBetween(before: readonly number[], after: readonly number[]): number[] {
  const restarted = after.some((count, i) => count < (before[i] ?? 0));
  return after.map((count, i) => restarted ? count : count - (before[i] ?? 0));
}

/** The sums of several readings, by bucket. */
export function sumCounts(readings: readonly (readonly number[])[]): number[] {
  const [first = [], ...rest] = readings;
  return first.map((count, i) => rest.reduce((sum, counts) => sum + counts[i], count));
}

/**
 * A quantile, interpolated within its bucket; the last bound if it is beyond that, null if all counts
 * are 0.
 *
 * @param share in [0, 1]
 */
export function quantile({ bounds, counts }: Distribution, share: number): number | null {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  let below = 0;
  for (let i = 0; i < bounds.length; i++) {
    if (counts[i] > 0 && below + counts[i] >= share * total) {
      const from = bounds[i - 1] ?? 0;
      return from + (bounds[i] - from) * (share * total - below) / counts[i];
    }
    below += counts[i];
  }
  return bounds.at(-1) ?? null;
}
