/**
 * Lines to an output whose reader may be slow, stuck or gone.
 *
 * Owns the lines that the output has not taken yet. It never blocks: the runtime writes from a
 * thread of its own, so a pipe that is full stops that thread and not the server. Must not know what
 * a line says.
 *
 * @module
 */

/** Where the bytes go, as `Deno.stdout`. */
export interface Output {
  /** Writes, and says how many bytes were taken; rejects when none can be. */
  write(bytes: Uint8Array): Promise<number>;
}

/** What may wait for a reader, in UTF-16 units; what is being written is besides. */
const MAX_WAITING = 1_048_576;
/** A pipe that its other end has made non-blocking is tried again so often. */
const RETRY_MS = 50;
/** How long `end()` waits: a reader that reads needs less, and SHUTDOWN_MS leaves no more. */
const LAST_WAIT_MS = 250;
const ENCODER = new TextEncoder();

/** See the module. No method throws. */
export class LineWriter {
  readonly #output: Output;
  readonly #onLost: (count: number) => void;
  #waiting = "";
  #lost = 0;
  #writing: Promise<void> | undefined;

  /**
   * A writer with nothing to write.
   *
   * @param onLost told how many lines were lost, once all that waited has been taken; may write
   */
  constructor(output: Output, onLost: (count: number) => void) {
    this.#output = output;
    this.#onLost = onLost;
  }

  /** Takes a line; it is lost when too much waits, and then so are all until the reader reads again. */
  write(line: string): void {
    if (this.#lost > 0 || this.#waiting.length + line.length >= MAX_WAITING) {
      this.#lost++;
      return;
    }
    this.#waiting += `${line}\n`;
    this.#writing ??= this.#write();
  }

  /** Resolves when all has been written, or cannot be: at the latest after 250 ms. */
  async end(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const patience = new Promise<void>((resolve) => timer = setTimeout(resolve, LAST_WAIT_MS));
    await Promise.race([this.#writing, patience]);
    clearTimeout(timer);
  }

  /** One write at a time, of all the lines that came during the last one or in the same turn. */
  async #write(): Promise<void> {
    await undefined;
    while (this.#waiting !== "") {
      const bytes = ENCODER.encode(this.#waiting);
      this.#waiting = "";
      await this.#writeAll(bytes);
      if (this.#lost > 0 && this.#waiting === "") {
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
        at += await this.#output.write(bytes.subarray(at));
      } catch (error) {
        if (!(error instanceof Deno.errors.WouldBlock)) return; // the reader has gone, the disk is full
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }
}
