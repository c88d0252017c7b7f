/**
 * The messages a minute of keys that have such a limit: one window for all connections of a key, so
 * that a second connection, or a new one, does not raise it. Where the hub has several nodes, they share
 * it. Time is an argument.
 *
 * @module
 */

import type { Later } from "../brokers/broker.ts";
import type { SharedLimits } from "../brokers/shared_limits.ts";
import type { Claims } from "./grant.ts";
import { SharedQuota } from "./shared_quota.ts";
import { SlidingWindow } from "./sliding_window.ts";

/** What identifies a window. */
export type QuotaTerms = Pick<Claims, "keyId" | "maxMessagesPerMinute">;

/** Bounds the messages of a key. */
export interface Quota {
  /** Takes one, unless the limit is reached: at once where this node knows. @param nowMs monotonic time */
  take(nowMs: number): Later<boolean>;
  /** How long until the next may be taken, ms. @param nowMs monotonic time */
  waitMs(nowMs: number): number;
}

const MINUTE_MS = 60_000;

/** A key's window, and how many connections share it. */
interface Shared {
  readonly window: Quota;
  holders: number;
}

export class Quotas {
  readonly #limits: SharedLimits | undefined;
  readonly #held = new Map<string, Shared>();
  /** Of keys whose last connection ended within the minute, the earliest end first. */
  readonly #left = new Map<string, { readonly window: Quota; readonly leftMs: number }>();

  /** @param limits of all nodes; undefined: there is one */
  constructor(limits?: SharedLimits) {
    this.#limits = limits;
  }

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
  join(claims: QuotaTerms, nowMs: number): Quota | undefined {
    const { maxMessagesPerMinute } = claims;
    if (maxMessagesPerMinute === undefined) return undefined;
    this.#forget(nowMs);
    const name = nameOf(claims);
    let shared = this.#held.get(name);
    if (shared === undefined) {
      const left = this.#left.get(name)?.window;
      shared = { window: left ?? this.#open(name, maxMessagesPerMinute), holders: 0 };
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
  take(claims: QuotaTerms, nowMs: number): Later<number> {
    const window = this.join(claims, nowMs);
    if (window === undefined) return 0;
    this.leave(claims, nowMs);
    const waitMs = (isTaken: boolean) => isTaken ? 0 : window.waitMs(nowMs);
    const isTaken = window.take(nowMs);
    return typeof isTaken === "boolean" ? waitMs(isTaken) : isTaken.then(waitMs);
  }

  #open(name: string, perMinute: number): Quota {
    const limits = this.#limits;
    return limits === undefined
      ? new SlidingWindow(perMinute, MINUTE_MS)
      : new SharedQuota({ limits, name, perMinute });
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
