/**
 * Limits of keys that hold for several nodes, kept in the memory of one process.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import type { CountRequest, KeyCount, Share, SharedLimits, ShareRequest } from "./shared_limits.ts";

const MINUTE_MS = 60_000;

/** What was taken of a name. */
interface Taken {
  readonly amount: number;
  readonly atMs: number;
}

export class MemoryLimits {
  readonly #clock: Pick<Clock, "now">;
  /** By key and node. */
  readonly #counts = new Map<string, Map<string, KeyCount>>();
  /** By name, the oldest first. */
  readonly #taken = new Map<string, Taken[]>();

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  /** What a node asks. */
  of(node: string): SharedLimits & {
    count(key: string, request: CountRequest): boolean;
    take(name: string, request: ShareRequest): Share;
  } {
    return {
      count: (key, request) => this.#count(node, key, request),
      take: (name, request) => this.#take(name, request),
    };
  }

  /** A node is lost, or has left: it has no connections. */
  gone(node: string): void {
    for (const key of this.#counts.keys()) {
      this.#count(node, key, { counted: 0, uncounted: 0 });
    }
  }

  #count(node: string, key: string, { most, ...own }: CountRequest): boolean {
    const counts = this.#counts.get(key) ?? new Map<string, KeyCount>();
    if (most !== undefined) {
      let { counted, uncounted } = own;
      for (const [other, count] of counts) {
        if (other === node) continue;
        counted += count.counted;
        uncounted += count.uncounted;
      }
      if (counted > most.counted || uncounted > most.uncounted) return false;
    }
    counts.delete(node);
    if (own.counted + own.uncounted > 0) counts.set(node, own);
    if (counts.size > 0) this.#counts.set(key, counts);
    else this.#counts.delete(key);
    return true;
  }

  #take(name: string, { amount, perMinute }: ShareRequest): Share {
    const nowMs = this.#clock.now();
    for (const [each, taken] of this.#taken) {
      if (taken.at(-1)!.atMs > nowMs - MINUTE_MS) break;
      this.#taken.delete(each);
    }
    const recent = (this.#taken.get(name) ?? []).filter(({ atMs }) => atMs > nowMs - MINUTE_MS);
    const sum = recent.reduce((sum, taken) => sum + taken.amount, 0);
    const granted = Math.max(0, Math.min(amount, perMinute - sum));
    if (granted === 0) return { granted, waitMs: recent[0].atMs + MINUTE_MS - nowMs };
    this.#taken.delete(name);
    this.#taken.set(name, [...recent, { amount: granted, atMs: nowMs }]);
    return { granted, waitMs: 0 };
  }
}
