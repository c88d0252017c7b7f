/**
 * Keys that broke limits too often: violations are counted, the key is suspended for a while.
 *
 * Decided at once by what this process has seen itself, since a client reconnects faster than any disk
 * answers. The Store then adds what other nodes and earlier processes have seen, and is authoritative
 * for all that it has stored; what it has not, this process keeps. Owns no connection: `onSuspended`
 * is called for those.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { Clock } from "../base/clock.ts";
import { MAX_ENTRY_ID_BYTES, type Store } from "../stores/store.ts";
import { SlidingWindows } from "./sliding_window.ts";

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

export interface SuspensionsOptions {
  readonly store: Store;
  readonly clock: Clock;
  /** Returns another one at each call, on all nodes. */
  readonly newId: () => string;
  readonly rules: SuspensionRules;
  /** Called when the store could not be read and the local view was used. */
  readonly onError: (error: unknown) => void;
}

const COLLECTION = "suspensions";

/** An entry per violation, so that nodes can count together without overwriting each other. */
const violationsOf = (keyId: string) => `violations:${keyId}`;

/** What this node has seen of a suspension. */
interface LocalSuspension {
  readonly untilMs: number;
  /** Whether the store has had it: if so, and the store has it no more, it was lifted elsewhere. */
  isStored: boolean;
  /** Whether it was lifted on this node, which its writer must know after a slow write. */
  isLifted?: true;
}

export class Suspensions {
  /**
   * Called when a suspension is new to this node: the key's connections are to be closed, and may
   * reconnect after so many ms. MUST NOT throw.
   */
  onSuspended: (keyId: string, afterMs: number) => void = () => {};
  /** Called when the store has changed for a key: other nodes may look. MUST NOT throw. */
  onStored: (keyId: string) => void = () => {};
  readonly #options: SuspensionsOptions;
  readonly #seen = new Map<string, LocalSuspension>();
  /** Full when one more violation suspends. */
  readonly #violations: SlidingWindows;

  /** Has no suspension until `load()`. */
  constructor(options: SuspensionsOptions) {
    this.#options = options;
    const { afterViolations, windowMs } = options.rules;
    this.#violations = new SlidingWindows(Math.max(0, afterViolations - 1), windowMs);
  }

  /** Whether a key is suspended as far as this node has seen: for callers that cannot wait. */
  isSuspendedHere(keyId: string): boolean {
    return (this.#seen.get(keyId)?.untilMs ?? 0) > this.#options.clock.wall();
  }

  /** Whether a key is suspended. Never rejects: without the store, this node's own view answers. */
  async isSuspended(keyId: string): Promise<boolean> {
    const { store, onError } = this.#options;
    const seen = this.#seen.get(keyId);
    const mayForget = seen?.isStored || !this.isSuspendedHere(keyId);
    try {
      const entry = await store.get(COLLECTION, keyId);
      if (entry !== undefined) {
        this.#remember(keyId, { untilMs: entry.expiresAtMs, isStored: true });
      } else if (mayForget && this.#seen.get(keyId) === seen) {
        this.#seen.delete(keyId); // unless it was suspended while the store was read
      }
    } catch (error) {
      onError(error);
    }
    return this.isSuspendedHere(keyId);
  }

  /**
   * Counts one violation, and suspends the key if it was one too many: at once where this process
   * has seen them all, otherwise when the store has answered. Violations of a key that is already
   * suspended do not count.
   */
  async violation(keyId: string): Promise<void> {
    const { store, clock, newId, rules } = this.#options;
    if (rules.afterViolations === 0 || this.isSuspendedHere(keyId)) return;
    if (!this.#violations.take(keyId, clock.now())) return await this.#suspend(keyId);
    const id = newId();
    const expiresAtMs = clock.wall() + rules.windowMs;
    await store.put(violationsOf(keyId), { id, value: null, expiresAtMs });
    if (this.isSuspendedHere(keyId)) { // by a later violation, meanwhile
      return void await store.take(violationsOf(keyId), id);
    }
    const violations = await store.list(violationsOf(keyId));
    if (violations.length >= rules.afterViolations) await this.#suspend(keyId);
  }

  /** Ends a suspension before its time. @returns false when there was none */
  async lift(keyId: string): Promise<boolean> {
    if (Buffer.byteLength(keyId) > MAX_ENTRY_ID_BYTES) return false; // no key has such a name
    const entry = await this.#options.store.take(COLLECTION, keyId);
    const seen = this.#seen.get(keyId);
    const wasLocal = this.isSuspendedHere(keyId) && !seen!.isStored;
    if (seen !== undefined) seen.isLifted = true;
    this.#seen.delete(keyId);
    this.#violations.forget(keyId);
    await this.#removeViolations(keyId);
    this.onStored(keyId);
    return entry !== undefined || wasLocal;
  }

  /** All that hold now. */
  async list(): Promise<Suspension[]> {
    const all = new Map<string, number>();
    for (const [keyId, { untilMs, isStored }] of this.#seen) {
      if (!isStored && this.isSuspendedHere(keyId)) all.set(keyId, untilMs);
    }
    const entries = await this.#options.store.list(COLLECTION);
    for (const { id, expiresAtMs } of entries) all.set(id, expiresAtMs);
    return Array.from(all, ([keyId, untilMs]) => ({ keyId, untilMs }));
  }

  /** Reads what the store has, at the start. `holds()` finds what other nodes add later. */
  async load(): Promise<void> {
    for (const { id, expiresAtMs } of await this.#options.store.list(COLLECTION)) {
      this.#remember(id, { untilMs: expiresAtMs, isStored: true });
    }
  }

  /** Holds at once on this node, even if the store fails. */
  async #suspend(keyId: string): Promise<void> {
    if (this.isSuspendedHere(keyId)) return; // by another violation, while the store counted this one
    const { store, clock, rules } = this.#options;
    const seen: LocalSuspension = { untilMs: clock.wall() + rules.durationMs, isStored: false };
    this.#remember(keyId, seen);
    await store.put(COLLECTION, { id: keyId, value: null, expiresAtMs: seen.untilMs });
    if (seen.isLifted) return void await store.take(COLLECTION, keyId);
    seen.isStored = true;
    this.onStored(keyId);
    await this.#removeViolations(keyId);
  }

  #remember(keyId: string, seen: LocalSuspension): void {
    const known = this.isSuspendedHere(keyId);
    this.#seen.set(keyId, seen);
    this.#violations.forget(keyId); // they have had their effect
    if (!known) this.onSuspended(keyId, Math.max(0, seen.untilMs - this.#options.clock.wall()));
  }

  async #removeViolations(keyId: string): Promise<void> {
    const { store } = this.#options;
    for (const { id } of await store.list(violationsOf(keyId))) {
      await store.take(violationsOf(keyId), id);
    }
  }
}
