/** The node's process ends at once; another one starts after a while. */

import { anyNode, type Fault } from "../core/fault.ts";

export const crash: Fault = {
  weight: 1,
  begin(simulation, random) {
    const { scheduler } = simulation;
    const node = anyNode(simulation, random);
    if (!node.isServing) return undefined;
    const machine = random.chance(0.3);
    node.kill(machine);
    scheduler.after(random.spread(10, 20_000), () => simulation.startNode(node.slot));
    return `${node.name}${machine ? " and its machine" : ""}`;
  },
};
