/**
 * The broker of a single node: what is published is delivered at once, in this process.
 *
 * @module
 */

import type { Publication, Relay } from "../message.ts";
import type { Broker, Deliver, Placed } from "./broker.ts";
import type { ChannelLog } from "./channel_log.ts";
import type { MemoryHistory } from "./memory_history.ts";

const NOT_KEPT: Placed = {};

export class MemoryBroker implements Broker {
  readonly #history: MemoryHistory | undefined;
  #deliver: Deliver | undefined;

  /** @param history what is kept; without it nothing is, and repeats are delivered */
  constructor(history?: MemoryHistory) {
    this.#history = history;
  }

  start(deliver: Deliver): Promise<void> {
    this.#deliver = deliver;
    return Promise.resolve();
  }

  publish(publication: Publication, key?: string): Placed {
    if (this.#deliver === undefined) return NOT_KEPT;
    const placed = this.#history?.add(publication, key) ?? NOT_KEPT;
    if (!placed.duplicate) this.#deliver(publication);
    return placed;
  }

  relay(relay: Relay): void {
    this.#deliver?.(relay);
  }

  subscribe(channel: string): ChannelLog | undefined {
    return this.#history?.subscribe(channel);
  }

  unsubscribe(channel: string): void {
    this.#history?.unsubscribe(channel);
  }

  history(channel: string): ChannelLog | undefined {
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
