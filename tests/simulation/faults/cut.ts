/** Both directions of a connection are cut, and nobody is told: a cable, a NAT that has forgotten. */

import { UNHEARD, UNREAD } from "../core/excuses.ts";
import { anyConnection, type Fault } from "../core/fault.ts";

export const cut: Fault = {
  weight: 4,
  begin(simulation, random) {
    const connection = anyConnection(simulation, random);
    if (connection === undefined) return undefined;
    connection.impair("it is cut", ...UNHEARD, ...UNREAD);
    connection.truth.cutMs = simulation.nowMs;
    connection.up.isCut = connection.down.isCut = true;
    return connection.label;
  },
};
