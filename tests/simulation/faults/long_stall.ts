/** The node stalls for 3 to 10 s: what the published figures are about. In no plan of a seed. */

import type { Fault } from "../core/fault.ts";

export const longStall: Fault = {
  weight: 0,
  begin(simulation, random) {
    const ms = random.between(3_000, 10_000);
    simulation.node.process.stall(ms);
    return `${Math.round(ms)} ms`;
  },
};
