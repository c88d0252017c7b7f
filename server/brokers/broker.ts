/**
 * The Broker port: live traffic between the hubs of all nodes, and the history of channels. Every
 * implementation MUST pass tests/contracts/broker_contract.ts, and one that keeps a history
 * tests/contracts/history_contract.ts.
 *
 * @module
 */

import type { Broadcast, Position, Publication } from "../message.ts";

/** What is kept of one channel: its position, which is that of the newest message, and messages. */
export interface ChannelHistory extends Position {
  /** The offset of the oldest message that is kept; `offset + 1` where none is. */
  readonly first: number;
  /** The message at an offset, the same object for every reader; undefined: it is not kept. */
  at(offset: number): Publication | undefined;
}

/** Carries broadcasts to every hub, this one included. */
export interface Broker {
  /**
   * Starts delivery.
   *
   * @param deliver takes one broadcast; MUST be called in the order of publishing per publisher,
   *   MUST NOT be called after `close()`, and MAY be called during `publish()`
   */
  start(deliver: (broadcast: Broadcast) => void): Promise<void>;
  /**
   * Hands a broadcast to every hub. A publication on a channel with a history is kept before it is
   * delivered. MUST NOT wait and MUST NOT throw.
   *
   * @returns its position, where the channel keeps a history
   */
  publish(broadcast: Broadcast): Position | undefined;
  /** The hub has a first subscriber of a channel: the position must stay. */
  subscribed(channel: string): void;
  /** The hub has no subscriber of a channel any more: the position may go, in time. */
  unsubscribed(channel: string): void;
  /**
   * The history of a channel, which has a position from now on. MUST NOT wait.
   *
   * @returns undefined where the channel keeps none
   */
  history(channel: string): ChannelHistory | undefined;
  /** Removes the kept messages of a channel; its position stays. @returns false where it has none */
  clear(channel: string): boolean;
  /** Ends delivery and releases all resources. Idempotent. */
  close(): Promise<void>;
}
