/** What is published to a node arrives late, all of it in its order. */

import { anySessions, type Fault } from "../core/fault.ts";

export const textsLate: Fault = {
  weight: 2,
  isOfNodes: true,
  begin(simulation, random) {
    const ms = random.spread(50, 5_000);
    const sessions = anySessions(simulation, simulation.redis!, { random, kind: "texts" });
    for (const session of sessions) session.hold(simulation.nowMs + ms);
    simulation.redisTruth.cut(sessions.map(({ process }) => process), ms);
    const owners = sessions.map(({ owner }) => owner).join();
    return owners && `${owners} for ${Math.round(ms)} ms`;
  },
};
