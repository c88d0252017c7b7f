/**
 * The range and the grid lines of a plot's axes. Pure.
 *
 * @module
 */

/** The shortest time that a plot shows, seconds. */
const MIN_SECONDS = 60;

const DECADES = [1, 10, 100, 1_000, 10_000, 100_000];

/** Grid lines of the scales that are not linear: `wide` begins at 0, `logarithmic`, in ms, at 0.1. */
const LINES = { wide: [0, ...DECADES], logarithmic: [0.1, ...DECADES] } as const;

/** The possible steps between the grid lines of an axis of whole numbers. */
export const WHOLE_STEPS: number[] = DECADES.flatMap((decade) =>
  [1, 2, 2.5, 5].map((step) => step * decade)
).filter(Number.isInteger);

/** Grid lines of a scale that is not linear. */
export function gridLines(
  min: number,
  max: number,
  scale: "wide" | "logarithmic",
): number[] {
  return LINES[scale].filter((line) => line >= min && line <= max);
}

/** The range of the time axis. By default uPlot shows a whole day around a single value. */
export function timeRange(
  times: ArrayLike<number>,
): [first: number, last: number] | [null, null] {
  if (times.length === 0) return [null, null];
  const last = times[times.length - 1];
  return [Math.min(times[0], last - MIN_SECONDS), last];
}
