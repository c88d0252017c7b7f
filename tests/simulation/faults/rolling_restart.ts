/** All nodes are replaced, one after the other. */

import type { Fault } from "../core/fault.ts";

export const rollingRestart: Fault = {
  weight: 2,
  isOfNodes: true,
  begin(simulation, random) {
    const { slots, scheduler } = simulation;
    if (slots.some(({ isServing }) => !isServing)) return undefined;
    let ms = 0;
    for (const { slot } of slots) {
      scheduler.after(ms, () => {
        const node = slots[slot];
        if (!node.isServing || simulation.isResting) return;
        node.drain();
        scheduler.after(random.spread(10, 4_000), () => simulation.startNode(slot));
      });
      ms += simulation.config.shutdownMs + random.spread(5_000, 15_000);
    }
    return `all ${slots.length}`;
  },
};
