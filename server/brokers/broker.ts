/**
 * The Broker port: live traffic between the hubs of all nodes, and the history of channels. An answer
 * is there at once, or comes later: the hub waits for none, and takes it as a message in its mailbox.
 * Every implementation MUST pass tests/contracts/broker_contract.ts, and one that keeps a history
 * tests/contracts/history_contract.ts.
 *
 * @module
 */

import type { Broadcast, Position, Publication, Relay } from "../message.ts";

/** An answer that is there at once, or comes later; it rejects with Unavailable alone. */
export type Later<T> = T | Promise<T>;

/** The broker cannot answer now; the same request may succeed in a while. */
export class Unavailable extends Error {
  override name = "Unavailable";
}

/** What came of a publication. */
export interface Placed {
  /** Its place, where the channel keeps a history. */
  readonly position?: Position;
  /** Whether it is a repeat, which is not delivered: the place is that of the first. */
  readonly duplicate?: boolean;
  /** Whether it reached this hub alone: the engine is away. Its channel gets a gap later. */
  readonly degraded?: boolean;
}

/**
 * What is kept of one channel: its position, which is that of the newest message, and messages. It
 * follows the channel while the hub has a subscriber: what was delivered is in it, unless removed. Its
 * epoch may change, with a gap: then the offsets begin anew.
 */
export interface ChannelHistory extends Position {
  /** The offset of the oldest message that is kept; `offset + 1` where none is. */
  readonly first: number;
  /** The message at an offset, the same object for every reader; undefined: it is not kept. */
  at(offset: number): Publication | undefined;
}

/** Takes what the broker delivers to its hub. */
export type Deliver = (broadcast: Broadcast) => void;

/** Carries publications and relayed texts to every hub, this one included. No method may throw. */
export interface Broker {
  /** Whether this hub is cut off from the others, for now; undefined: there are no others. */
  readonly isDegraded?: boolean;
  /**
   * Starts delivery.
   *
   * @param deliver MUST be called in the order of publishing per publisher, for a channel in the order
   *   of its offsets, MUST NOT be called after `close()`, and MAY be called during `publish()`
   */
  start(deliver: Deliver): Promise<void>;
  /**
   * Hands a publication to every hub that has a subscriber. On a channel with a history it is kept
   * before it is delivered.
   *
   * @param key the same for repeats of a publication, unique among all others on the channel
   */
  publish(publication: Publication, key?: string): Later<Placed>;
  /** Hands a text to every hub. */
  relay(relay: Relay): void;
  /**
   * The hub has a subscriber more. From the answer on it gets all that is published on the channel,
   * until `unsubscribe()`; the position stays as long. After a rejection it goes on trying as long, too.
   *
   * @param since see `history()`
   * @returns the history, as `history()` does
   */
  subscribe(channel: string, since?: Position): Later<ChannelHistory | undefined>;
  /** The hub has no subscriber of the channel any more: the position may go, in time. */
  unsubscribe(channel: string): void;
  /**
   * The history of a channel, which has a position from now on.
   *
   * @param since what a subscriber has got, maybe from another hub that was told earlier: the history is
   *   not behind it
   * @returns undefined where the channel keeps none
   */
  history(channel: string, since?: Position): Later<ChannelHistory | undefined>;
  /** Removes the kept messages of a channel; its position stays. @returns false where it has none */
  clear(channel: string): Later<boolean>;
  /** Ends delivery and releases all resources. Idempotent. */
  close(): Promise<void>;
}
