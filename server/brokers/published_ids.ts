/**
 * The keys of publications that may be repeated, each with what came of the first, in the order of
 * their coming. Pure state: memory_history.ts decides how long they stay.
 *
 * @module
 */

import type { Placed } from "./broker.ts";

/** What a key takes beside its text: its entry in the map, and three objects; measured 200. */
const KEY_BYTES = 208;

interface Entry {
  readonly key: string;
  readonly placed: Placed;
  /** When the first came, monotonic ms. */
  readonly atMs: number;
  /** The one that came after it. */
  next: Entry | undefined;
}

/** What a key takes in memory, bytes. */
export function keyBytes(key: string): number {
  return KEY_BYTES + 2 * key.length;
}

export class PublishedIds {
  readonly #entries = new Map<string, Entry>();
  /** The ends of the list: to find the oldest in the map would pass over those that were removed. */
  #oldest: Entry | undefined;
  #newest: Entry | undefined;

  /** When the oldest one came, monotonic ms; Infinity where there is none. */
  get oldestMs(): number {
    return this.#oldest?.atMs ?? Infinity;
  }

  /** What came of the first publication with this key; undefined: it is not kept. */
  get(key: string): Placed | undefined {
    return this.#entries.get(key)?.placed;
  }

  /** Keeps a key that is not kept. */
  add(key: string, placed: Placed, nowMs: number): void {
    const entry: Entry = { key, placed, atMs: nowMs, next: undefined };
    this.#entries.set(key, entry);
    if (this.#newest === undefined) this.#oldest = entry;
    else this.#newest.next = entry;
    this.#newest = entry;
  }

  /** Removes the oldest key, which there must be. @returns its size, bytes */
  shift(): number {
    const { key, next } = this.#oldest!;
    this.#entries.delete(key);
    this.#oldest = next;
    if (next === undefined) this.#newest = undefined;
    return keyBytes(key);
  }
}
