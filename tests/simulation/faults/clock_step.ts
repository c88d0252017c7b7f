/** A wall clock is set: that of the node, or of a client. It decides nothing but the end of tokens. */

import { anyNode, type Fault } from "../core/fault.ts";

export const clockStep: Fault = {
  weight: 2,
  begin(simulation, random) {
    const ms = random.between(-1, 1) * random.pick([500, 60_000, 86_400_000]);
    const ofNode = random.chance(0.5) || simulation.clients.length === 0;
    const process = ofNode
      ? anyNode(simulation, random).process
      : random.pick(simulation.clients).script;
    process.stepWall(Math.round(ms));
    return `${process.name} by ${Math.round(ms)} ms`;
  },
};
