/**
 * A channel that this node is subscribed to in Redis, and who waits for that. Pure state: redis.ts
 * decides what becomes of it.
 *
 * @module
 */

import type { Cancel, Clock } from "../base/clock.ts";
import { type ChannelHistory, Unavailable } from "./broker.ts";
import type { ChannelLog } from "./channel_log.ts";
import type { Engine } from "./redis_engines.ts";
import type { ChannelKeys } from "../redis/keys.ts";
import type { LiveMessage } from "./redis_messages.ts";

/** Live messages of a channel that are held while its stream is read: so many, or so many bytes. */
const MAX_HELD = 1_024;
const MAX_HELD_BYTES = 1 << 20;

/** How long a subscriber waits, ms. A connection that is made anew takes a tenth of that. */
const MAX_WAIT_MS = 3_000;

interface Waiter {
  readonly resolve: (history: ChannelHistory | undefined) => void;
  readonly reject: (error: Error) => void;
}

/** "waiting": for Redis to confirm it; "stale": its stream could not be read. */
export type SubscriptionState = "waiting" | "reading" | "stale" | "live";

export class RedisSubscription {
  readonly channel: string;
  readonly keys: ChannelKeys;
  /** Whether the channel keeps a history. */
  readonly isKept: boolean;
  state: SubscriptionState = "waiting";
  /** Where it was requested last. */
  engine: Engine | undefined;
  /** Changes with each change of state that it has not made itself: what went on before is void. */
  turn = 0;
  /** Whether it was never live: the hub has no position yet. */
  isNew = true;
  /** What was delivered; undefined before the first reading, and where nothing is kept. */
  log: ChannelLog | undefined;
  /** Whether the members of other nodes were read since it was last confirmed. */
  knowsMembers = false;
  /** Messages may have been lost that no reading finds. */
  mayMiss = false;
  #held: LiveMessage[] = [];
  #heldBytes = 0;
  #isOverfull = false;
  #waiters: Waiter[] = [];
  #cancelDeadline: Cancel = () => {};

  constructor(channel: string, keys: ChannelKeys, isKept: boolean) {
    this.channel = channel;
    this.keys = keys;
    this.isKept = isKept;
  }

  /** Resolves when it is live; rejects when that takes too long. */
  live(clock: Pick<Clock, "after">): Promise<ChannelHistory | undefined> {
    if (!this.isAwaited) {
      const late = () => this.settle(new Unavailable("Redis has not answered"));
      this.#cancelDeadline = clock.after(MAX_WAIT_MS, late);
    }
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  /** Whether anybody waits. */
  get isAwaited(): boolean {
    return this.#waiters.length > 0;
  }

  /** Tells those who wait. */
  settle(error?: Error): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    this.#cancelDeadline();
    for (const { resolve, reject } of waiters) error ? reject(error) : resolve(this.log);
  }

  /** Holds a message, or gives up all that are held: the stream has them. @returns bytes more */
  hold(message: LiveMessage, bytes: number): number {
    if (this.#isOverfull) return 0;
    if (this.#held.length === MAX_HELD || this.#heldBytes + bytes > MAX_HELD_BYTES) {
      this.#isOverfull = true;
      return -this.#drop();
    }
    this.#held.push(message);
    this.#heldBytes += bytes;
    return bytes;
  }

  /** Takes what is held. `isWhole`: none was given up. */
  takeHeld(): { messages: LiveMessage[]; bytes: number; isWhole: boolean } {
    const isWhole = !this.#isOverfull;
    const messages = this.#held;
    const bytes = this.#drop();
    this.#isOverfull = false;
    return { messages, bytes, isWhole };
  }

  #drop(): number {
    const bytes = this.#heldBytes;
    this.#held = [];
    this.#heldBytes = 0;
    return bytes;
  }
}
