/**
 * Lines to an output whose reader may be slow, stuck or gone.
 *
 * Owns the lines that the output has not taken yet. It never blocks: the runtime writes from a
 * thread of its own, so a pipe that is full stops that thread and not the server. It writes no more
 * than a pipe takes whole or not at all: a process that is killed leaves no half line behind, and
 * what a non-blocking pipe refuses has not been half written. Must not know what a line says.
 *
 * @module
 */

import { Buffer } from "node:buffer";

/** Where the bytes go, as `Deno.stdout`. */
export interface Output {
  /**
   * Writes, and says how many bytes were taken; rejects when none can be. Of more than 4096 a pipe
   * that does not block may have taken some before it rejects.
   */
  write(bytes: Uint8Array): Promise<number>;
}

/**
 * What may wait for a reader, bytes; what is being written is besides. A drain logs the ends of
 * thousands in one turn: 9000 take 2.5 MB.
 */
const MAX_WAITING_BYTES = 16_777_216;
/** A pipe takes so many bytes whole or not at all (PIPE_BUF on Linux). */
const WHOLE_BYTES = 4_096;
/** A pipe that its other end has made non-blocking is tried again so often. */
const RETRY_MS = 50;
/** How long `end()` waits: a reader that reads needs less, and SHUTDOWN_MS leaves no more. */
const LAST_WAIT_MS = 250;
const ENCODER = new TextEncoder();

/** No method throws. */
export class LineWriter {
  readonly #output: Output;
  readonly #onLost: (count: number) => void;
  /** Whole lines, as many in each as a pipe takes whole. */
  readonly #waiting: string[] = [];
  #waitingBytes = 0;
  /** Of the last of them. */
  #lastBytes = 0;
  #lost = 0;
  #writing: Promise<void> | undefined;

  /**
   * A writer with nothing to write.
   *
   * @param onLost called with how many lines were lost, once all that waited has been taken; may write
   */
  constructor(output: Output, onLost: (count: number) => void) {
    this.#output = output;
    this.#onLost = onLost;
  }

  /** Takes a line; it is lost when too much waits, and then so are all until nothing waits any more. */
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
    if (last < 0 || this.#lastBytes > WHOLE_BYTES) {
      this.#waiting.push(text);
      this.#lastBytes = bytes;
    } else this.#waiting[last] += text;
    this.#writing ??= this.#write();
  }

  /** Resolves when all has been written, or cannot be: at the latest after 250 ms. */
  async end(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const timeout = new Promise<void>((resolve) => timer = setTimeout(resolve, LAST_WAIT_MS));
    await Promise.race([this.#writing, timeout]);
    clearTimeout(timer);
  }

  /** One write at a time, so that order is kept and memory is bounded. */
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
        at += await this.#output.write(bytes.subarray(at, at + WHOLE_BYTES));
      } catch (error) {
        if (!(error instanceof Deno.errors.WouldBlock)) return; // the reader has gone, the disk is full
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }
}
