/**
 * The last upgrades that were rejected, for operators: who, from where, why. Bounded; the same rejection
 * again is one entry with a count, so that one client that tries all the time hides nobody.
 *
 * @module
 */

import type { RejectionReason } from "../close_codes.ts";

/** Entries that are kept. */
export const REJECTION_HISTORY_SIZE = 500;

/** What was rejected, and why. */
export interface Rejection {
  /** The name of the profile that was asked for; undefined where none is. */
  readonly profile: string | undefined;
  /** The key's id, where it is known. */
  readonly key: string | undefined;
  /** The peer's address; empty on a unix socket. */
  readonly address: string;
  readonly reason: RejectionReason;
  /** For people; holds no credential. */
  readonly detail: string;
}

/** The same rejection, as often as it happened. */
export interface CountedRejection extends Rejection {
  readonly count: number;
  /** The first and the last time, wall-clock ms. */
  readonly firstMs: number;
  readonly lastMs: number;
}

export class RejectionHistory {
  readonly #size: number;
  /** The least recent first. */
  readonly #entries = new Map<string, CountedRejection>();

  /** Starts empty. @param size entries to keep */
  constructor(size: number = REJECTION_HISTORY_SIZE) {
    this.#size = size;
  }

  /** @param wallMs now */
  add(rejection: Rejection, wallMs: number): void {
    const { profile, key, address, reason, detail } = rejection;
    const name = JSON.stringify([profile, key, address, reason, detail]);
    const { count, firstMs } = this.#entries.get(name) ?? { count: 0, firstMs: wallMs };
    this.#entries.delete(name); // so that it is the most recent one again
    this.#entries.set(name, { ...rejection, count: count + 1, firstMs, lastMs: wallMs });
    if (this.#entries.size <= this.#size) return;
    const [oldest] = this.#entries.keys();
    this.#entries.delete(oldest);
  }

  /** The most recent first. @param most at most so many @param matches only those */
  latest(
    most: number,
    matches: (rejection: CountedRejection) => boolean = () => true,
  ): CountedRejection[] {
    return [...this.#entries.values()].reverse().filter(matches).slice(0, most);
  }
}
