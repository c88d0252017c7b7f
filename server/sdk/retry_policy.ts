/**
 * What the close of a connection says about the next one: whether the client may reconnect by
 * itself, and the earliest time. Pure; knows the hub's close texts and the close codes of RFC 6455
 * and IANA.
 *
 * @module
 */

/** What a close frame says about a reconnect. */
export interface RetryPolicy {
  /** Whether another attempt can succeed. */
  readonly mayRetry: boolean;
  /** The earliest time for it, ms from now. */
  readonly afterMs: number;
}

/** After a policy violation (1008) without a hint, which means a rate limit; as the hub's own hint. */
const POLICY_WAIT_MS = 60_000;

/** The longest wait that a server can impose: one day. Timers overflow at 24.8 days. */
const MAX_WAIT_MS = 86_400_000;

/**
 * After these codes the same bytes would fail again: protocol error, unsupported data, invalid data,
 * too big, extension missing (RFC 6455 7.4.1); unauthorized, forbidden (IANA's registry).
 */
const FINAL_CODES = [1002, 1003, 1007, 1009, 1010, 3000, 3003];

/** Reads a close frame. @param code 1006 if there was none */
export function retryPolicy(code: number, reason: string): RetryPolicy {
  const [hint, afterMs] = /; (?:no retry|afterMs=(\d+))$/.exec(reason) ?? [];
  if (hint !== undefined) return { mayRetry: afterMs !== undefined, afterMs: waitOf(afterMs) };
  // Infoway has no hints but fixed texts; its heartbeat timeout is a 1008 that is no rate limit.
  const isFinal = FINAL_CODES.includes(code) || /\bexpired$/.test(reason);
  const isRate = code === 1008 && !/heartbeat/i.test(reason);
  return { mayRetry: !isFinal, afterMs: isRate ? POLICY_WAIT_MS : 0 };
}

/** The wait that a server requested, ms; an invalid value is 0, the longest is one day. */
export function waitOf(afterMs: unknown): number {
  return Math.min(Math.max(Number(afterMs) || 0, 0), MAX_WAIT_MS);
}
