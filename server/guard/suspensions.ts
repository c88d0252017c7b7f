/**
 * Keys that broke the rules too often: counted, suspended for a while, let go again.
 *
 * The Store is the truth, for all nodes and across restarts; what this node has seen of it is
 * mirrored in memory for those who cannot wait. Owns no connection: `onSuspended` tells who does.
 *
 * @module
 */

import type { Clock } from "../clock.ts";
import type { Store } from "../stores/store.ts";

/** When a key is suspended, and for how long. */
export interface SuspensionRules {
  /** The violation that suspends; 0 = never. */
  readonly afterViolations: number;
  /** Violations older than this do not count, ms. */
  readonly windowMs: number;
  /** How long a suspension lasts, ms. */
  readonly durationMs: number;
}

/** A key that is suspended. */
export interface Suspension {
  /** The key's id. */
  readonly keyId: string;
  /** When it ends by itself, wall-clock ms. */
  readonly untilMs: number;
}

/** What the room works with. */
export interface SuspensionsOptions {
  /** Where they are kept. */
  readonly store: Store;
  /** Tells the time. */
  readonly clock: Clock;
  /** When and how long. */
  readonly rules: SuspensionRules;
  /** Told when the store could not be read and the mirror had to do. */
  readonly onError: (error: unknown) => void;
}

const COLLECTION = "suspensions";

/** An entry per violation, so that nodes can count together without overwriting each other. */
const violationsOf = (keyId: string) => `violations:${keyId}`;

/** See the module. */
export class Suspensions {
  /**
   * Called when a key is found to be suspended that this node did not know to be: its connections
   * are to be closed. MUST NOT throw.
   */
  onSuspended: (keyId: string) => void = () => {};
  readonly #options: SuspensionsOptions;
  readonly #untilMs = new Map<string, number>();

  /** Knows of none until `load()`. */
  constructor(options: SuspensionsOptions) {
    this.#options = options;
  }

  /** Whether a key is suspended as far as this node has seen: for those who cannot wait. */
  knows(keyId: string): boolean {
    return (this.#untilMs.get(keyId) ?? 0) > this.#options.clock.wall();
  }

  /** Whether a key is suspended. Never rejects: without the store, the mirror answers. */
  async holds(keyId: string): Promise<boolean> {
    const { store, onError } = this.#options;
    const seen = this.#untilMs.get(keyId);
    try {
      const entry = await store.get(COLLECTION, keyId);
      if (entry !== undefined) this.#learn(keyId, entry.expiresAtMs);
      // Not when it was suspended while we looked.
      else if (this.#untilMs.get(keyId) === seen) this.#untilMs.delete(keyId);
    } catch (error) {
      onError(error);
    }
    return this.knows(keyId);
  }

  /**
   * Counts one violation, and suspends the key if it was one too many. What a suspended key's last
   * connections do does not count.
   */
  async violation(keyId: string): Promise<void> {
    const { store, clock, rules } = this.#options;
    if (rules.afterViolations === 0 || this.knows(keyId)) return;
    const expiresAtMs = clock.wall() + rules.windowMs;
    await store.put(violationsOf(keyId), { id: crypto.randomUUID(), value: null, expiresAtMs });
    const violations = await store.list(violationsOf(keyId));
    if (violations.length < rules.afterViolations) return;
    const untilMs = clock.wall() + rules.durationMs;
    await store.put(COLLECTION, { id: keyId, value: null, expiresAtMs: untilMs });
    this.#learn(keyId, untilMs);
    await this.#forgive(keyId); // it has paid for these
  }

  /** Ends a suspension before its time. @returns false when there was none */
  async lift(keyId: string): Promise<boolean> {
    const entry = await this.#options.store.take(COLLECTION, keyId);
    this.#untilMs.delete(keyId);
    await this.#forgive(keyId);
    return entry !== undefined;
  }

  /** All that hold now. */
  async list(): Promise<Suspension[]> {
    const entries = await this.#options.store.list(COLLECTION);
    return entries.map(({ id, expiresAtMs }) => ({ keyId: id, untilMs: expiresAtMs }));
  }

  /** Fills the mirror from the store: at the start. `holds()` learns what other nodes do later. */
  async load(): Promise<void> {
    for (const { keyId, untilMs } of await this.list()) this.#learn(keyId, untilMs);
  }

  #learn(keyId: string, untilMs: number): void {
    const known = this.knows(keyId);
    this.#untilMs.set(keyId, untilMs);
    if (!known) this.onSuspended(keyId);
  }

  async #forgive(keyId: string): Promise<void> {
    const { store } = this.#options;
    for (const { id } of await store.list(violationsOf(keyId))) {
      await store.take(violationsOf(keyId), id);
    }
  }
}
