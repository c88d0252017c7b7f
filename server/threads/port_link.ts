/**
 * One end of a message port between the main thread and a thread that serves clients. What is sent in one
 * turn of the event loop goes over the port as one batch, since a message costs more than what is in it
 * (11 µs, measured). The port keeps the order and loses nothing, so what waits in it is counted: each end
 * acknowledges what it has handled, and says how much the other one has not.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import { Unavailable } from "../brokers/broker.ts";

/** The part of a `MessagePort` that is used. */
export interface Port {
  postMessage(batch: unknown): void;
  addEventListener(
    type: "message" | "close",
    listener: (event: { readonly data?: unknown }) => void,
  ): void;
  start(): void;
  close(): void;
}

/** A topic, and what is said about it: what a structured clone can carry. Tuples are cheaper than objects. */
export type Item = readonly [topic: string, ...data: unknown[]];

/** The form of what goes over the port. */
interface Batch {
  readonly items: readonly Item[];
  /** What they count for. */
  readonly bytes: number;
  /** Bytes that were handled since the last batch. */
  readonly acknowledged: number;
}

interface Call {
  readonly take: (answer: never) => void;
  readonly fail: (error: Error) => void;
}

/** What an item takes beside its texts, bytes. */
const ITEM_BYTES = 128;

/** Bytes of a batch: a receiver handles one in a turn, so that its sockets have theirs. */
const BATCH_BYTES = 1 << 18;

/** Bytes that are acknowledged at once; fewer with the next batch. */
const ACKNOWLEDGE_BYTES = 1 << 19;

export class PortLink {
  /** Called when the other end has handled something. MUST NOT throw. */
  onAcknowledged: () => void = () => {};
  readonly #port: Port;
  readonly #clock: Pick<Clock, "turn">;
  readonly #topics = new Map<string, (item: never) => void>();
  readonly #services = new Map<string, (data: never) => unknown>();
  readonly #calls = new Map<number, Call>();
  /** Batches that have come and wait for their turn. */
  readonly #received: Batch[] = [];
  #items: Item[] = [];
  #bytes = 0;
  #unacknowledged = 0;
  #handled = 0;
  #called = 0;
  #isFlushing = false;
  #isHandling = false;
  #isClosed = false;

  /** @param onClosed the other end is gone */
  constructor(port: Port, clock: Pick<Clock, "turn">, onClosed: () => void = () => {}) {
    this.#port = port;
    this.#clock = clock;
    this.on(
      "call",
      ([, id, topic, data]: Item) => this.#answer(id as number, topic as string, data),
    );
    this.on("answer", ([, id, answer]: Item) => this.#take(id)?.take(answer as never));
    this.on("failure", ([, id, why]: Item) => this.#take(id)?.fail(new Unavailable(`${why}`)));
    port.addEventListener("message", ({ data }) => this.#receive(data as Batch));
    port.addEventListener("close", () => {
      if (this.#isClosed) return;
      this.close();
      onClosed();
    });
    port.start();
  }

  /** What the other end has not handled yet, bytes. */
  get unacknowledgedBytes(): number {
    return this.#unacknowledged;
  }

  /** Takes the items of a topic, in order. Called once for each topic. */
  on(topic: string, take: (item: never) => void): void {
    this.#topics.set(topic, take);
  }

  /** Sends with all else of this turn. @param bytes what its texts take */
  send(item: Item, bytes = 0): void {
    if (this.#isClosed) return;
    this.#items.push(item);
    this.#bytes += ITEM_BYTES + bytes;
    this.#unacknowledged += ITEM_BYTES + bytes;
    if (this.#bytes >= BATCH_BYTES) this.#post();
    else this.#requestFlush();
  }

  /** Asks the other end. @param take called in the order of all that comes from there */
  call(topic: string, data: unknown, { take, fail }: Call): void {
    if (this.#isClosed) return fail(new Unavailable("the port is closed"));
    const id = ++this.#called;
    this.#calls.set(id, { take, fail });
    this.send(["call", id, topic, data]);
  }

  /** Asks the other end. @throws {Unavailable} when it fails there, or the port closes */
  ask<T>(topic: string, data: unknown): Promise<T> {
    return new Promise((take, fail) => this.call(topic, data, { take, fail }));
  }

  /** Answers what the other end asks about a topic, at once or later. Called once for each topic. */
  serve(topic: string, answer: (data: never) => unknown): void {
    this.#services.set(topic, answer);
  }

  /** Ends it: what was asked for fails, and nothing comes any more. Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#post();
    this.#isClosed = true;
    this.#received.length = 0;
    this.#port.close();
    for (const { fail } of this.#calls.values()) fail(new Unavailable("the port is closed"));
    this.#calls.clear();
  }

  #take(id: unknown): Call | undefined {
    const call = this.#calls.get(id as number);
    this.#calls.delete(id as number);
    return call;
  }

  #answer(id: number, topic: string, data: unknown): void {
    const fail = (error: unknown) => this.send(["failure", id, String(error)]);
    const answer = this.#services.get(topic);
    if (answer === undefined) return fail(`nobody answers ${topic}`);
    try {
      const given = answer(data as never);
      if (!(given instanceof Promise)) return this.send(["answer", id, given]);
      given.then((value) => this.send(["answer", id, value]), fail);
    } catch (error) {
      fail(error);
    }
  }

  #requestFlush(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    this.#clock.turn(this.#flush);
  }

  readonly #flush = (): void => {
    this.#isFlushing = false;
    this.#post();
  };

  #post(): void {
    if (this.#isClosed || (this.#items.length === 0 && this.#handled === 0)) return;
    const batch: Batch = { items: this.#items, bytes: this.#bytes, acknowledged: this.#handled };
    this.#items = [];
    this.#bytes = this.#handled = 0;
    this.#port.postMessage(batch);
  }

  #receive(batch: Batch): void {
    if (this.#isClosed) return;
    this.#received.push(batch);
    if (!this.#isHandling) this.#handle();
  }

  /** One batch in a turn. */
  readonly #handle = (): void => {
    this.#isHandling = false;
    const batch = this.#received.shift();
    if (batch === undefined) return;
    if (this.#received.length > 0) {
      this.#isHandling = true;
      this.#clock.turn(this.#handle);
    }
    for (const item of batch.items) this.#topics.get(item[0])?.(item as never);
    this.#handled += batch.bytes;
    if (this.#handled >= ACKNOWLEDGE_BYTES) this.#requestFlush();
    this.#unacknowledged -= batch.acknowledged;
    if (batch.acknowledged > 0) this.onAcknowledged();
  };
}
