/**
 * Which connections there are, and which channels each is subscribed to. Pure state: only the hub
 * changes it, and both directions (subscriber to channels, channel to subscribers) always agree.
 *
 * @module
 */

import type { CloseChange, CloseReason } from "../close_codes.ts";
import type { ConnectionHealth } from "../liveness/connection_health.ts";
import type { Notice } from "../message.ts";
import type { Profile, ProtocolSession } from "../profiles/profile.ts";

/** A snapshot of a connection's figures, for people. */
export interface ConnectionStats {
  /** When it was accepted, wall-clock ms. */
  readonly openedMs: number;
  /** How long ago that was, ms. */
  readonly ageMs: number;
  /** How long ago its last sign of life was, ms, without the server's own stalls. */
  readonly idleMs: number;
  /** The same for its application alone: a message or an app pong. */
  readonly applicationIdleMs: number;
  /** Messages that wait for it, without the batch in flight. */
  readonly queuedMessages: number;
  /** Messages that it sent. */
  readonly messagesIn: number;
  /** Messages that were queued for it. */
  readonly messagesOut: number;
}

/** How a reader keeps up. */
export type Pace =
  /** At most half of its queue waits behind what is being written. */
  | "free"
  /** More than that, and the peer takes it. */
  | "behind"
  /** More than that, and the peer has taken nothing for a while. */
  | "stuck";

/** The send queue of a connection as the hub sees it. */
export interface FrameSink {
  /** Bytes that wait. */
  readonly pendingBytes: number;
  /** The same if some of them have waited for a second, else 0; 0 once the connection is closing. */
  readonly overdueBytes: number;
  /** How the peer keeps up. On the frame path. */
  readonly pace: Pace;
  /**
   * Queues a broadcast, which may be held for FLUSH_WINDOW_MS. MUST NOT wait and MUST NOT throw: a peer
   * that is too slow is closed by it.
   */
  enqueue(frame: Uint8Array): void;
  /** The same for an answer, which is not held. */
  answer(frame: Uint8Array): void;
  /**
   * Queues a frame of a replay if that leaves half of the queue free. MUST NOT close the connection.
   *
   * @returns "full" when it is to be tried again once something has drained
   */
  replay(frame: Uint8Array): "queued" | "full" | "closed";
  /** Calls once when the peer has taken a batch. A later call replaces an earlier one. */
  onceDrained(call: () => void): void;
}

/** A connection as the hub sees it. */
export interface Subscriber {
  /** Unique among all nodes. */
  readonly id: string;
  /** The key it authenticated with; undefined on an open hub. */
  readonly keyId: string | undefined;
  /** The peer's address; empty on a unix socket. */
  readonly address: string;
  readonly profile: Profile;
  readonly session: ProtocolSession;
  readonly health: ConnectionHealth;
  readonly writePump: FrameSink;
  /** Whether its close has begun: what it sends has no effect any more. */
  readonly closing: boolean;
  stats(): ConnectionStats;
  /** Reads nothing more from its socket until `resumeReading()`, called once for each. */
  pauseReading(): void;
  resumeReading(): void;
  /** Sends a notice where its profile has a frame for it. @returns whether it was queued */
  notify(notice: Notice): boolean;
  /** Begins to close it. MUST NOT wait and MUST NOT throw. @param change of the reason's table row */
  close(reason: CloseReason, change?: CloseChange): void;
  /** Ends it at once, even during a graceful close. */
  terminate(): void;
}

const NO_SUBSCRIBERS: ReadonlySet<Subscriber> = new Set();
const NO_CHANNELS: ReadonlySet<string> = new Set();

export class SubscriptionRegistry {
  readonly #channelsOf = new Map<Subscriber, Set<string> | undefined>();
  readonly #subscribersOf = new Map<string, Set<Subscriber>>();
  readonly #onEmpty: (channel: string) => void;

  /** @param onEmpty called when a channel has lost its last subscriber */
  constructor(onEmpty: (channel: string) => void = () => {}) {
    this.#onEmpty = onEmpty;
  }

  /** All that were added and not removed, the oldest first. */
  get subscribers(): Iterable<Subscriber> {
    return this.#channelsOf.keys();
  }

  /** How many subscribers there are. */
  get size(): number {
    return this.#channelsOf.size;
  }

  /** The channels that have a subscriber. */
  get channels(): Iterable<string> {
    return this.#subscribersOf.keys();
  }

  /** How many channels have a subscriber. */
  get channelCount(): number {
    return this.#subscribersOf.size;
  }

  /** Whether a subscriber was added and not removed. */
  has(subscriber: Subscriber): boolean {
    return this.#channelsOf.has(subscriber);
  }

  /** Adds a subscriber, without channels. Idempotent. */
  add(subscriber: Subscriber): void {
    if (!this.#channelsOf.has(subscriber)) this.#channelsOf.set(subscriber, undefined);
  }

  /** Removes a subscriber from all channels. Idempotent. */
  remove(subscriber: Subscriber): void {
    for (const channel of this.channelsOf(subscriber)) this.#unlink(subscriber, channel);
    this.#channelsOf.delete(subscriber);
  }

  /** Idempotent; without effect before `add()` and after `remove()`. */
  subscribe(subscriber: Subscriber, channel: string): void {
    if (!this.#channelsOf.has(subscriber)) return;
    let channels = this.#channelsOf.get(subscriber);
    if (channels === undefined) this.#channelsOf.set(subscriber, channels = new Set());
    channels.add(channel);
    const subscribers = this.#subscribersOf.get(channel);
    if (subscribers !== undefined) subscribers.add(subscriber);
    else this.#subscribersOf.set(channel, new Set([subscriber]));
  }

  /** Idempotent. */
  unsubscribe(subscriber: Subscriber, channel: string): void {
    if (this.#channelsOf.get(subscriber)?.delete(channel)) this.#unlink(subscriber, channel);
  }

  /** The subscribers of a channel. */
  subscribersOf(channel: string): ReadonlySet<Subscriber> {
    return this.#subscribersOf.get(channel) ?? NO_SUBSCRIBERS;
  }

  /** The channels of a subscriber. */
  channelsOf(subscriber: Subscriber): ReadonlySet<string> {
    return this.#channelsOf.get(subscriber) ?? NO_CHANNELS;
  }

  #unlink(subscriber: Subscriber, channel: string): void {
    const subscribers = this.#subscribersOf.get(channel);
    subscribers?.delete(subscriber);
    if (subscribers?.size !== 0) return;
    this.#subscribersOf.delete(channel);
    this.#onEmpty(channel);
  }
}
