/**
 * The broker of a single node: what is published is delivered at once, in this process.
 *
 * @module
 */

import type { Broadcast } from "../message.ts";
import type { Broker } from "./broker.ts";

/** See the module. */
export class MemoryBroker implements Broker {
  #deliver: ((broadcast: Broadcast) => void) | undefined;

  /** See `Broker`. */
  start(deliver: (broadcast: Broadcast) => void): Promise<void> {
    this.#deliver = deliver;
    return Promise.resolve();
  }

  /** See `Broker`. */
  publish(broadcast: Broadcast): void {
    this.#deliver?.(broadcast);
  }

  /** See `Broker`. */
  close(): Promise<void> {
    this.#deliver = undefined;
    return Promise.resolve();
  }
}
