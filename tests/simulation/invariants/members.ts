/**
 * The node has no more members than there are: those with a connection, and those whose last one it was
 * told has ended, for the grace.
 *
 * @module
 */

import { GONE_MS, MEMBER_ROOMS, MemberClient } from "../clients/member.ts";
import type { SimNode } from "../core/node.ts";
import type { Invariant, Simulation } from "../core/simulation.ts";

/** After so long in which all was well the nodes agree, ms. */
const CALM_MS = 15_000;

/** The same after one was cut off from Redis, ms: what it has was maybe not confirmed. */
const CUT_MS = 60_000;

/** A lease, and two renewals, ms. */
const LOST_MS = 10_500;

export const members: Invariant = {
  name: "members",
  watch: (simulation) => ({
    sample() {
      for (const node of simulation.slots) check(simulation, node);
      if (simulation.redis !== undefined) checkAgreement(simulation);
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

/** Every node knows the members that are on a channel that it has members on itself. */
function checkAgreement(simulation: Simulation): void {
  const { clients, slots, nowMs, redis, redisTruth } = simulation;
  if (redis!.fullUntilMs > nowMs - CUT_MS) return; // what it has refused is repeated every 30 s
  const sinceMs = nowMs - CALM_MS;
  const isCalm = redisTruth.isQuietSince(sinceMs) && redisTruth.lostMs < sinceMs &&
    slots.every(({ name }) => !redisTruth.wasCutSince(name, nowMs - CUT_MS)) &&
    slots.every(({ process: { stalls } }) => stalls.every(({ toMs }) => toMs < sinceMs));
  if (!isCalm) return;
  for (const room of MEMBER_ROOMS) {
    const there = clients.filter((client): client is MemberClient =>
      client instanceof MemberClient && client.isJoinedSince(room, sinceMs) &&
      client.connection?.isOpen === true && client.connection.server?.isClosing === false &&
      client.connection.node.isServing
    );
    for (const { name, parts, isServing } of slots) {
      if (!isServing || there.every(({ connection }) => connection?.node.name !== name)) continue;
      const listed = new Set(parts!.hub.presence.list(room).members.map(({ member }) => member));
      const missing = there.find((client) => !listed.has(client.name));
      if (missing === undefined) continue;
      simulation.find("presence", `${name} misses ${missing.name} on ${room}`, [
        name,
        missing.name,
      ]);
    }
  }
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
