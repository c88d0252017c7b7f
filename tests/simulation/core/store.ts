/**
 * The Store of a simulated node: what outlives the process. Each answer takes some time; the store can
 * fail for a while.
 *
 * @module
 */

import type { Clock } from "../../../server/base/clock.ts";
import type { Entry, Store } from "../../../server/stores/store.ts";
import type { SimRandom } from "./random.ts";

/** What a database holds. */
export type StoredEntries = Map<string, Map<string, Entry>>;

export class SimStore implements Store {
  readonly #entries: StoredEntries;
  readonly #clock: Clock;
  readonly #random: SimRandom;

  constructor(entries: StoredEntries, clock: Clock, random: SimRandom) {
    this.#entries = entries;
    this.#clock = clock;
    this.#random = random;
  }

  async put(collection: string, entry: Entry): Promise<void> {
    await this.#wait();
    this.#of(collection).set(entry.id, entry);
  }

  async get(collection: string, id: string): Promise<Entry | undefined> {
    await this.#wait();
    return this.#unexpired(this.#of(collection).get(id));
  }

  async take(collection: string, id: string): Promise<Entry | undefined> {
    await this.#wait();
    const entry = this.#unexpired(this.#of(collection).get(id));
    this.#of(collection).delete(id);
    return entry;
  }

  async list(collection: string): Promise<Entry[]> {
    await this.#wait();
    return [...this.#of(collection).values()].filter((entry) => this.#unexpired(entry));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #of(collection: string): Map<string, Entry> {
    let entries = this.#entries.get(collection);
    if (entries === undefined) this.#entries.set(collection, entries = new Map());
    return entries;
  }

  #unexpired(entry: Entry | undefined): Entry | undefined {
    return entry !== undefined && this.#clock.wall() < entry.expiresAtMs ? entry : undefined;
  }

  #wait(): Promise<void> {
    return new Promise((resolve) => this.#clock.after(this.#random.spread(0, 20), resolve));
  }
}
