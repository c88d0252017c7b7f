/** The node is replaced: it drains, and another process starts, at once or later. */

import type { Fault } from "../core/fault.ts";

export const restart: Fault = {
  weight: 1,
  begin(simulation, random) {
    const { node, scheduler } = simulation;
    if (!node.isServing) return undefined;
    node.drain();
    scheduler.after(random.spread(10, 10_000), () => simulation.startNode());
    return node.name;
  },
};
