/**
 * What a fault is. One file each in faults/, listed in registry.ts.
 *
 * @module
 */

import type { Connection } from "./connection.ts";
import { UNHEARD, UNREAD } from "./excuses.ts";
import { toleranceMs } from "./profiles.ts";
import type { SimRandom } from "./random.ts";
import type { Simulation } from "./simulation.ts";

export interface Fault {
  /** How often it is chosen, beside the others. */
  readonly weight: number;
  /** Begins it, and plans its end. @returns what it does to whom; undefined where there is nobody */
  begin(simulation: Simulation, random: SimRandom): string | undefined;
}

/** One of the connections that are open now. */
export function anyConnection(simulation: Simulation, random: SimRandom): Connection | undefined {
  const open = [...simulation.node.connections].filter((each) =>
    each.isOpen && !each.up.isCut && !each.down.isCut && each.truth.closeSent === undefined
  );
  return open.length === 0 ? undefined : random.pick(open);
}

/** So much is published at once: peers whose ways cannot take it are too slow. */
export function excuseBurst(
  simulation: Simulation,
  { messages, bytes }: { readonly messages: number; readonly bytes: number },
): void {
  const { node, config: { limits: { sendQueueBytes, sendQueueMessages } } } = simulation;
  const all = messages * (bytes + 100);
  simulation.burstAtMs = simulation.nowMs;
  for (const connection of node.connections) {
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
