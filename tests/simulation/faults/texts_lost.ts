/** Redis ends subscribing connections, as CLIENT KILL does: of one node, or of all. */

import { anySessions, type Fault } from "../core/fault.ts";

export const textsLost: Fault = {
  weight: 3,
  isOfNodes: true,
  begin(simulation, random) {
    const redis = simulation.redis!;
    const sessions = anySessions(simulation, redis, { random, kind: "texts" });
    for (const session of sessions) redis.end(session);
    simulation.redisTruth.cut(sessions.map(({ process }) => process), 0);
    return sessions.map(({ owner }) => owner).join() || undefined;
  },
};
