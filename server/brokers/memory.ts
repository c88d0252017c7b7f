/**
 * The broker of a single node: what is published is delivered at once, in this process.
 *
 * @module
 */

import type { Broadcast, Position } from "../message.ts";
import type { Broker, ChannelHistory } from "./broker.ts";
import type { MemoryHistory } from "./memory_history.ts";

export class MemoryBroker implements Broker {
  readonly #history: MemoryHistory | undefined;
  #deliver: ((broadcast: Broadcast) => void) | undefined;

  /** @param history where publications are kept; without it none is */
  constructor(history?: MemoryHistory) {
    this.#history = history;
  }

  start(deliver: (broadcast: Broadcast) => void): Promise<void> {
    this.#deliver = deliver;
    return Promise.resolve();
  }

  publish(broadcast: Broadcast): Position | undefined {
    if (this.#deliver === undefined) return undefined;
    const position = broadcast.kind === "publication" ? this.#history?.add(broadcast) : undefined;
    this.#deliver(broadcast);
    return position;
  }

  subscribed(channel: string): void {
    this.#history?.subscribed(channel);
  }

  unsubscribed(channel: string): void {
    this.#history?.unsubscribed(channel);
  }

  history(channel: string): ChannelHistory | undefined {
    return this.#history?.of(channel);
  }

  clear(channel: string): boolean {
    return this.#history?.clear(channel) ?? false;
  }

  close(): Promise<void> {
    this.#deliver = undefined;
    return Promise.resolve();
  }
}
