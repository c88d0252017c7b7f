/**
 * What the counts of buckets mean: how often each was hit between two samples, and below which time a
 * share of all lay. Pure.
 *
 * @module
 */

import type { Distribution } from "../metrics/histogram.ts";

/** Hits between two samples; all of the later one where the server has started anew. */
export function hitsBetween(before: readonly number[], after: readonly number[]): number[] {
  const restarted = after.some((count, i) => count < (before[i] ?? 0));
  return after.map((count, i) => restarted ? count : count - (before[i] ?? 0));
}

/** Sums of buckets, one by one. */
export function together(several: readonly (readonly number[])[]): number[] {
  const [first = [], ...rest] = several;
  return first.map((count, i) => rest.reduce((sum, counts) => sum + counts[i], count));
}

/**
 * The time below which a share of all lay, evenly spread within its bucket; the last bound for those
 * beyond it, null where nothing was hit.
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
