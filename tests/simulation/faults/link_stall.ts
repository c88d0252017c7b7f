/** For some seconds nothing arrives in one direction or in both, then all of it at once. */

import { UNHEARD, UNREAD } from "../core/excuses.ts";
import { toleranceMs } from "../core/profiles.ts";
import { anyConnection, type Fault } from "../core/fault.ts";

export const linkStall: Fault = {
  weight: 5,
  begin(simulation, random) {
    const connection = anyConnection(simulation, random);
    if (connection === undefined) return undefined;
    const ms = random.spread(100, 40_000);
    const ways = random.pick([["up"], ["down"], ["up", "down"]] as const);
    if (ms > toleranceMs(connection, simulation.plan.env)) {
      connection.impair("its way stalls", ...UNHEARD, ...UNREAD);
    }
    for (const way of ways) connection[way].stalledUntilMs = simulation.nowMs + ms;
    return `${connection.label} ${ways} for ${Math.round(ms)} ms`;
  },
};
