/**
 * The wait before a connection attempt: exponential backoff with full jitter, so that thousands of
 * clients that lost the same server do not reconnect at the same moment. Pure.
 *
 * @module
 */

/** The longest backoff, ms. */
export const MAX_BACKOFF_MS = 30_000;

/**
 * The wait before an attempt, uniform in [0, min(MAX_BACKOFF_MS, base * 2^(attempt - 1))).
 *
 * @param attempt 1 for the first
 * @param random in [0, 1)
 */
export function backoffMs(attempt: number, baseMs: number, random: number): number {
  return random * Math.min(MAX_BACKOFF_MS, baseMs * 2 ** (attempt - 1));
}
