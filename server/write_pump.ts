/**
 * The writePump: from a client's send queue to its socket, one batch in flight. Control pings and
 * pongs go around the queue.
 *
 * It is a loop turned inside out: the end of a turn starts a batch, the socket's `drained` ends it.
 * Awaiting both instead costs 25 % more CPU per delivery (measured, 1000 subscribers).
 *
 * With a flush window (FLUSH_WINDOW_MS) broadcasts wait for its end. All other frames leave at the end
 * of their turn and take along what was held before them, so that the order is kept.
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
  /** Whether what waits leaves at the end of the turn, or when the batch in flight has drained. */
  #isMarked = false;
  /** Whether the flusher calls `endWindow()`. */
  #isHeld = false;
  #isWatched = false;
  #onceDrained: (() => void) | undefined;

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

  /**
   * Queues a broadcast, which may wait for the end of a window; a peer that is too slow for it is
   * closed. Called by the fan-out.
   */
  enqueue(frame: Uint8Array): void {
    const enqueued = this.#add(frame);
    if (enqueued === "queued") this.#hold();
    else this.#fail(enqueued);
  }

  /** Queues an answer of the hub for the end of the turn; a peer that is too slow for it is closed. */
  answer(frame: Uint8Array): void {
    const enqueued = this.offer(frame);
    if (enqueued !== "queued") this.#fail(enqueued);
  }

  /** Queues a frame for the end of the turn; one that finds the queue full is left out. */
  offer(frame: Uint8Array): Enqueued {
    const enqueued = this.#add(frame);
    if (enqueued === "queued") this.#mark();
    return enqueued;
  }

  /**
   * Queues a frame of a replay, if half of the queue stays free for other frames, and three quarters of
   * the budget of all queues: so it is no replay that makes a peer too slow. One frame alone always fits.
   */
  replay(frame: Uint8Array): Enqueued {
    const { queueMessages, queueBytes, budget } = this.#options;
    const { length, queuedBytes } = this.#queue;
    const isFull = 2 * (length + 1) > queueMessages ||
      2 * (queuedBytes + frame.length) > queueBytes || budget.isQuarterUsed;
    return length > 0 && isFull ? "full" : this.offer(frame);
  }

  /** Calls once when a batch has drained. A later call replaces an earlier one. */
  onceDrained(call: () => void): void {
    this.#onceDrained = call;
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
    if (this.#queue.inFlightBytes > 0) return;
    this.#isMarked = false;
    if (this.#queue.length > 0) this.#start(this.#queue.take(this.#batchBytes));
  }

  /** Called at the end of the window in which it was held. */
  endWindow(): void {
    this.#isHeld = false;
    if (this.#queue.length > 0) this.#mark();
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

  #add(frame: Uint8Array): Enqueued {
    if (this.#queue.closed) return "closed";
    if (this.#queue.wouldExceed(frame.length) && !this.#makeRoom(frame.length)) return "full";
    this.#queue.add(frame);
    this.#owner.counters.queued();
    return "queued";
  }

  #fail(enqueued: "full" | "closed"): void {
    this.#owner.counters.dropped(1);
    if (enqueued === "full") this.#owner.onQueueFull();
  }

  /** A burst within one turn or window is written at once; see `SendQueue` for when more may wait. */
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
    this.#goOn();
    const call = this.#onceDrained;
    if (call === undefined) return;
    this.#onceDrained = undefined;
    call();
  };

  #goOn(): void {
    const { queueBytes, gate, flusher } = this.#options;
    const isQuick = this.#queue.batchTicks <= QUICK_TICKS;
    const drainedBytes = this.#queue.batchDrained();
    gate.relieved();
    this.#startedMs = Infinity;
    this.#batchBytes = BATCH_BYTES;
    if (this.#queue.length === 0) return;
    if (isQuick) this.#batchBytes = Math.max(BATCH_BYTES, Math.min(2 * drainedBytes, queueBytes));
    if (this.#isHeld && !this.#isMarked) return;
    this.#isMarked = true;
    flusher.mark(this);
  }

  #mark(): void {
    if (this.#isMarked) return;
    this.#isMarked = true;
    if (this.#queue.inFlightBytes === 0) this.#options.flusher.mark(this);
  }

  /** On the frame path. */
  #hold(): void {
    const { flusher } = this.#options;
    if (flusher.windowMs === 0 || this.#isWorthWriting) return this.#mark();
    // What waits before it is held or marked already, or was left over by the batch in flight.
    if (this.#isHeld || this.#queue.length > 1) return;
    this.#isHeld = true;
    flusher.hold(this);
  }

  /**
   * Whether a longer wait would save nothing, or cost too much: what windows hold is no reason to make
   * a publisher wait, which happens above half of a queue or of the budget.
   */
  get #isWorthWriting(): boolean {
    const { queuedBytes, isHalfFull } = this.#queue;
    return queuedBytes >= BATCH_BYTES || isHalfFull || this.#options.budget.isQuarterUsed;
  }
}

/**
 * The end of a turn: every write pump that got frames during it flushes, and pumps that have the same
 * frames to write share one buffer. One for all connections. Writing once a turn instead of at each
 * enqueue costs a quarter of the CPU per delivery with four messages in flight
 * (`deno task bench`). The end of a window: the same for what was held since its begin.
 */
export class Flusher {
  /** Length of a window, ms; 0: there is none, and nothing is held. */
  readonly windowMs: number;
  readonly #clock: Clock;
  #marked: Pick<WritePump, "flush">[] = [];
  #held: Pick<WritePump, "endWindow">[] = [];
  #lastFrames: readonly Uint8Array[] = [];
  #lastBatch: Uint8Array = EMPTY;

  constructor(clock: Clock, windowMs = 0) {
    this.#clock = clock;
    this.windowMs = windowMs;
  }

  /** Flushes a pump at the end of this turn. */
  mark(pump: Pick<WritePump, "flush">): void {
    if (this.#marked.push(pump) === 1) this.#clock.turn(this.#flush);
  }

  /** Calls a pump back at the end of the window, which the first pump begins. */
  hold(pump: Pick<WritePump, "endWindow">): void {
    if (this.#held.push(pump) === 1) this.#clock.after(this.windowMs, this.#endWindow);
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

  readonly #endWindow = (): void => {
    const held = this.#held;
    this.#held = [];
    for (const pump of held) pump.endWindow();
  };

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
