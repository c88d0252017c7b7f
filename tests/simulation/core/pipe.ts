/**
 * One direction of a TCP connection: bytes in order, with a delay that varies, a limited rate, and a
 * limited amount on the way, which a reader that does not read fills. It can stall, and it can be cut,
 * which neither side is told.
 *
 * @module
 */

import type { SimRandom } from "./random.ts";
import type { Scheduler } from "./scheduler.ts";

/** How a way is. */
export interface PipeOptions {
  /** One way, ms. */
  readonly delayMs: number;
  /** At most so much more, ms. */
  readonly jitterMs: number;
  readonly bytesPerMs: number;
  /** What the buffers of both kernels take. */
  readonly capacityBytes: number;
}

interface Sent<Item> {
  readonly item: Item;
  readonly bytes: number;
  /** Called once the kernel has it. */
  readonly taken: (() => void) | undefined;
}

export class Pipe<Item> {
  delayMs: number;
  jitterMs: number;
  bytesPerMs: number;
  /** How fast it is read, whatever the way allows. */
  readBytesPerMs = Infinity;
  /** Nothing arrives before. */
  stalledUntilMs = -Infinity;
  isCut = false;
  readonly #scheduler: Scheduler;
  readonly #random: SimRandom;
  readonly #arrive: (item: Item) => void;
  readonly #capacityBytes: number;
  #waiting: Sent<Item>[] = [];
  #stalled: Sent<Item>[] = [];
  #arrived: Sent<Item>[] = [];
  #waitingBytes = 0;
  #onTheWayBytes = 0;
  #lastDepartMs = 0;
  #lastArriveMs = 0;
  #isPaused = false;
  #isReading = false;
  #isClosed = false;

  constructor(
    options: PipeOptions,
    { scheduler, random, arrive }: {
      readonly scheduler: Scheduler;
      readonly random: SimRandom;
      readonly arrive: (item: Item) => void;
    },
  ) {
    this.delayMs = options.delayMs;
    this.jitterMs = options.jitterMs;
    this.bytesPerMs = options.bytesPerMs;
    this.#capacityBytes = options.capacityBytes;
    this.#scheduler = scheduler;
    this.#random = random;
    this.#arrive = arrive;
  }

  /** Bytes that the kernel of the sender has not taken. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** How long it takes until all that was sent has arrived, ms. */
  get behindMs(): number {
    const onTheWayMs = Math.max(0, this.#lastArriveMs - this.#scheduler.nowMs);
    return onTheWayMs + this.#waitingBytes / this.bytesPerMs;
  }

  /** @param taken called later, if the kernel does not take it at once */
  send(item: Item, bytes: number, taken?: () => void): void {
    if (this.#isClosed) return;
    this.#waiting.push({ item, bytes, taken });
    this.#waitingBytes += bytes;
    this.#launch(false);
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#read();
  }

  /** What is on the way, and what is sent from now on, is lost. */
  close(): void {
    this.#isClosed = true;
    this.#waiting = [];
    this.#arrived = [];
    this.#waitingBytes = 0;
  }

  #launch(isLater: boolean): void {
    while (this.#waiting.length > 0) {
      const sent = this.#waiting[0];
      const fits = this.#onTheWayBytes + sent.bytes <= this.#capacityBytes;
      if (!fits && this.#onTheWayBytes > 0) return;
      this.#waiting.shift();
      this.#waitingBytes -= sent.bytes;
      this.#onTheWayBytes += sent.bytes;
      if (isLater) sent.taken?.();
      if (this.isCut) continue;
      const departMs = Math.max(this.#scheduler.nowMs, this.#lastDepartMs) +
        sent.bytes / this.bytesPerMs;
      const wayMs = this.delayMs + this.#random.number() * this.jitterMs;
      const arriveMs = Math.max(departMs + wayMs, this.#lastArriveMs);
      this.#lastDepartMs = departMs;
      this.#lastArriveMs = arriveMs;
      this.#scheduler.at(arriveMs, () => this.#arrives(sent));
    }
  }

  #arrives(sent: Sent<Item>): void {
    if (this.isCut || this.#isClosed) return;
    this.#stalled.push(sent);
    if (this.#stalled.length === 1) this.#endStall();
  }

  /** What has arrived during a stall arrives at its end, in its order. */
  #endStall(): void {
    if (this.isCut || this.#isClosed) return;
    if (this.#scheduler.nowMs < this.stalledUntilMs) {
      this.#scheduler.at(this.stalledUntilMs, () => this.#endStall());
      return;
    }
    this.#arrived.push(...this.#stalled);
    this.#stalled = [];
    if (!this.#isReading) this.#read();
  }

  #read(): void {
    while (!this.#isPaused && !this.#isReading && this.#arrived.length > 0) {
      const sent = this.#arrived.shift()!;
      this.#onTheWayBytes -= sent.bytes;
      if (this.readBytesPerMs < Infinity) {
        this.#isReading = true;
        this.#scheduler.after(sent.bytes / this.readBytesPerMs, () => {
          this.#isReading = false;
          if (!this.#isClosed) this.#read();
        });
      }
      this.#arrive(sent.item);
      if (this.#isClosed) return;
      this.#launch(true);
    }
  }
}
