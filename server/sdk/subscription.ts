/**
 * The type of what `subscribe()` returns: one of a channel's subscriptions.
 *
 * @module
 */

import type { AddListener, GapEvent, PublicationEvent, RecoveredEvent } from "./events.ts";
import type { Position } from "./options.ts";

/** The events of a subscription, by name. */
export interface SubscriptionEventMap {
  /** A message was published on the channel. */
  message: PublicationEvent;
  /** Messages before the next one may be missing. */
  gap: GapEvent;
  /** What was missed while there was no connection has been received. */
  recovered: RecoveredEvent;
}

/**
 * A subscription of one channel. Subscriptions of the same channel share one on the wire, which ends
 * with the last of them.
 */
export interface Subscription extends EventTarget {
  /** The channel. */
  readonly channel: string;
  /**
   * Where a later subscription continues, by the option `since`: after the newest received message.
   * Undefined until the hub has answered, and where it keeps no history.
   */
  readonly position: Position | undefined;
  /** Ends it: no event follows. Calls after the first have no effect. */
  unsubscribe(): void;
  /** As `unsubscribe()`. */
  [Symbol.dispose](): void;
  /** As EventTarget's, with the event's type derived from its name. */
  addEventListener: AddListener<AddEventListenerOptions, SubscriptionEventMap>;
  /** As EventTarget's. */
  removeEventListener: AddListener<EventListenerOptions, SubscriptionEventMap>;
}
