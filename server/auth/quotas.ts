/**
 * The messages a minute of keys that have such a limit: one window for all connections of a key, so
 * that a second connection, or a new one, does not raise it. Pure; time is an argument.
 *
 * @module
 */

import type { Claims } from "./grant.ts";
import { SlidingWindow } from "./sliding_window.ts";

/** What identifies a window. */
export type QuotaTerms = Pick<Claims, "keyId" | "maxMessagesPerMinute">;

const MINUTE_MS = 60_000;

/** A key's window, and how many connections share it. */
interface Shared {
  readonly window: SlidingWindow;
  holders: number;
}

export class Quotas {
  readonly #held = new Map<string, Shared>();
  /** Of keys whose last connection ended within the minute, the earliest end first. */
  readonly #left = new Map<string, { readonly window: SlidingWindow; readonly leftMs: number }>();

  /** How many windows are kept: for open connections, and for keys that may reconnect. */
  get size(): number {
    return this.#held.size + this.#left.size;
  }

  /**
   * A connection opens. Each that did must `leave()` once.
   *
   * @param nowMs monotonic time
   * @returns the window of its key; undefined: it has no limit
   */
  join(claims: QuotaTerms, nowMs: number): SlidingWindow | undefined {
    const { maxMessagesPerMinute } = claims;
    if (maxMessagesPerMinute === undefined) return undefined;
    this.#forget(nowMs);
    const name = nameOf(claims);
    let shared = this.#held.get(name);
    if (shared === undefined) {
      const left = this.#left.get(name)?.window;
      shared = { window: left ?? new SlidingWindow(maxMessagesPerMinute, MINUTE_MS), holders: 0 };
      this.#held.set(name, shared);
      this.#left.delete(name);
    }
    shared.holders++;
    return shared.window;
  }

  /** It has ended. @param nowMs monotonic time */
  leave(claims: QuotaTerms, nowMs: number): void {
    this.#forget(nowMs);
    const name = nameOf(claims);
    const shared = this.#held.get(name);
    if (shared === undefined || --shared.holders > 0) return;
    this.#held.delete(name);
    this.#left.set(name, { window: shared.window, leftMs: nowMs });
  }

  /**
   * Takes a message that came without a connection.
   *
   * @returns how long until its key may send it, ms; 0 = taken
   */
  take(claims: QuotaTerms, nowMs: number): number {
    const window = this.join(claims, nowMs);
    if (window === undefined) return 0;
    this.leave(claims, nowMs);
    return window.take(nowMs) ? 0 : window.waitMs(nowMs);
  }

  #forget(nowMs: number): void {
    for (const [name, { leftMs }] of this.#left) {
      if (leftMs > nowMs - MINUTE_MS) break;
      this.#left.delete(name);
    }
  }
}

/** Tokens of one subject may give different limits: each is counted by itself. */
function nameOf({ keyId = "", maxMessagesPerMinute }: QuotaTerms): string {
  return `${maxMessagesPerMinute} ${keyId}`;
}
