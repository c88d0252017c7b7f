/**
 * The subscribers of each channel that the fan-out leaves out: they get its publications from the
 * history, later. Pure state.
 *
 * @module
 */

import type { Subscriber } from "./subscription_registry.ts";

export class LeftOut {
  readonly #onChannel = new Map<string, Set<Subscriber>>();

  /** Those of a channel; undefined: none. On the frame path. */
  on(channel: string): ReadonlySet<Subscriber> | undefined {
    return this.#onChannel.size === 0 ? undefined : this.#onChannel.get(channel);
  }

  /** Idempotent. */
  add(subscriber: Subscriber, channel: string): void {
    const subscribers = this.#onChannel.get(channel);
    if (subscribers === undefined) this.#onChannel.set(channel, new Set([subscriber]));
    else subscribers.add(subscriber);
  }

  /** Idempotent. */
  remove(subscriber: Subscriber, channel: string): void {
    const subscribers = this.#onChannel.get(channel);
    if (subscribers?.delete(subscriber) && subscribers.size === 0) this.#onChannel.delete(channel);
  }
}
