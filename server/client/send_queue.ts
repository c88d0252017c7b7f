/**
 * The send queue of one connection, bounded by count and bytes: decides whether its peer reads too
 * slowly. Counts what waits and the batch in flight; must not know the socket.
 *
 * @module
 */

import { Channel } from "../base/channel.ts";
import type { QueueBudget } from "../hub/load_shedder.ts";
import type { Pace } from "../hub/subscription_registry.ts";
import { TICK_MS, type Wheel } from "../liveness/wheel.ts";

/**
 * A batch that has waited for four ticks was not drained although its socket had its turn; one that is
 * larger than the smallest batch may take longer, so that a line of 0.7 MB/s is never stuck.
 */
const [STUCK_TICKS, STUCK_BYTES] = [4, 65_536];

/** A batch drained in the tick after its own, at the latest, was drained at once. */
export const QUICK_TICKS = 1;

/**
 * How long a peer that has shown that it reads may take nothing: a Linux receiver opens its window only
 * when a sixteenth of its buffer is free, which is up to 2 MiB, or 2 s at 1 MB/s.
 */
const PAUSE_TICKS = 3_000 / TICK_MS;

/** From the start of a batch until it counts as stuck, ms, at the earliest. */
export const STUCK_MS: number = STUCK_TICKS * TICK_MS;

/**
 * Full queues, by bytes, that may wait behind a batch that is not stuck: up to 80 MB/s go through a
 * hub (measured), for the 100 ms until the batch is stuck, or for a stall of the server. What waits
 * longer is within the budget of all queues (hub/load_shedder.ts).
 */
const FRESH_QUEUES = 16;

/**
 * What has waited for a second is overdue. Less would end the connections of peers far away: a
 * publication of 64 KiB takes a few round trips to a peer that has not received much before.
 */
const OVERDUE_TICKS = 1_000 / TICK_MS;

/** What all send queues share. */
export interface SendQueueOptions {
  /** Bound by count, messages. */
  readonly queueMessages: number;
  /** Bound by size, bytes. */
  readonly queueBytes: number;
  /** The bound over all queues. */
  readonly budget: QueueBudget;
  readonly wheel: Wheel;
}

/** Time is counted in ticks of the wheel, of which a stall of the server is one. */
export class SendQueue {
  readonly #options: SendQueueOptions;
  readonly #frames: Channel<Uint8Array>;
  #queuedBytes = 0;
  #inFlightBytes = 0;
  #batchTick = 0;
  /** Whether a batch was drained that had to wait: the line is the limit, and the peer may pause. */
  #isPaced = false;
  /** Since when something has been waiting without a break. */
  #waitingTick = 0;

  constructor(options: SendQueueOptions) {
    this.#options = options;
    this.#frames = new Channel(options.queueMessages);
  }

  /** Messages that wait, without the batch in flight. */
  get length(): number {
    return this.#frames.length;
  }

  get closed(): boolean {
    return this.#frames.closed;
  }

  /** Bytes that wait, without the batch in flight. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Bytes of the batch in flight; 0 when there is none. */
  get inFlightBytes(): number {
    return this.#inFlightBytes;
  }

  /** Bytes that wait or are in flight. */
  get pendingBytes(): number {
    return this.#queuedBytes + this.#inFlightBytes;
  }

  /** `pendingBytes` if some of them have waited for a second, else 0; 0 once it is closed. */
  get overdueBytes(): number {
    if (this.#frames.closed || this.#inFlightBytes === 0) return 0;
    const ticks = this.#options.wheel.ticks - this.#waitingTick;
    return ticks >= OVERDUE_TICKS ? this.pendingBytes : 0;
  }

  /** Ticks since the batch in flight was started. */
  get batchTicks(): number {
    return this.#options.wheel.ticks - this.#batchTick;
  }

  /** Whether the batch in flight was not drained although the socket had time for it. */
  get isStuck(): boolean {
    if (this.#inFlightBytes === 0) return false;
    const ticks = this.#isPaced ? PAUSE_TICKS : STUCK_TICKS;
    return this.batchTicks >= Math.max(ticks, STUCK_TICKS * this.#inFlightBytes / STUCK_BYTES);
  }

  /** How its peer keeps up. On the frame path. */
  get pace(): Pace {
    // Without a batch in flight, what waits is written at the end of the turn or of the window.
    if (this.#inFlightBytes === 0 || !this.isHalfFull) return "free";
    return this.isStuck ? "stuck" : "behind";
  }

  /** Whether more than half of the bounds waits. */
  get isHalfFull(): boolean {
    const { queueMessages, queueBytes } = this.#options;
    return 2 * this.#frames.length > queueMessages || 2 * this.#queuedBytes > queueBytes;
  }

  /** Whether more waits than the bounds allow behind a stuck batch. */
  get isOverBounds(): boolean {
    const { queueMessages, queueBytes } = this.#options;
    return this.#frames.length > queueMessages || this.#queuedBytes > queueBytes;
  }

  /** Whether a frame would go beyond the bounds. One frame alone always fits. */
  wouldExceed(bytes: number): boolean {
    const { queueMessages, queueBytes } = this.#options;
    const { length } = this.#frames;
    return length >= queueMessages || (this.#queuedBytes + bytes > queueBytes && length > 0);
  }

  /**
   * Whether a frame may go beyond the bounds: as long as the batch in flight is not stuck, since the
   * peer is not to blame for what one turn brings; up to a few full queues, so that memory is bounded
   * though the peer reads just enough.
   */
  mayExceed(bytes: number): boolean {
    return !this.isStuck && this.#queuedBytes + bytes <= FRESH_QUEUES * this.#options.queueBytes;
  }

  /** Adds a frame, whatever the bounds. @returns false when the queue is closed */
  add(frame: Uint8Array): boolean {
    if (this.#frames.closed) return false;
    if (this.pendingBytes === 0) this.#waitingTick = this.#options.wheel.ticks;
    this.#frames.send(frame); // never lost: the channel takes more than its capacity
    this.#queuedBytes += frame.length;
    this.#options.budget.add(frame.length);
    return true;
  }

  /** Takes frames from the front, at most so many bytes or one frame. They count as waiting still. */
  take(maxBytes: number): Uint8Array[] {
    return this.#queuedBytes <= maxBytes
      ? this.#frames.takeAll()
      : this.#frames.take(maxBytes, lengthOf);
  }

  /** What was taken is in flight from now on. @param bytes of the whole batch */
  batchStarted(bytes: number): void {
    const { ticks } = this.#options.wheel;
    this.#queuedBytes -= bytes;
    this.#inFlightBytes += bytes;
    this.#batchTick = ticks;
    if (this.#frames.length === 0) this.#waitingTick = ticks;
  }

  /** The batch in flight has left. @returns its bytes */
  batchDrained(): number {
    const bytes = this.#inFlightBytes;
    this.#options.budget.release(bytes);
    this.#inFlightBytes = 0;
    if (this.batchTicks > QUICK_TICKS) this.#isPaced = true;
    return bytes;
  }

  /** Takes no further frame. */
  close(): void {
    this.#frames.close();
  }

  /**
   * Drops what waits and closes. The batch in flight stays with the socket, for closeWait at most, and
   * is not counted any more: a connection that is being closed must not be the load shedder's next.
   *
   * @returns messages dropped
   */
  discard(): number {
    this.#frames.close();
    this.#options.budget.release(this.pendingBytes);
    this.#queuedBytes = 0;
    this.#inFlightBytes = 0;
    return this.#frames.takeAll().length;
  }
}

function lengthOf(frame: Uint8Array): number {
  return frame.length;
}
