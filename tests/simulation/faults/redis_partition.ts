/** The network between some nodes and Redis carries nothing for a while; it comes back for one after the other. */

import { moveMembers } from "../clients/member.ts";
import { type Fault, publishFor } from "../core/fault.ts";

/** After so long a node has noticed, and has connected again after that, ms. */
const NOTICED_MS = 8_000;

export const redisPartition: Fault = {
  weight: 4,
  isOfNodes: true,
  begin(simulation, random) {
    const { redis, redisTruth, slots, nowMs } = simulation;
    const isOne = random.chance(0.5);
    const nodes = isOne ? [random.pick(slots)] : slots.filter(() => random.chance(0.6));
    const ms = random.spread(500, 20_000);
    for (const node of nodes) {
      const ownMs = ms + random.spread(0, 4_000);
      redis!.cut(node.name, nowMs + ownMs);
      redisTruth.cut([node.name], ownMs + NOTICED_MS);
      publishFor(simulation, node, { ms: ownMs, everyMs: 1_000, random });
    }
    if (random.chance(0.5)) moveMembers(simulation, random, ms);
    const names = nodes.map(({ name }) => name).join();
    return names && `${names} for ${Math.round(ms)} ms`;
  },
};
