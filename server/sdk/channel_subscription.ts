/**
 * The object behind a `Subscription`: an EventTarget that reports whether it is listened to.
 *
 * @module
 */

import type { Position } from "./options.ts";

/** What a subscription calls. */
export interface SubscriptionCallbacks {
  /** The position in the channel. */
  readonly position: () => Position | undefined;
  /** Ends it. */
  readonly unsubscribe: () => void;
  /** It has a listener. */
  readonly listened: () => void;
}

/** An EventTarget that reports its first listener; `Subscription` has its listeners' types. */
export class ChannelSubscription extends EventTarget {
  /** Whether an event can have a listener. */
  hasListeners = false;
  readonly channel: string;
  readonly #callbacks: SubscriptionCallbacks;

  constructor(channel: string, callbacks: SubscriptionCallbacks) {
    super();
    this.channel = channel;
    this.#callbacks = callbacks;
  }

  get position(): Position | undefined {
    return this.#callbacks.position();
  }

  override addEventListener(...args: Parameters<EventTarget["addEventListener"]>): void {
    this.hasListeners = true;
    this.#callbacks.listened();
    super.addEventListener(...args);
  }

  unsubscribe(): void {
    this.#callbacks.unsubscribe();
  }

  [Symbol.dispose](): void {
    this.unsubscribe();
  }
}
