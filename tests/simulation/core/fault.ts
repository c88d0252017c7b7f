/**
 * What a fault is. One file each in faults/, listed in registry.ts.
 *
 * @module
 */

import type { Connection } from "./connection.ts";
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

/** Why a connection may end whose peer cannot be heard. */
export const UNHEARD = ["stale", "missed_heartbeats", "network_error", "client_close"] as const;

/** The same for one whose peer does not take what is sent. */
export const UNREAD = ["write_timeout", "slow_consumer", "overload", "frozen"] as const;
