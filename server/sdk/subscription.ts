/**
 * The types of what `subscribe()` returns, one of a channel's subscriptions, and of what it reads.
 *
 * @module
 */

import type {
  AddListener,
  GapEvent,
  MemberDetails,
  MemberEvent,
  MembersEvent,
  PublicationEvent,
  RecoveredEvent,
  UnsubscribedEvent,
} from "./events.ts";
import type { HistoryOptions, Position } from "./options.ts";

/** The events of a subscription, by name. */
export interface SubscriptionEventMap {
  /** A message was published on the channel. */
  message: PublicationEvent;
  /** Messages before the next one may be missing. */
  gap: GapEvent;
  /** What was missed while there was no connection has been received. */
  recovered: RecoveredEvent;
  /** The hub has ended it, and the SDK does not ask again. `subscribe()` begins another one. */
  unsubscribed: UnsubscribedEvent;
  /** With the option `presence`: a member has joined the channel. */
  joined: MemberEvent;
  /** With the option `presence`: a member has left the channel. */
  left: MemberEvent;
  /** With the option `presence`: the hub only counts the members, there are or were too many. */
  members: MembersEvent;
}

/** A message that the hub has kept. */
export interface HistoryMessage {
  /** Its number in the channel's epoch, from 1. */
  readonly offset: number;
  /** What was published, a JSON value. */
  readonly data: unknown;
  /** When it was published, wall-clock ms of the hub. */
  readonly timestamp: number;
}

/** A part of a channel's history. */
export interface HistoryPage {
  /** The hub's name for the series of offsets. */
  readonly epoch: string;
  /** That of the channel's newest message, 0 before the first. */
  readonly offset: number;
  /** In order, the oldest first. */
  readonly messages: readonly HistoryMessage[];
  /** With `since`: whether nothing that followed it is missing. */
  readonly recovered?: boolean;
  /** Whether more follows: ask again with the last message's offset as `since`. */
  readonly more: boolean;
}

/** A member in the list of a channel. */
export interface Member extends MemberDetails {
  /** When it joined, wall-clock ms of the hub. */
  readonly sinceMs: number;
}

/** The members of a channel. */
export interface PresencePage {
  /** How many there are, also where not all are listed. */
  readonly count: number;
  /** The members, or some of them. */
  readonly members: readonly Member[];
  /** Whether some are not listed. */
  readonly more: boolean;
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
  /**
   * Reads the channel's history. Waits for a connection, and asks again on the next one if the answer
   * did not come.
   *
   * @returns rejects with a `RequestError`: `history_off`, `forbidden`, …, or why it was dropped
   * @throws {TypeError} if the profile cannot
   */
  history(options?: HistoryOptions): Promise<HistoryPage>;
  /** Reads who is on the channel. Waits, rejects and throws as `history()`. */
  presence(): Promise<PresencePage>;
  /** Ends it: no event follows. Calls after the first have no effect. */
  unsubscribe(): void;
  /** As `unsubscribe()`. */
  [Symbol.dispose](): void;
  /** As EventTarget's, with the event's type derived from its name. */
  addEventListener: AddListener<AddEventListenerOptions, SubscriptionEventMap>;
  /** As EventTarget's. */
  removeEventListener: AddListener<EventListenerOptions, SubscriptionEventMap>;
}
