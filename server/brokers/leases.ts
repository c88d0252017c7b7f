/**
 * Which nodes are alive. Each raises a counter every RENEW_MS, and judges the others by theirs: a node
 * is lost when its counter has stood still for a whole lease, during which the engine has answered this
 * node. So a stall of the engine, or of the way to it, makes nobody lost. Pure state.
 *
 * @module
 */

/** How often a node raises its counter, ms. */
export const RENEW_MS = 2_000;

/** How long a counter stands still before its node is lost, ms: three times in a row, and no less. */
export const LEASE_MS = 6_000;

interface Lease {
  counter: string;
  /** Since when it has stood still, as far as this node has seen, monotonic ms. */
  sinceMs: number;
}

export class Leases {
  readonly #leases = new Map<string, Lease>();
  /** Nodes that have said something since the engine was asked: its answer may come from before. */
  readonly #heard = new Set<string>();
  /** When the engine has answered last, monotonic ms. */
  #answeredMs = -Infinity;
  #isInterrupted = false;

  /** The nodes that are alive, this one included. */
  get alive(): Iterable<string> {
    return this.#leases.keys();
  }

  /** The engine is asked for all counters. */
  ask(): void {
    this.#heard.clear();
  }

  /** The engine has answered with all counters. @returns the nodes that are lost now, or have left */
  observe(
    counters: ReadonlyMap<string, string>,
    nowMs: number,
  ): { readonly lost: readonly string[]; readonly left: readonly string[] } {
    const lost: string[] = [];
    // It has not, and this node does not know: it has stalled, too.
    const isInterrupted = this.#isInterrupted || nowMs - this.#answeredMs > 2 * RENEW_MS;
    this.#answeredMs = nowMs;
    for (const [node, counter] of counters) {
      const lease = this.#leases.get(node);
      if (lease === undefined) this.#leases.set(node, { counter, sinceMs: nowMs });
      else if (lease.counter !== counter || isInterrupted) {
        lease.counter = counter;
        lease.sinceMs = nowMs;
      } else if (nowMs - lease.sinceMs >= LEASE_MS) lost.push(node);
    }
    const left = [...this.#leases.keys()].filter((node) =>
      !counters.has(node) && !this.#heard.has(node)
    );
    for (const node of [...lost, ...left]) this.#leases.delete(node);
    this.#isInterrupted = false;
    return { lost, left };
  }

  /** A node has said something: its counter was raised before, and it is alive until that is not there. */
  heard(node: string, nowMs: number): void {
    this.#heard.add(node);
    if (!this.#leases.has(node)) this.#leases.set(node, { counter: "", sinceMs: nowMs });
  }

  /** The engine has not answered: after that a whole lease passes first. */
  interrupted(): void {
    this.#isInterrupted = true;
  }
}
