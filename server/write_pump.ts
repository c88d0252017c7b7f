/**
 * The writePump: from a client's send queue to its socket, one batch in flight. Owns the queue and
 * the judgement whether the peer reads fast enough.
 *
 * It is a loop turned inside out: the end of a turn starts a batch, the socket's `drained` ends it.
 * Awaiting both instead costs 25 % more CPU per delivery (measured, 1000 subscribers).
 *
 * @module
 */

import { Channel } from "./base/channel.ts";
import type { Flushable, Flusher } from "./client/flusher.ts";
import { TICK_MS, type TimerTask, type Wheel } from "./liveness/wheel.ts";
import type { Socket } from "./transport/socket.ts";
import type { QueueBudget } from "./hub/load_shedder.ts";

/**
 * A batch is at most so large, or one message: a ping is not stuck behind a megabyte, and writeWait
 * is fair to a slow link. While more waits, it is twice as large as the last one, a full queue at
 * most, if the socket took that within a tick: what a turn brings can be more, and who reads it is not slow.
 */
const BATCH_BYTES = 65_536;

/** A batch drained in the tick after its own, at the latest, was drained at once. */
const QUICK_TICKS = 1;

/** A batch that has waited for four ticks was not drained although its socket had its turn. */
const STUCK_TICKS = 4;

/**
 * Full queues that may wait, by bytes, behind a batch that is not stuck: up to 80 MB/s go through a hub
 * (measured), for the 100 ms until it is, or a stall of the server. What waits longer than a moment is
 * within the budget of all queues (load_shedder.ts).
 */
const FRESH_QUEUES = 16;

/**
 * What has waited for a second is overdue. Less would expire peers far away: a publication of
 * 64 KiB takes a few round trips to one that has not been sent much before.
 */
const OVERDUE_TICKS = 1_000 / TICK_MS;

/** What all write pumps share. */
export interface WritePumpOptions {
  /** Send queue bound, messages. */
  readonly queueMessages: number;
  /** Send queue bound, bytes. */
  readonly queueBytes: number;
  /** Ends the turn. */
  readonly flusher: Flusher;
  /** The bound over all queues. */
  readonly budget: QueueBudget;
  /** Tells the time and the turns. */
  readonly wheel: Wheel;
}

/** What became of a frame: "full" means that the peer reads too slowly. */
export type Enqueued = "queued" | "full" | "closed";

/** See the module. */
export class WritePump implements Flushable, TimerTask {
  readonly #socket: Socket;
  readonly #options: WritePumpOptions;
  readonly #onStuck: () => void;
  readonly #queue: Channel<Uint8Array>;
  #queuedBytes = 0;
  #inFlightBytes = 0;
  #batchBytes = BATCH_BYTES;
  #startedMs = Infinity;
  #startedTick = 0;
  #behindTick = 0;
  #lastWriteMs = -Infinity;
  #marked = false;
  #isWatched = false;

  /** Starts with an empty queue. @param onStuck called when what was let in above the bound is stuck */
  constructor(socket: Socket, options: WritePumpOptions, onStuck: () => void) {
    this.#socket = socket;
    this.#options = options;
    this.#onStuck = onStuck;
    this.#queue = new Channel(options.queueMessages);
  }

  /** Messages that wait for the batch in flight. */
  get queuedMessages(): number {
    return this.#queue.length;
  }

  /** Bytes that wait or are in flight. */
  get pendingBytes(): number {
    return this.#queuedBytes + this.#inFlightBytes;
  }

  /**
   * The same if some of it has waited for a second, else 0; 0 for who is let go. Counted in ticks of
   * the wheel, of which a stall of the server is one.
   */
  get overdueBytes(): number {
    if (this.#queue.closed || this.#inFlightBytes === 0) return 0;
    const ticks = this.#options.wheel.ticks - this.#behindTick;
    return ticks >= OVERDUE_TICKS ? this.pendingBytes : 0;
  }

  /** When the batch in flight was written, time on the wheel; Infinity when there is none. */
  get writingSinceMs(): number {
    return this.#startedMs;
  }

  /** When a batch was last written, time on the wheel. */
  get lastWriteMs(): number {
    return this.#lastWriteMs;
  }

  /** Queues a frame for the end of the turn. */
  enqueue(frame: Uint8Array): Enqueued {
    if (this.#queue.closed) return "closed";
    if (!this.#hasRoom(frame.length)) return "full";
    if (this.pendingBytes === 0) this.#behindTick = this.#options.wheel.ticks;
    this.#queue.send(frame); // beyond the count while the batch in flight is fresh: see #hasRoom
    this.#count(frame.length);
    this.#mark();
    return "queued";
  }

  /** See `TimerTask`. Nothing more may come that would find the queue full: so it is looked at, too. */
  onDue(nowMs: number): number {
    const { queueMessages, queueBytes } = this.#options;
    const isFull = this.#queue.length > queueMessages || this.#queuedBytes > queueBytes;
    this.#isWatched = isFull && !this.#queue.closed && !this.#isStuck;
    if (this.#isWatched) return nowMs + TICK_MS;
    if (isFull && !this.#queue.closed) this.#onStuck();
    return Infinity;
  }

  /** Starts a batch, unless one is in flight. */
  flush(): void {
    this.#marked = false;
    if (this.#inFlightBytes > 0 || this.#queue.length === 0) return;
    this.#start(
      this.#queuedBytes <= this.#batchBytes
        ? this.#queue.takeAll()
        : this.#queue.take(this.#batchBytes, lengthOf),
    );
  }

  /** Writes all that waits and takes no more. @param last comes after it, however much that is */
  finish(last?: Uint8Array): void {
    if (last !== undefined && this.#queue.send(last) !== "closed") this.#count(last.length);
    this.#queue.close();
    if (this.#queue.length > 0) this.#start(this.#queue.takeAll());
  }

  /**
   * Drops what waits and takes no more. The batch in flight stays with the socket, for closeWait at
   * most, and counts no longer: it must not make a client that was let go the worst offender again.
   *
   * @returns messages dropped
   */
  discard(): number {
    this.#queue.close();
    this.#options.budget.release(this.pendingBytes);
    this.#queuedBytes = 0;
    this.#inFlightBytes = 0;
    return this.#queue.takeAll().length;
  }

  /**
   * Makes room where the peer is not to blame: a burst within one turn goes out at once, and what is
   * above the bound is forgiven as long as the socket has not had its turn with the batch in flight.
   * Bytes up to a few full queues, so that memory is bounded though the peer reads just enough.
   */
  #hasRoom(bytes: number): boolean {
    const { queueMessages, queueBytes, wheel } = this.#options;
    const tooMany = this.#queue.length >= queueMessages;
    const tooLarge = this.#queuedBytes + bytes > queueBytes && this.#queue.length > 0;
    if (!tooMany && !tooLarge) return true;
    if (this.#inFlightBytes === 0) {
      this.#start(this.#queue.take(queueBytes, lengthOf));
      return true;
    }
    if (this.#isStuck || this.#queuedBytes + bytes > FRESH_QUEUES * queueBytes) return false;
    if (!this.#isWatched) wheel.schedule(this, wheel.now() + STUCK_TICKS * TICK_MS);
    this.#isWatched = true;
    return true;
  }

  get #isStuck(): boolean {
    return this.#inFlightBytes > 0 &&
      this.#options.wheel.ticks - this.#startedTick >= STUCK_TICKS;
  }

  #count(bytes: number): void {
    this.#queuedBytes += bytes;
    this.#options.budget.add(bytes);
  }

  #start(frames: Uint8Array[]): void {
    const { flusher, wheel } = this.#options;
    const batch = flusher.join(frames);
    this.#queuedBytes -= batch.length;
    this.#inFlightBytes += batch.length;
    this.#startedMs = this.#lastWriteMs = wheel.now();
    this.#startedTick = wheel.ticks;
    if (this.#queue.length === 0) this.#behindTick = wheel.ticks;
    this.#socket.write(batch, this.#drained);
  }

  readonly #drained = (): void => {
    const { budget, queueBytes, wheel } = this.#options;
    const drainedBytes = this.#inFlightBytes;
    budget.release(drainedBytes);
    this.#inFlightBytes = 0;
    this.#startedMs = Infinity;
    this.#batchBytes = BATCH_BYTES;
    if (this.#queue.length === 0) return;
    const isQuick = wheel.ticks - this.#startedTick <= QUICK_TICKS;
    if (isQuick) this.#batchBytes = Math.max(BATCH_BYTES, Math.min(2 * drainedBytes, queueBytes));
    this.#mark();
  };

  #mark(): void {
    if (this.#marked || this.#inFlightBytes > 0) return;
    this.#marked = true;
    this.#options.flusher.mark(this);
  }
}

function lengthOf(frame: Uint8Array): number {
  return frame.length;
}
