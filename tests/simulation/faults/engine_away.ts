/** What connects the hubs is away for a while: each request is refused. */

import type { Fault } from "../core/fault.ts";

export const engineAway: Fault = {
  weight: 2,
  begin(simulation, random) {
    const { engine, isServing } = simulation.node;
    if (engine === undefined || !isServing) return undefined;
    const ms = random.spread(50, 5_000);
    engine.leave(ms);
    return `for ${Math.round(ms)} ms`;
  },
};
