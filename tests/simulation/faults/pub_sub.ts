/** For a while publications are lost on their way to some nodes, arrive twice, or late. */

import type { Fault } from "../core/fault.ts";

export const pubSub: Fault = {
  weight: 5,
  isOfNodes: true,
  begin({ redis, nowMs }, random) {
    const ms = random.spread(500, 40_000);
    const [lost, repeated, late] = [0, 0, 0].map(() => random.chance(0.5) ? random.number() : 0);
    redis!.pubSubFaults.push({ untilMs: nowMs + ms, lost, repeated, late });
    const parts = [lost, repeated, late].map((part) => part.toFixed(2));
    return `lost ${parts[0]}, repeated ${parts[1]}, late ${parts[2]} for ${Math.round(ms)} ms`;
  },
};
