/** The node is replaced: it drains, and another process starts, at once or later. */

import { anyNode, type Fault } from "../core/fault.ts";

export const restart: Fault = {
  weight: 1,
  begin(simulation, random) {
    const { scheduler } = simulation;
    const node = anyNode(simulation, random);
    if (!node.isServing) return undefined;
    node.drain();
    scheduler.after(random.spread(10, 10_000), () => simulation.startNode(node.slot));
    return node.name;
  },
};
