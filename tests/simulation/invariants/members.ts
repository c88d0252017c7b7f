/**
 * The node has no more members than there are: those with a connection, and those whose last one it was
 * told has ended, for the grace.
 *
 * @module
 */

import { GONE_MS, MEMBER_ROOMS, MemberClient } from "../clients/member.ts";
import type { SimNode } from "../core/node.ts";
import type { Invariant, Simulation } from "../core/simulation.ts";

/** A lease, and two renewals, ms. */
const LOST_MS = 10_500;

export const members: Invariant = {
  name: "members",
  watch: (simulation) => ({
    sample() {
      for (const node of simulation.slots) check(simulation, node);
    },
  }),
};

function check(simulation: Simulation, node: SimNode): void {
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
}

function mayBeThere(client: MemberClient, node: SimNode, simulation: Simulation): boolean {
  const { nowMs, open, slots, redis, redisTruth } = simulation;
  const isOpen = open.some((each) => each.client === client);
  const { atMs } = client.lastEnd;
  const stalledMs = Math.max(
    ...slots.map(({ process }) =>
      process.stalls.filter(({ toMs }) => toMs >= atMs)
        .reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0)
    ),
  );
  const { presenceGraceMs } = node.config;
  if (isOpen || nowMs - atMs <= presenceGraceMs + GONE_MS + stalledMs) return true;
  // What a node has that is lost stays for its lease; what Redis was not told, until it is back.
  if (redis === undefined) return false;
  return nowMs - atMs <= presenceGraceMs + GONE_MS + LOST_MS + stalledMs ||
    !redisTruth.isQuietSince(atMs);
}
