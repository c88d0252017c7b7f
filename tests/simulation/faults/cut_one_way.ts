/** One direction of a connection is cut: a half-open connection. */

import { UNHEARD, UNREAD } from "../core/excuses.ts";
import { anyConnection, type Fault } from "../core/fault.ts";

export const cutOneWay: Fault = {
  weight: 4,
  begin(simulation, random) {
    const connection = anyConnection(simulation, random);
    if (connection === undefined) return undefined;
    const isUp = random.chance(0.5);
    connection.impair("one way is cut", ...UNHEARD, ...UNREAD);
    connection[isUp ? "up" : "down"].isCut = true;
    return `${connection.label} ${isUp ? "to" : "from"} the node`;
  },
};
