/**
 * Cuts the connections of a relay at random, in each way in which connections end.
 *
 * @module
 */

import type { RelayedConnection } from "./tcp_relay.ts";

/** How a connection is cut. */
const CUTS: Readonly<Record<string, (connection: RelayedConnection) => void>> = {
  "reset": (connection) => connection.reset(),
  "vanished": (connection) => connection.drop("up", "down"),
  "half-open, nothing to the hub": (connection) => connection.drop("up"),
  "half-open, nothing to the client": (connection) => connection.drop("down"),
};

/** How long connections live. */
export interface CutterOptions {
  /** In [0, 1). */
  readonly random: () => number;
  /** A connection is cut after this, ms. */
  readonly minLifeMs: number;
  readonly maxLifeMs: number;
}

export class Cutter {
  /** How often each kind of cut was made. */
  readonly counts = new Map(Object.keys(CUTS).map((kind) => [kind, 0]));
  readonly #options: CutterOptions;
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #isCutting = false;

  constructor(options: CutterOptions) {
    this.#options = options;
  }

  /** From now on connections are cut. */
  start(connections: readonly RelayedConnection[]): void {
    this.#isCutting = true;
    for (const connection of connections) this.cutLater(connection);
  }

  /** Cuts a connection in its time. */
  cutLater(connection: RelayedConnection): void {
    const kinds = Object.keys(CUTS);
    this.later(() => {
      if (!connection.isOpen) return;
      const kind = kinds[Math.floor(this.#options.random() * kinds.length)];
      CUTS[kind](connection);
      this.count(kind);
    });
  }

  /** Calls at the end of a connection's life, unless no connection is cut. */
  later(call: () => void): void {
    if (!this.#isCutting) return;
    const { random, minLifeMs, maxLifeMs } = this.#options;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      call();
    }, minLifeMs + random() * (maxLifeMs - minLifeMs));
    this.#timers.add(timer);
  }

  count(kind: string): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
  }

  /** No connection is cut any more. */
  stop(): void {
    this.#isCutting = false;
    for (const timer of this.#timers) clearTimeout(timer);
  }
}
