/** Connections for commands end alone; what was written for a while before is carried out, and not answered. */

import { anySessions, type Fault, publishFor } from "../core/fault.ts";

/** Until the connection has returned, ms. */
const AFTER_MS = 300;

export const commandsLost: Fault = {
  weight: 4,
  isOfNodes: true,
  begin(simulation, random) {
    const redis = simulation.redis!;
    const ms = random.spread(1, 2_500);
    const sessions = anySessions(simulation, redis, { random, kind: "commands" });
    for (const session of sessions) session.isMute = true;
    simulation.scheduler.after(ms, () => {
      for (const session of sessions) redis.end(session);
    });
    simulation.redisTruth.cut(sessions.map(({ process }) => process), ms);
    const node = simulation.slots.find(({ name }) => name === sessions[0]?.process);
    if (node !== undefined) {
      publishFor(simulation, node, { ms: ms + AFTER_MS, everyMs: 50 + ms / 10, random });
    }
    const owners = sessions.map(({ owner }) => owner).join();
    return owners && `${owners} after ${Math.round(ms)} ms`;
  },
};
