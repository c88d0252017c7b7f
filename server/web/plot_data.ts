/**
 * Converts samples to the columns that a plot draws: times, and the values of each series. Pure. null
 * is a gap.
 *
 * @module
 */

import type { Sample } from "./history.ts";

/** The values of one series. */
export type PlotValues = (number | null)[];

/** Times, then a column for each series. */
export type PlotData = [times: number[], ...values: PlotValues[]];

/** One value for each sample. @param reads one for each series */
export function linesOf(
  samples: readonly (Sample | undefined)[],
  reads: readonly ((sample: Sample) => number | null)[],
): PlotData {
  const times: number[] = [];
  const values = reads.map((): PlotValues => []);
  for (const sample of samples) {
    // A gap is right after the sample before it.
    times.push(sample?.at ?? (times.at(-1) ?? 0) + 0.001);
    reads.forEach((read, i) => values[i].push(sample === undefined ? null : read(sample)));
  }
  return [times, ...values];
}

/** Sums over bins of time; each series is added to the one before it, as stacked bars need it. */
export function stackedBins(
  samples: readonly (Sample | undefined)[],
  { seconds, reads }: { seconds: number; reads: readonly ((sample: Sample) => number)[] },
): PlotData {
  const bins = new Map<number, number[]>();
  for (const sample of samples) {
    if (sample === undefined) continue;
    const at = Math.floor(sample.at / seconds) * seconds;
    let sums = bins.get(at);
    if (sums === undefined) bins.set(at, sums = reads.map(() => 0));
    reads.forEach((read, i) => sums[i] += read(sample));
  }
  const times = [...bins.keys()];
  const stacks = [...bins.values()].map((sums) => {
    let height = 0;
    return sums.map((sum) => height += sum);
  });
  return [times.map((at) => at + seconds / 2), ...reads.map((_, i) => stacks.map((of) => of[i]))];
}
