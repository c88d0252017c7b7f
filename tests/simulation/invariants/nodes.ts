/**
 * A node ends no connection to Redis that works, takes no other node for lost that lives and reaches
 * Redis, and serves with all others again at rest.
 *
 * @module
 */

import type { RedisSession } from "../core/redis_server.ts";
import type { Invariant } from "../core/simulation.ts";

/** A lease, a renewal before it, and what a stalled node needs, ms. */
const LEASE_MS = 20_000;

/** A subscription that has ended is ended in Redis after so many seconds. */
const ENDED_S = 3;

/** From a fault to what a node does about it, at most, ms. */
const NOTICED_MS = 10_000;

export const nodes: Invariant = {
  name: "nodes",
  watch: (simulation) => {
    const { redis, redisTruth } = simulation;
    if (redis === undefined) return {};
    /** For how many seconds a connection was subscribed to more channels than its node. */
    const tooMany = new Map<RedisSession, number>();
    const find = (what: string, about: string) => simulation.find("nodes", what, [about]);
    const hasStalled = (name: string, sinceMs: number) =>
      simulation.nodes.some(({ name: each, process }) =>
        each === name && process.stalls.some(({ toMs }) => toMs > sinceMs)
      );
    redis.onHangUp = (owner, process) => {
      const { nowMs } = simulation;
      const node = simulation.nodes.find(({ name }) => name === process);
      if (node === undefined || node.drainMs !== undefined || !node.process.isAlive) return;
      const isSure = redisTruth.isFaultlessSince(nowMs - NOTICED_MS) &&
        !hasStalled(process, nowMs - NOTICED_MS);
      if (isSure) find(`${owner}: it is ended, and works`, process);
    };
    return {
      on(happening) {
        if (happening.kind !== "log" || happening.line.message !== "a node is lost") return;
        const { nowMs } = simulation;
        const { node: id } = happening.line.properties;
        const lost = simulation.nodes.find(({ nodeId }) => nodeId === id);
        if (lost === undefined || !lost.process.isAlive || lost.drainMs !== undefined) return;
        const { name } = lost;
        if (hasStalled(name, nowMs - LEASE_MS) || redisTruth.wasCutSince(name, nowMs - LEASE_MS)) {
          return;
        }
        find(`${happening.node.name} takes ${name} for lost`, name);
      },
      sample() {
        const { slots, nowMs } = simulation;
        if (!redisTruth.isQuietSince(nowMs - NOTICED_MS)) return;
        for (const { name, parts, process, isServing } of slots) {
          if (!isServing || hasStalled(name, nowMs - NOTICED_MS) || process.isStalled) continue;
          for (const session of redis.sessions) {
            if (session.process !== name || session.isDeaf) continue;
            const channels = [...session.names].filter((each) => each.endsWith(":live")).length;
            const isMany = channels > parts!.hub.channelCount;
            const seconds = isMany ? (tooMany.get(session) ?? 0) + 1 : 0;
            tooMany.set(session, seconds);
            if (seconds < ENDED_S) continue;
            find(`${session.owner}: has ${channels} channels`, name);
          }
        }
      },
      atRest() {
        for (const { name, parts, isServing } of simulation.slots) {
          if (isServing && parts!.broker.isDegraded) find(`${name} has not come back`, name);
        }
      },
      atEnd() {
        const left = simulation.nodes.filter(({ drainMs }) => drainMs?.toMs !== undefined);
        for (const { owner, isDeaf } of redis.sessions) {
          const node = left.find(({ name }) => owner.startsWith(`${name} `));
          if (node !== undefined && !isDeaf) find(`${owner}: it is still connected`, node.name);
        }
      },
    };
  },
};
