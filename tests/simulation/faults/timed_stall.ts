/**
 * The node stalls in the worst moment: just before it would read the sign of life of a client whose
 * deadline is near.
 *
 * @module
 */

import { LazyClient } from "../clients/lazy.ts";
import type { Fault } from "../core/fault.ts";

/** Before the sign of life arrives, ms. */
const EARLY_MS = 10;

export const timedStall: Fault = {
  weight: 4,
  begin(simulation, random) {
    const { nowMs, scheduler } = simulation;
    const clients = simulation.clients.filter((each) => each instanceof LazyClient)
      .filter(({ connection, nextBeatMs }) => connection !== undefined && nextBeatMs > nowMs);
    if (clients.length === 0) return undefined;
    const client = random.pick(clients);
    const ms = random.spread(150, 5_000);
    scheduler.at(client.nextBeatMs + client.way.delayMs - EARLY_MS, () => {
      const node = client.connection?.node;
      if (node?.isServing && !simulation.isResting) node.process.stall(ms);
    });
    return `${Math.round(ms)} ms, before ${client.name} speaks`;
  },
};
