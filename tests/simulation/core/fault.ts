/**
 * What a fault is. One file each in faults/, listed in registry.ts.
 *
 * @module
 */

import type { Connection } from "./connection.ts";
import { UNHEARD, UNREAD } from "./excuses.ts";
import { toleranceMs } from "./profiles.ts";
import { ROOMS } from "./json_frames.ts";
import type { SimNode } from "./node.ts";
import type { SimRandom } from "./random.ts";
import type { RedisSession, SimRedis } from "./redis_server.ts";
import type { Simulation } from "./simulation.ts";

export interface Fault {
  /** How often it is chosen, beside the others. */
  readonly weight: number;
  /** Whether it needs several nodes. */
  readonly isOfNodes?: boolean;
  /** Begins it, and plans its end. @returns what it does to whom; undefined where there is nobody */
  begin(simulation: Simulation, random: SimRandom): string | undefined;
}

/** One of the nodes that take connections now. */
export function anyNode({ slots }: Simulation, random: SimRandom): SimNode {
  return slots.length === 1 ? slots[0] : random.pick(slots);
}

/** One of the connections that are open now. */
export function anyConnection(simulation: Simulation, random: SimRandom): Connection | undefined {
  const open = simulation.open.filter((each) =>
    each.isOpen && !each.up.isCut && !each.down.isCut && each.truth.closeSent === undefined
  );
  return open.length === 0 ? undefined : random.pick(open);
}

/** So much is published at once: peers whose ways cannot take it are too slow. */
export function excuseBurst(
  simulation: Simulation,
  { messages, bytes }: { readonly messages: number; readonly bytes: number },
): void {
  const { open, config: { limits: { sendQueueBytes, sendQueueMessages } } } = simulation;
  const all = messages * (bytes + 100);
  simulation.burstAtMs = simulation.nowMs;
  for (const connection of open) {
    const { capacityBytes } = connection.request.way;
    // More than the kernels take at once, and than may wait behind it.
    const isTooMuch = all > capacityBytes / 2 &&
      (2 * messages > sendQueueMessages || 2 * all > sendQueueBytes);
    if (isTooMuch || all > 8 * sendQueueBytes) connection.excuse("a burst", "slow_consumer");
    // Pings wait behind it.
    const waitMs = all / connection.down.bytesPerMs;
    if (waitMs > toleranceMs(connection, simulation.plan.env)) {
      connection.impair("a burst fills its way", ...UNHEARD, ...UNREAD);
    }
  }
}

/** Some connections of nodes to Redis: those of one node, or of all. @param kind for commands, or for texts */
export function anySessions(
  { slots }: Simulation,
  redis: SimRedis,
  { random, kind }: { readonly random: SimRandom; readonly kind: "commands" | "texts" },
): RedisSession[] {
  const { name } = random.pick(slots);
  const isAll = random.chance(0.3);
  return [...redis.sessions].filter(({ owner }) =>
    isAll ? owner.endsWith(kind) : owner === `${name} ${kind}`
  );
}

/** A backend publishes at a node. @param by what keeps the order of its messages */
export function publishAt(
  { ledger }: Simulation,
  node: SimNode,
  { channel, bytes, by }: { readonly channel: string; readonly bytes: number; readonly by: string },
): void {
  const data = ledger.publish({ name: by, index: 0 }, channel, { bytes, by: `${by} ${node.name}` });
  node.parts!.hub.publish(channel, JSON.stringify(data)).then((accepted) => {
    if (typeof accepted !== "object") ledger.refused(data);
    else if (accepted.degraded) ledger.servedAlone(data, node);
  });
}

/** A backend publishes small messages at a node for a while, without a key. */
export function publishFor(
  simulation: Simulation,
  node: SimNode,
  { ms, everyMs, random }: {
    readonly ms: number;
    readonly everyMs: number;
    readonly random: SimRandom;
  },
): void {
  for (let atMs = 0; atMs < ms; atMs += everyMs) {
    const channel = random.pick(ROOMS);
    simulation.scheduler.after(atMs, () => {
      if (!node.isServing) return;
      node.process.run(() => publishAt(simulation, node, { channel, bytes: 20, by: "anybody" }));
    });
  }
}
