/**
 * What the end of a connection says about a next one: may the client come back by itself, and when
 * at the earliest. Pure; knows the hub's closing texts and the codes of RFC 6455 and IANA.
 *
 * @module
 */

/** What a close frame says about coming back. */
export interface RetryPolicy {
  /** Whether another attempt makes sense. */
  readonly mayRetry: boolean;
  /** The earliest time for it, ms from now. */
  readonly afterMs: number;
}

/** Of a policy violation without a hint, in these systems a rate limit; the hub's own hint for it. */
const POLICY_WAIT_MS = 60_000;

/** A server's wait that a client obeys is at most a day: timers overflow at 24.8. */
const MAX_WAIT_MS = 86_400_000;

/**
 * The same bytes would meet the same answer: protocol error, unsupported data, invalid data, too
 * big, extension missing (RFC 6455 7.4.1); unauthorized, forbidden (IANA's registry).
 */
const FINAL_CODES = [1002, 1003, 1007, 1009, 1010, 3000, 3003];

/** Judges a close frame. @param code 1006 where there was none */
export function retryPolicy(code: number, reason: string): RetryPolicy {
  const [hint, afterMs] = /; (?:no retry|afterMs=(\d+))$/.exec(reason) ?? [];
  if (hint !== undefined) return { mayRetry: afterMs !== undefined, afterMs: waitOf(afterMs) };
  // Infoway says in words what others say by hint; its heartbeat's end is no rate limit.
  const isFinal = FINAL_CODES.includes(code) || /\bexpired$/.test(reason);
  const isRate = code === 1008 && !/heartbeat/i.test(reason);
  return { mayRetry: !isFinal, afterMs: isRate ? POLICY_WAIT_MS : 0 };
}

/** A wait that a server asked for, whatever it sent, as one that can be kept. */
export function waitOf(afterMs: unknown): number {
  return Math.min(Math.max(Number(afterMs) || 0, 0), MAX_WAIT_MS);
}
