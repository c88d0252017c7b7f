/**
 * A bounded first-in-first-out channel between one or more senders and one receiver, in the manner
 * of Go. Owns only the order and the bound; must not know the values.
 *
 * Unlike a channel of Go it never blocks a sender and loses no value: a value beyond the capacity is
 * still accepted, and `send()` returns "full". The sender then awaits `room()`.
 *
 * @module
 */

/** "full": the value was accepted, and the sender should await `room()`. */
export type Sent = "sent" | "full" | "closed";

export class Channel<T> {
  readonly #capacity: number;
  #items: T[] = [];
  #head = 0;
  #closed = false;
  #receiver: ((value: T | undefined) => void) | undefined;
  #roomWaiters: (() => void)[] | undefined;

  /** @param capacity how many values may wait before `send()` returns full; at least 1 */
  constructor(capacity: number) {
    if (!(capacity >= 1)) {
      throw new RangeError(`Cannot make a channel: capacity must be >= 1, got ${capacity}`);
    }
    this.#capacity = capacity;
  }

  /** How many values wait. */
  get length(): number {
    return this.#items.length - this.#head;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Adds a value unless the channel is closed. */
  send(value: T): Sent {
    if (this.#closed) return "closed";
    const receiver = this.#receiver;
    if (receiver !== undefined) {
      this.#receiver = undefined;
      receiver(value);
      return "sent";
    }
    // A new array of one costs 40 bytes, the first push into an empty one 180 (V8's growth).
    if (this.#items.length === 0) this.#items = [value];
    else this.#items.push(value);
    return this.length > this.#capacity ? "full" : "sent";
  }

  /** The next value, if one waits. */
  tryReceive(): T | undefined {
    if (this.#head === this.#items.length) return undefined;
    const value = this.#items[this.#head];
    this.#items[this.#head] = undefined as T; // so that a taken value is not held
    this.#head++;
    if (this.#head === this.#items.length) this.#reset([]);
    else if (this.#head >= 1_024 && this.#head * 2 >= this.#items.length) {
      this.#reset(this.#items.slice(this.#head));
    }
    if (this.#roomWaiters !== undefined && this.length * 2 <= this.#capacity) this.#resolveRoom();
    return value;
  }

  /**
   * Waits for the next value; undefined once the channel is closed and empty.
   *
   * @throws {TypeError} when another receive is still waiting: a channel has one receiver
   */
  receive(): Promise<T | undefined> {
    if (this.length > 0) return Promise.resolve(this.tryReceive());
    if (this.#closed) return Promise.resolve(undefined);
    if (this.#receiver !== undefined) {
      throw new TypeError("Cannot receive: another receive of this channel is still waiting");
    }
    return new Promise((resolve) => this.#receiver = resolve);
  }

  /**
   * Takes values from the front, in order.
   *
   * @param most stop when the next one would bring the total weight above this; the first one is
   *   taken whatever it weighs
   * @param weigh weight of a value
   */
  take(most: number, weigh: (value: T) => number): T[] {
    let end = this.#head;
    let total = 0;
    while (end < this.#items.length) {
      total += weigh(this.#items[end]);
      if (total > most && end > this.#head) break;
      end++;
    }
    if (end === this.#items.length) return this.takeAll();
    const taken = this.#items.slice(this.#head, end);
    this.#reset(this.#items.slice(end));
    return taken;
  }

  /** Takes all that waits, in order. */
  takeAll(): T[] {
    const taken = this.#head === 0 ? this.#items : this.#items.slice(this.#head);
    this.#reset([]);
    if (this.#roomWaiters !== undefined) this.#resolveRoom();
    return taken;
  }

  /** Resolves when at most half of the capacity is in use, or the channel is closed. */
  room(): Promise<void> {
    if (this.#closed || this.length * 2 <= this.#capacity) return Promise.resolve();
    return new Promise((resolve) => (this.#roomWaiters ??= []).push(resolve));
  }

  /** Accepts no further value; waiting values can still be received. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const receiver = this.#receiver;
    this.#receiver = undefined;
    receiver?.(undefined); // a receiver waits only on an empty channel
    if (this.#roomWaiters !== undefined) this.#resolveRoom();
  }

  #reset(items: T[]): void {
    this.#items = items;
    this.#head = 0;
  }

  #resolveRoom(): void {
    const waiting = this.#roomWaiters!;
    this.#roomWaiters = undefined;
    for (const resolve of waiting) resolve();
  }
}
