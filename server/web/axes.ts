/**
 * Where the axes of a plot begin and end, and where they have their lines. Pure.
 *
 * @module
 */

/** No plot shows less time than this, seconds: a line of two points is no picture. */
const LEAST_SECONDS = 60;

const DECADES = [1, 10, 100, 1_000, 10_000, 100_000];

/** Scales that are not linear: one has its lowest line at nothing, the other, in ms, at 0.1. */
const LINES = { wide: [0, ...DECADES], logarithmic: [0.1, ...DECADES] } as const;

/** What may lie between two lines of an axis of whole numbers. */
export const WHOLE_STEPS: number[] = DECADES.flatMap((decade) =>
  [1, 2, 2.5, 5].map((step) => step * decade)
).filter(Number.isInteger);

/** Lines of an axis that is not linear. */
export function linesBetween(
  least: number,
  greatest: number,
  scale: "wide" | "logarithmic",
): number[] {
  return LINES[scale].filter((line) => line >= least && line <= greatest);
}

/** First and last time of a plot, by those of its values: uPlot would show a day around a single one. */
export function timesInSight(
  times: ArrayLike<number>,
): [first: number, last: number] | [null, null] {
  if (times.length === 0) return [null, null];
  const last = times[times.length - 1];
  return [Math.min(times[0], last - LEAST_SECONDS), last];
}
