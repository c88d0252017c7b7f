/** What connects the hubs answers nothing for a while, and then everything in its order. */

import type { Fault } from "../core/fault.ts";

export const enginePause: Fault = {
  weight: 2,
  begin(simulation, random) {
    const { engine, isServing } = simulation.node;
    if (engine === undefined || !isServing) return undefined;
    const ms = random.spread(50, 5_000);
    engine.pause(ms);
    return `for ${Math.round(ms)} ms`;
  },
};
