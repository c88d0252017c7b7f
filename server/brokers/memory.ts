/**
 * The broker of a single node: what is published is delivered at once, in this process.
 *
 * @module
 */

import type { Broadcast } from "../message.ts";
import type { Broker } from "./broker.ts";

export class MemoryBroker implements Broker {
  #deliver: ((broadcast: Broadcast) => void) | undefined;

  start(deliver: (broadcast: Broadcast) => void): Promise<void> {
    this.#deliver = deliver;
    return Promise.resolve();
  }

  publish(broadcast: Broadcast): void {
    this.#deliver?.(broadcast);
  }

  close(): Promise<void> {
    this.#deliver = undefined;
    return Promise.resolve();
  }
}
