/** The node does nothing for a while: its machine is busy, or garbage is collected. */

import { anyNode, type Fault } from "../core/fault.ts";

export const nodeStall: Fault = {
  weight: 6,
  begin(simulation, random) {
    const node = anyNode(simulation, random);
    if (!node.isServing) return undefined;
    const ms = random.chance(0.3) ? random.between(20, 400) : random.spread(400, 15_000);
    node.process.stall(ms);
    return `${node.name} for ${Math.round(ms)} ms`;
  },
};
