/**
 * The node has no more members than there are: those with a connection, and those whose last one it was
 * told has ended, for the grace.
 *
 * @module
 */

import { GONE_MS, MEMBER_ROOMS, MemberClient } from "../clients/member.ts";
import type { SimNode } from "../core/node.ts";
import type { Invariant, Simulation } from "../core/simulation.ts";

export const members: Invariant = {
  name: "members",
  watch: (simulation) => ({
    sample() {
      const { node } = simulation;
      const { parts, process } = node;
      if (parts === undefined || !node.isServing || process.isStalled) return;
      const most =
        simulation.clients.filter((client) =>
          client instanceof MemberClient && mayBeThere(client, node, simulation)
        ).length * MEMBER_ROOMS.length;
      const { size } = parts.hub.presence;
      if (size <= most) return;
      simulation.find("members", `${node.name} has ${size}, at most ${most} are there`, [
        node.name,
      ]);
    },
  }),
};

function mayBeThere(client: MemberClient, node: SimNode, { nowMs }: Simulation): boolean {
  const isOpen = [...node.connections].some((each) => each.client === client);
  const { atMs } = client.lastEnd;
  const stalledMs = node.process.stalls.filter(({ toMs }) => toMs >= atMs)
    .reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0);
  return isOpen || nowMs - atMs <= node.config.presenceGraceMs + GONE_MS + stalledMs;
}
