/**
 * The Broker port: live traffic between the hubs of all nodes. Every implementation MUST pass
 * tests/contracts/broker_contract.ts.
 *
 * @module
 */

import type { Broadcast } from "../message.ts";

/** Carries broadcasts to every hub, this one included. */
export interface Broker {
  /**
   * Starts delivery.
   *
   * @param deliver takes one broadcast; MUST be called in the order of publishing per publisher,
   *   MUST NOT be called after `close()`, and MAY be called during `publish()`
   */
  start(deliver: (broadcast: Broadcast) => void): Promise<void>;
  /** Hands a broadcast to every hub. MUST NOT wait and MUST NOT throw. */
  publish(broadcast: Broadcast): void;
  /** Ends delivery and releases all resources. Idempotent. */
  close(): Promise<void>;
}
