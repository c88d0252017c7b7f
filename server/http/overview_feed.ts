/**
 * Publishes the overview each second on a channel of the hub's own, to the subscribers of this node
 * alone, since the figures are those of this node. Without subscribers a second costs one query.
 *
 * @module
 */

import { RESERVED_CHANNELS } from "../auth/rights.ts";
import type { Cancel, Clock } from "../base/clock.ts";
import type { Hub } from "../hub.ts";
import { deliver } from "../hub/fan_out.ts";
import type { ReadStats } from "./stats.ts";

/** The channel of the overview. */
export const OVERVIEW_CHANNEL = `${RESERVED_CHANNELS}overview`;

const PERIOD_MS = 1_000;

export interface OverviewFeedOptions {
  readonly hub: Hub;
  readonly clock: Clock;
  readonly readStats: ReadStats;
}

export class OverviewFeed {
  readonly #options: OverviewFeedOptions;
  #cancel: Cancel = () => {};

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
    const { hub, clock, readStats } = this.#options;
    const channel = OVERVIEW_CHANNEL;
    if (!await hub.ask((registry) => registry.subscribersOf(channel).size)) return;
    const stats = await readStats();
    if (stats === undefined) return;
    const data = JSON.stringify(stats);
    const publication = { kind: "publication", channel, data, timestamp: clock.wall() } as const;
    hub.runInHub((registry) =>
      deliver(publication, { registry, gate: hub.gate, leftOut: hub.leftOut })
    );
  }
}
