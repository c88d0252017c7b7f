/** A client stops reading for a while: what it is sent fills the buffers. */

import { UNHEARD, UNREAD } from "../core/excuses.ts";
import { anyConnection, type Fault } from "../core/fault.ts";

export const slowReader: Fault = {
  weight: 2,
  begin(simulation, random) {
    const connection = anyConnection(simulation, random);
    if (connection === undefined) return undefined;
    const ms = random.spread(500, 60_000);
    connection.impair("it does not read", ...UNREAD, ...UNHEARD);
    connection.down.pause();
    simulation.scheduler.after(ms, () => connection.down.resume());
    return `${connection.label} for ${Math.round(ms)} ms`;
  },
};
