/**
 * Writes lines to an output whose reader may be slow, blocked or closed.
 *
 * Owns the lines that are not yet written. Never blocks: the runtime writes from a thread of its
 * own, so a full pipe blocks that thread and not the server. A single write is never larger than
 * what a pipe accepts atomically: a process that is killed leaves no partial line, and a non-blocking
 * pipe that rejects a write has written none of it. Must not know the content of a line.
 *
 * @module
 */

import { Buffer } from "node:buffer";

/** A destination for bytes, such as `Deno.stdout`. */
export interface Output {
  /**
   * @returns how many bytes were written; rejects when none could be. Of more than 4096 bytes a
   *   non-blocking pipe may have written some before it rejects.
   */
  write(bytes: Uint8Array): Promise<number>;
}

/**
 * Upper limit of what waits to be written, bytes, without the write in progress. A drain logs
 * thousands of closed connections in one turn: 9000 take 2.5 MB.
 */
const MAX_WAITING_BYTES = 16_777_216;
/** A pipe accepts up to this many bytes atomically (PIPE_BUF on Linux). */
const ATOMIC_BYTES = 4_096;
/** Interval between attempts to write to a full non-blocking pipe. */
const RETRY_MS = 50;
/** How long `end()` waits: an active reader needs less, and SHUTDOWN_MS leaves no more. */
const END_WAIT_MS = 250;
const ENCODER = new TextEncoder();

/** The queue of lines before one output. No method throws. */
export class LineWriter {
  readonly #output: Output;
  readonly #onLost: (count: number) => void;
  /** Chunks of whole lines, each as large as a pipe accepts atomically. */
  readonly #waiting: string[] = [];
  #waitingBytes = 0;
  /** Size of the last chunk. */
  #lastBytes = 0;
  #lost = 0;
  #writing: Promise<void> | undefined;

  /**
   * @param onLost called with the number of lost lines, when all waiting lines have been written;
   *   may write
   */
  constructor(output: Output, onLost: (count: number) => void) {
    this.#output = output;
    this.#onLost = onLost;
  }

  /** Queues a line. When too much waits, it and all further lines are lost until nothing waits. */
  write(line: string): void {
    const text = `${line}\n`;
    const bytes = Buffer.byteLength(text);
    const isTooMuch = this.#waitingBytes > 0 && this.#waitingBytes + bytes > MAX_WAITING_BYTES;
    if (this.#lost > 0 || isTooMuch) {
      this.#lost++;
      return;
    }
    this.#waitingBytes += bytes;
    this.#lastBytes += bytes;
    const last = this.#waiting.length - 1;
    if (last < 0 || this.#lastBytes > ATOMIC_BYTES) {
      this.#waiting.push(text);
      this.#lastBytes = bytes;
    } else this.#waiting[last] += text;
    this.#writing ??= this.#write();
  }

  /** Resolves when all lines are written, at the latest after 250 ms. */
  async end(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const timeout = new Promise<void>((resolve) => timer = setTimeout(resolve, END_WAIT_MS));
    await Promise.race([this.#writing, timeout]);
    clearTimeout(timer);
  }

  /** One write at a time: this keeps the order and bounds the memory. */
  async #write(): Promise<void> {
    await undefined;
    for (let text = this.#waiting.shift(); text !== undefined; text = this.#waiting.shift()) {
      const bytes = ENCODER.encode(text);
      this.#waitingBytes -= bytes.length;
      await this.#writeAll(bytes);
      if (this.#lost > 0 && this.#waiting.length === 0) {
        const count = this.#lost;
        this.#lost = 0;
        this.#onLost(count);
      }
    }
    this.#writing = undefined;
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      try {
        at += await this.#output.write(bytes.subarray(at, at + ATOMIC_BYTES));
      } catch (error) {
        if (!(error instanceof Deno.errors.WouldBlock)) return; // the reader has closed, or the disk is full
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }
}
