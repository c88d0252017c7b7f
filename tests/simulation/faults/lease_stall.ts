/** A node stalls for longer than its lease, and comes back: the others have taken it for lost. */

import { anyNode, type Fault } from "../core/fault.ts";

export const leaseStall: Fault = {
  weight: 4,
  isOfNodes: true,
  begin(simulation, random) {
    const node = anyNode(simulation, random);
    if (!node.isServing) return undefined;
    const ms = random.between(7_000, 25_000);
    node.process.stall(ms);
    return `${node.name} for ${Math.round(ms)} ms`;
  },
};
