/** Redis forgets its scripts. */

import type { Fault } from "../core/fault.ts";

export const redisScripts: Fault = {
  weight: 1,
  isOfNodes: true,
  begin({ redis }) {
    redis!.flushScripts();
    return "all";
  },
};
