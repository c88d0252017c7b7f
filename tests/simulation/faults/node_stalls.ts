/** The node stalls again and again: each time just when it has begun to recover. */

import { anyNode, type Fault } from "../core/fault.ts";

export const nodeStalls: Fault = {
  weight: 2,
  begin(simulation, random) {
    const { scheduler } = simulation;
    const node = anyNode(simulation, random);
    if (!node.isServing) return undefined;
    const times = 3 + random.int(10);
    let ms = 0;
    for (let i = 0; i < times; i++) {
      const stallMs = random.spread(80, 4_000);
      scheduler.after(ms, () => node.process.stall(stallMs));
      ms += stallMs + random.spread(200, 2_000);
    }
    return `${node.name} ${times} times`;
  },
};
