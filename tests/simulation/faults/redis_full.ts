/** Redis has no memory for a while: it refuses scripts. */

import type { Fault } from "../core/fault.ts";

export const redisFull: Fault = {
  weight: 1,
  isOfNodes: true,
  begin({ redis, redisTruth, nowMs }, random) {
    const ms = random.spread(50, 8_000);
    redis!.fullUntilMs = nowMs + ms;
    redisTruth.disturbed(ms);
    return `for ${Math.round(ms)} ms`;
  },
};
