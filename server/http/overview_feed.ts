/**
 * The overview, told each second to those who follow it: on a channel of the hub's own, to the
 * followers of this node alone, since another node's figures are not theirs. While nobody follows,
 * a second costs one look at the registry.
 *
 * @module
 */

import type { Cancel, Clock } from "../base/clock.ts";
import { deliver } from "../hub/fan_out.ts";
import { RESERVED_CHANNELS } from "../auth/rights.ts";
import type { Hub } from "../hub.ts";
import type { FrameText } from "../transport/socket.ts";
import type { ReadStats } from "./stats.ts";

/** Where it is told. */
export const OVERVIEW_CHANNEL = `${RESERVED_CHANNELS}overview`;

const PERIOD_MS = 1_000;

/** What the room works with. */
export interface OverviewFeedOptions {
  /** Knows who follows. */
  readonly hub: Hub;
  /** Tells the time. */
  readonly clock: Clock;
  /** Makes frames. */
  readonly frameText: FrameText;
  /** What is told. */
  readonly readStats: ReadStats;
}

/** See the module. */
export class OverviewFeed {
  readonly #options: OverviewFeedOptions;
  #cancel: Cancel = () => {};

  /** Silent until `start()`. */
  constructor(options: OverviewFeedOptions) {
    this.#options = options;
  }

  /** Starts to tell. */
  start(): void {
    this.#cancel = this.#options.clock.after(PERIOD_MS, () => {
      this.start(); // before the telling, so that `stop()` in its midst is the last word
      void this.#tell(); // cannot reject: neither a look at the registry nor the stats do
    });
  }

  /** Is silent again. */
  stop(): void {
    this.#cancel();
  }

  async #tell(): Promise<void> {
    const { hub, clock, frameText, readStats } = this.#options;
    const channel = OVERVIEW_CHANNEL;
    if (!await hub.ask((registry) => registry.subscribersOf(channel).size)) return;
    const data = await readStats();
    if (data === undefined) return;
    const publication = { kind: "publication", channel, data, timestamp: clock.wall() } as const;
    hub.tell({ kind: "ask", look: (registry) => deliver(publication, registry, frameText) });
  }
}
