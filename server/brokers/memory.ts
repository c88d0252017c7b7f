/**
 * The broker of a single node: what is published is delivered at once, in this process.
 *
 * @module
 */

import type { Publication } from "../message.ts";
import type { Broker } from "./broker.ts";

/** See the module. */
export class MemoryBroker implements Broker {
  #deliver: ((publication: Publication) => void) | undefined;

  /** See `Broker`. */
  start(deliver: (publication: Publication) => void): Promise<void> {
    this.#deliver = deliver;
    return Promise.resolve();
  }

  /** See `Broker`. */
  publish(publication: Publication): void {
    this.#deliver?.(publication);
  }

  /** See `Broker`. */
  close(): Promise<void> {
    this.#deliver = undefined;
    return Promise.resolve();
  }
}
