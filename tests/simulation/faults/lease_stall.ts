/** A node stalls for longer than its lease, and comes back: the others have taken it for lost. */

import { MemberClient } from "../clients/member.ts";
import { anyNode, type Fault } from "../core/fault.ts";
import type { SimNode } from "../core/node.ts";

/** Preferably one that has members. */
export const leaseStall: Fault = {
  weight: 4,
  isOfNodes: true,
  begin(simulation, random) {
    const isWatched = ({ connections }: SimNode) =>
      [...connections].some(({ client }) => client instanceof MemberClient);
    const watched = simulation.slots.filter(isWatched);
    const node = watched.length > 0 ? random.pick(watched) : anyNode(simulation, random);
    if (!node.isServing) return undefined;
    const ms = random.between(7_000, 25_000);
    node.process.stall(ms);
    return `${node.name} for ${Math.round(ms)} ms`;
  },
};
