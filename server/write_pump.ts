/**
 * The writePump: from a client's send queue to its socket, one batch in flight. Control pings and
 * pongs go around the queue.
 *
 * It is a loop turned inside out: the end of a turn starts a batch, the socket's `drained` ends it.
 * Awaiting both instead costs 25 % more CPU per delivery (measured, 1000 subscribers).
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { Clock } from "./base/clock.ts";
import { QUICK_TICKS, SendQueue, type SendQueueOptions, STUCK_MS } from "./client/send_queue.ts";
import type { CloseReason } from "./close_codes.ts";
import type { PublishGate } from "./hub/publish_gate.ts";
import type { Pace } from "./hub/subscription_registry.ts";
import { TICK_MS, type TimerTask } from "./liveness/wheel.ts";
import type { Socket } from "./transport/socket.ts";
import { pingFrame, textFrame } from "./transport/text_frame.ts";

/**
 * A batch is at most so large, or one message: a ping is not stuck behind a megabyte, and writeWait
 * is fair to a slow link. While more waits, it is twice as large as the last one, a full queue at
 * most, if the socket took that within a tick: a turn can bring more, and a peer that reads it is not
 * slow.
 */
const BATCH_BYTES = 65_536;

/** `node:net` wraps any `Uint8Array` that is no `Buffer` at each write. */
const EMPTY = Buffer.alloc(0);

/** What all write pumps share. */
export interface WritePumpOptions extends SendQueueOptions {
  readonly flusher: Flusher;
  /** Told when a peer has taken a batch. */
  readonly gate: Pick<PublishGate, "relieved">;
}

/** The connection that a pump writes for. */
export interface WritePumpOwner {
  /** Counts what was queued and what was not. */
  readonly counters: { queued(): void; dropped(messages: number): void };
  /** Called when the send queue is full because the peer reads too slowly. */
  onQueueFull(): void;
  close(reason: CloseReason): void;
}

/** What became of a frame: "full" means that the peer reads too slowly. */
export type Enqueued = "queued" | "full" | "closed";

/** One for each connection. */
export class WritePump implements TimerTask {
  readonly #socket: Socket;
  readonly #options: WritePumpOptions;
  readonly #owner: WritePumpOwner;
  readonly #queue: SendQueue;
  #batchBytes = BATCH_BYTES;
  #startedMs = Infinity;
  #lastWriteMs = -Infinity;
  #isMarked = false;
  #isWatched = false;

  /** Starts with an empty queue. */
  constructor(socket: Socket, options: WritePumpOptions, owner: WritePumpOwner) {
    this.#socket = socket;
    this.#options = options;
    this.#owner = owner;
    this.#queue = new SendQueue(options);
  }

  /** Messages that wait behind the batch in flight. */
  get queuedMessages(): number {
    return this.#queue.length;
  }

  /** Bytes that wait or are in flight. */
  get pendingBytes(): number {
    return this.#queue.pendingBytes;
  }

  get overdueBytes(): number {
    return this.#queue.overdueBytes;
  }

  /** How the peer keeps up. */
  get pace(): Pace {
    return this.#queue.pace;
  }

  /** When the batch in flight was written, time on the wheel; Infinity when there is none. */
  get writingSinceMs(): number {
    return this.#startedMs;
  }

  /** When a batch was last written, time on the wheel. */
  get lastWriteMs(): number {
    return this.#lastWriteMs;
  }

  /** Queues a frame of the hub; a peer that is too slow for it is closed. Called by the fan-out. */
  enqueue(frame: Uint8Array): void {
    const enqueued = this.offer(frame);
    if (enqueued === "queued") return;
    this.#owner.counters.dropped(1);
    if (enqueued === "full") this.#owner.onQueueFull();
  }

  /** Queues a frame for the end of the turn; one that finds the queue full is left out. */
  offer(frame: Uint8Array): Enqueued {
    if (this.#queue.closed) return "closed";
    if (this.#queue.wouldExceed(frame.length) && !this.#makeRoom(frame.length)) return "full";
    this.#queue.add(frame);
    this.#owner.counters.queued();
    this.#mark();
    return "queued";
  }

  /** Queues a control ping behind what waits, for the same write. */
  queuePing(payload: Uint8Array): void {
    if (this.#queue.add(pingFrame(payload))) this.#mark();
  }

  /**
   * Writes a control ping at once, around the queue, and queues an app ping. If nothing waits or is in
   * flight, both leave in one write.
   *
   * @returns what became of the app ping
   */
  ping(payload: Uint8Array, appPing?: string): Enqueued {
    if (this.#queue.pendingBytes === 0 && this.#queue.add(pingFrame(payload, appPing))) {
      if (appPing !== undefined) this.#owner.counters.queued();
      this.#start(this.#queue.take(Infinity));
      return "queued";
    }
    this.#socket.ping(payload.slice()); // a socket with a backlog keeps it
    return appPing === undefined ? "queued" : this.offer(textFrame(appPing));
  }

  /** Answers a control ping within the bound of the send queue: a peer that only pings must read. */
  pong(payload: Uint8Array): void {
    const isBehind = this.#socket.bufferedBytes > this.#options.queueBytes;
    if (isBehind) this.#owner.close("slow_consumer");
    else this.#socket.pong(payload);
  }

  /**
   * Called by the wheel while more waits than the bounds allow: nothing more may come that would find
   * the queue full.
   */
  onDue(nowMs: number): number {
    const isOver = this.#queue.isOverBounds && !this.#queue.closed;
    this.#isWatched = isOver && !this.#queue.isStuck;
    if (this.#isWatched) return nowMs + TICK_MS;
    if (isOver) this.#owner.onQueueFull();
    return Infinity;
  }

  /** Starts a batch, unless one is in flight. Called at the end of a turn in which it was marked. */
  flush(): void {
    this.#isMarked = false;
    if (this.#queue.inFlightBytes > 0 || this.#queue.length === 0) return;
    this.#start(this.#queue.take(this.#batchBytes));
  }

  /** Writes all that waits and takes no more. @param last comes after it, however much that is */
  finish(last?: Uint8Array): void {
    if (last !== undefined) this.#queue.add(last);
    this.#queue.close();
    if (this.#queue.length > 0) this.#start(this.#queue.take(Infinity));
  }

  /** Drops what waits and takes no more. @returns messages dropped */
  discard(): number {
    return this.#queue.discard();
  }

  /** A burst within one turn is written at once; see `SendQueue` for when more may wait. */
  #makeRoom(bytes: number): boolean {
    const { queueBytes, wheel } = this.#options;
    if (this.#queue.inFlightBytes === 0) {
      this.#start(this.#queue.take(queueBytes));
      return true;
    }
    if (!this.#queue.mayExceed(bytes)) return false;
    if (!this.#isWatched) wheel.schedule(this, wheel.now() + STUCK_MS);
    this.#isWatched = true;
    return true;
  }

  #start(frames: Uint8Array[]): void {
    const { flusher, wheel } = this.#options;
    const batch = flusher.join(frames);
    this.#queue.batchStarted(batch.length);
    this.#startedMs = this.#lastWriteMs = wheel.now();
    if (this.#socket.write(batch, this.#drained)) this.#drained();
  }

  readonly #drained = (): void => {
    const { queueBytes, gate } = this.#options;
    const isQuick = this.#queue.batchTicks <= QUICK_TICKS;
    const drainedBytes = this.#queue.batchDrained();
    gate.relieved();
    this.#startedMs = Infinity;
    this.#batchBytes = BATCH_BYTES;
    if (this.#queue.length === 0) return;
    if (isQuick) this.#batchBytes = Math.max(BATCH_BYTES, Math.min(2 * drainedBytes, queueBytes));
    this.#mark();
  };

  #mark(): void {
    if (this.#isMarked || this.#queue.inFlightBytes > 0) return;
    this.#isMarked = true;
    this.#options.flusher.mark(this);
  }
}

/**
 * The end of a turn: every write pump that got frames during it flushes, and pumps that have the same
 * frames to write share one buffer. One for all connections. Writing once a turn instead of at each
 * enqueue costs a quarter of the CPU per delivery with four messages in flight
 * (`deno task bench`).
 */
export class Flusher {
  readonly #clock: Clock;
  #marked: Pick<WritePump, "flush">[] = [];
  #lastFrames: readonly Uint8Array[] = [];
  #lastBatch: Uint8Array = EMPTY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Flushes a pump at the end of this turn. Called once a turn by each. */
  mark(pump: Pick<WritePump, "flush">): void {
    if (this.#marked.push(pump) === 1) this.#clock.turn(this.#flush);
  }

  /** The bytes of several frames in a row; the same buffer when asked for the same frames again. */
  join(frames: readonly Uint8Array[]): Uint8Array {
    if (frames.length === 1) return frames[0];
    if (!sameItems(frames, this.#lastFrames)) {
      this.#lastBatch = Buffer.concat(frames);
      this.#lastFrames = frames;
    }
    return this.#lastBatch;
  }

  readonly #flush = (): void => {
    const marked = this.#marked;
    this.#marked = [];
    for (const pump of marked) pump.flush();
    this.#lastFrames = []; // so that an idle server does not hold the last batch
    this.#lastBatch = EMPTY;
  };
}

function sameItems(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
