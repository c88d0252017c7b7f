/** For some seconds nothing arrives in one direction or in both, then all of it at once. */

import { anyConnection, type Fault, UNHEARD, UNREAD } from "../core/fault.ts";

export const linkStall: Fault = {
  weight: 5,
  begin(simulation, random) {
    const connection = anyConnection(simulation, random);
    if (connection === undefined) return undefined;
    const ms = random.spread(100, 40_000);
    const ways = random.pick([["up"], ["down"], ["up", "down"]] as const);
    // A client that answers pings in time is in no danger before a second ping can be missed.
    if (ms > 1_500) connection.impair("its way stalls", ...UNHEARD, ...UNREAD);
    for (const way of ways) connection[way].stalledUntilMs = simulation.nowMs + ms;
    return `${connection.label} ${ways} for ${Math.round(ms)} ms`;
  },
};
