/** A way becomes long or narrow. */

import { UNHEARD, UNREAD } from "../core/excuses.ts";
import { anyConnection, type Fault } from "../core/fault.ts";

export const slowWay: Fault = {
  weight: 2,
  begin(simulation, random) {
    const connection = anyConnection(simulation, random);
    if (connection === undefined) return undefined;
    const { up, down } = connection;
    connection.impair("its way is slow", ...UNREAD, ...UNHEARD);
    up.delayMs = down.delayMs = random.spread(50, 900);
    if (random.chance(0.5)) down.bytesPerMs = random.spread(1, 50);
    return `${connection.label} ${Math.round(up.delayMs)} ms, ${
      down.bytesPerMs.toFixed(1)
    } bytes/ms`;
  },
};
