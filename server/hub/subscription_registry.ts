/**
 * Who is connected and who follows which channel. Pure state: only the hub changes it, and both
 * directions (subscriber to channels, channel to members) always agree.
 *
 * @module
 */

import type { CloseChange, CloseReason } from "../close_codes.ts";
import type { ConnectionHealth } from "../liveness/connection_health.ts";
import type { Profile, ProtocolSession } from "../profiles/profile.ts";

/** How a connection is doing: a snapshot, for people. */
export interface ConnectionStats {
  /** When it was accepted, wall-clock ms. */
  readonly openedMs: number;
  /** How long ago that was, ms. */
  readonly ageMs: number;
  /** How long ago its last sign of life was, ms, without the server's own stalls. */
  readonly idleMs: number;
  /** Messages that wait for it, without the batch in flight. */
  readonly queuedMessages: number;
  /** Messages that it sent. */
  readonly messagesIn: number;
  /** Messages that were queued for it. */
  readonly messagesOut: number;
}

/** A connection as the hub sees it. */
export interface Subscriber {
  /** Unique among all nodes. */
  readonly id: string;
  /** The key it came with; undefined on an open hub. */
  readonly keyId: string | undefined;
  /** The peer's address; empty on a unix socket. */
  readonly address: string;
  /** The system it speaks. */
  readonly profile: Profile;
  /** Its side of the talk. */
  readonly session: ProtocolSession;
  /** What is known of its health. */
  readonly health: ConnectionHealth;
  /** Bytes that wait for it. */
  readonly pendingBytes: number;
  /** The same if some of it has waited for a second, else 0; 0 once it has been let go. */
  readonly overdueBytes: number;
  /** How it is doing now. */
  stats(): ConnectionStats;
  /** Queues a frame. MUST NOT wait and MUST NOT throw: a subscriber that cannot take it ends itself. */
  enqueue(frame: Uint8Array): void;
  /** Lets it go. MUST NOT wait and MUST NOT throw. @param change of the reason's row in the table */
  close(reason: CloseReason, change?: CloseChange): void;
  /** Ends it at once, even in the middle of a polite close. */
  terminate(): void;
}

const NO_SUBSCRIBERS: ReadonlySet<Subscriber> = new Set();
const NO_CHANNELS: ReadonlySet<string> = new Set();

/** See the module. */
export class SubscriptionRegistry {
  readonly #channelsOf = new Map<Subscriber, Set<string> | undefined>();
  readonly #followersOf = new Map<string, Set<Subscriber>>();

  /** Everybody who has joined and not left, the oldest first. */
  get subscribers(): Iterable<Subscriber> {
    return this.#channelsOf.keys();
  }

  /** How many members there are. */
  get size(): number {
    return this.#channelsOf.size;
  }

  /** The channels that somebody follows. */
  get channels(): Iterable<string> {
    return this.#followersOf.keys();
  }

  /** How many channels somebody follows. */
  get channelCount(): number {
    return this.#followersOf.size;
  }

  /** Enters a subscriber, who follows nothing yet. Idempotent. */
  add(subscriber: Subscriber): void {
    if (!this.#channelsOf.has(subscriber)) this.#channelsOf.set(subscriber, undefined);
  }

  /** Forgets a subscriber and all it followed. Idempotent. */
  remove(subscriber: Subscriber): void {
    for (const channel of this.channelsOf(subscriber)) this.#unlink(subscriber, channel);
    this.#channelsOf.delete(subscriber);
  }

  /** Lets a subscriber follow a channel. Idempotent; of no effect before it joins or after it left. */
  subscribe(subscriber: Subscriber, channel: string): void {
    if (!this.#channelsOf.has(subscriber)) return;
    let channels = this.#channelsOf.get(subscriber);
    if (channels === undefined) this.#channelsOf.set(subscriber, channels = new Set());
    channels.add(channel);
    const followers = this.#followersOf.get(channel);
    if (followers === undefined) this.#followersOf.set(channel, new Set([subscriber]));
    else followers.add(subscriber);
  }

  /** Lets it follow no longer. Idempotent. */
  unsubscribe(subscriber: Subscriber, channel: string): void {
    if (this.#channelsOf.get(subscriber)?.delete(channel)) this.#unlink(subscriber, channel);
  }

  /** Who follows a channel. */
  subscribersOf(channel: string): ReadonlySet<Subscriber> {
    return this.#followersOf.get(channel) ?? NO_SUBSCRIBERS;
  }

  /** What a subscriber follows. */
  channelsOf(subscriber: Subscriber): ReadonlySet<string> {
    return this.#channelsOf.get(subscriber) ?? NO_CHANNELS;
  }

  #unlink(subscriber: Subscriber, channel: string): void {
    const followers = this.#followersOf.get(channel);
    followers?.delete(subscriber);
    if (followers?.size === 0) this.#followersOf.delete(channel);
  }
}
