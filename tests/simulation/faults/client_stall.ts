/** The machine of a client sleeps or is overloaded: neither its stack nor its script does anything. */

import { UNHEARD, UNREAD } from "../core/excuses.ts";
import { toleranceMs } from "../core/profiles.ts";
import type { Fault } from "../core/fault.ts";

export const clientStall: Fault = {
  weight: 3,
  begin(simulation, random) {
    if (simulation.clients.length === 0) return undefined;
    const client = random.pick(simulation.clients);
    const ms = random.spread(200, 90_000);
    const { connection } = client;
    if (connection !== undefined && ms > toleranceMs(connection, simulation.plan.env)) {
      connection.impair("its machine sleeps", ...UNHEARD, ...UNREAD);
    }
    client.process.stall(ms);
    client.script.stall(ms);
    return `${client.name} for ${Math.round(ms)} ms`;
  },
};
