/**
 * Publishes the overview each second on a channel of the hub's own, to the subscribers of this node
 * alone: each node with subscribers asks all others, once for all of its own. Without subscribers a second
 * costs one query of this node.
 *
 * @module
 */

import { RESERVED_CHANNELS } from "../auth/rights.ts";
import type { Cancel, Clock } from "../base/clock.ts";
import type { Hub } from "../hub.ts";
import { deliver } from "../hub/fan_out.ts";
import { type Overview, type Stats, sumOf } from "./stats.ts";
import { type AskHub, WHOLE_HUB } from "./whole_hub.ts";

/** The channel of the overview. */
export const OVERVIEW_CHANNEL = `${RESERVED_CHANNELS}overview`;

const PERIOD_MS = 1_000;

export interface OverviewFeedOptions {
  readonly hub: Hub;
  readonly clock: Clock;
  /** Asks nodes for their stats. */
  readonly askStats: AskHub<null, Stats>;
}

export class OverviewFeed {
  readonly #options: OverviewFeedOptions;
  #cancel: Cancel = () => {};
  /** What other nodes have answered last. */
  #nodes: Record<string, Stats> = {};
  #isAsking = false;

  constructor(options: OverviewFeedOptions) {
    this.#options = options;
  }

  start(): void {
    this.#cancel = this.#options.clock.after(PERIOD_MS, () => {
      this.start(); // before the publication, so that `stop()` during it has the last word
      void this.#publish(); // cannot reject: neither the query nor the stats do
    });
  }

  stop(): void {
    this.#cancel();
  }

  async #publish(): Promise<void> {
    const { hub, clock } = this.#options;
    const channel = OVERVIEW_CHANNEL;
    if (this.#isAsking) return; // a node takes its time
    this.#isAsking = true;
    const hasSubscribers = await hub.ask((registry) => registry.subscribersOf(channel).size);
    const overview = hasSubscribers ? await this.#read() : undefined;
    this.#isAsking = false;
    if (overview === undefined) return;
    const data = JSON.stringify(overview);
    const publication = { kind: "publication", channel, data, timestamp: clock.wall() } as const;
    hub.runInHub((registry) =>
      deliver(publication, { registry, gate: hub.gate, leftOut: hub.leftOut })
    );
  }

  async #read(): Promise<Overview | undefined> {
    const { parts, missing } = await this.#options.askStats(null, WHOLE_HUB);
    if (parts.length === 0) return undefined;
    const [{ node, answer }] = parts;
    if (node === undefined) return answer;
    const before = this.#nodes;
    const nodes = this.#nodes = Object.fromEntries(
      parts.map(({ node, answer }) => [node!, answer]),
    );
    // Sums would fall and rise again.
    for (const late of missing ?? []) if (late in before) nodes[late] = before[late];
    return { ...sumOf(Object.values(nodes)), node, nodes, missing };
  }
}
