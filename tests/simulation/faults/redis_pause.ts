/** Redis is stopped for a while, as by SIGSTOP: connections stay, and nothing is answered. */

import type { Fault } from "../core/fault.ts";

export const redisPause: Fault = {
  weight: 3,
  isOfNodes: true,
  begin({ redis, redisTruth }, random) {
    const ms = random.spread(50, 12_000);
    redis!.pause(ms);
    redisTruth.disturbed(ms);
    return `for ${Math.round(ms)} ms`;
  },
};
