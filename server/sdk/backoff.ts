/**
 * How long to wait before an attempt: exponential backoff with full jitter, so that thousands that
 * lost their server together do not come back together. Pure.
 *
 * @module
 */

/** The cap of the backoff, ms. */
export const MAX_BACKOFF_MS = 30_000;

/**
 * The wait before an attempt, uniform in [0, min(cap, base * 2^(attempt - 1))).
 *
 * @param attempt 1 for the first
 * @param random in [0, 1)
 */
export function backoffMs(attempt: number, baseMs: number, random: number): number {
  return random * Math.min(MAX_BACKOFF_MS, baseMs * 2 ** (attempt - 1));
}
