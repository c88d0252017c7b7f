/**
 * Lines to a synchronous output that may be full or gone.
 *
 * Owns the lines that a full non-blocking pipe has not taken yet: it never waits for a reader, since
 * a waiting log would stop every heartbeat. (A blocking pipe waits in the kernel; nothing can be
 * done about that here.) Must not know what a line says.
 *
 * @module
 */

/** Where the bytes go, as `Deno.stdout`: takes a part of them, or throws. */
export interface Output {
  /** Writes, and says how many bytes were taken. */
  writeSync(bytes: Uint8Array): number;
}

/** What may wait for a reader; lines beyond it are lost, and counted. */
const MAX_WAITING_BYTES = 1_048_576;
const RETRY_MS = 50;
/** How long `end()` waits for a reader. */
const LAST_WAIT_MS = 1_000;
const ENCODER = new TextEncoder();

/** See the module. No method throws. */
export class LineWriter {
  readonly #output: Output;
  readonly #onLost: (count: number) => void;
  readonly #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #lost = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;

  /**
   * A writer that ends with `end()`.
   *
   * @param onLost told how many lines were lost, once there is room again; may write
   */
  constructor(output: Output, onLost: (count: number) => void) {
    this.#output = output;
    this.#onLost = onLost;
  }

  /** Writes one line now, or keeps it until the output takes it. */
  write(line: string): void {
    if (this.#lost > 0 && this.#waitingBytes === 0) {
      const count = this.#lost;
      this.#lost = 0;
      this.#onLost(count);
    }
    const bytes = ENCODER.encode(`${line}\n`);
    if (this.#waitingBytes + bytes.length > MAX_WAITING_BYTES) {
      this.#lost++;
      return;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#flush();
  }

  /** Gives the output a last second to take what waits. Blocks: for the end of the process. */
  end(): void {
    const pause = new Int32Array(new SharedArrayBuffer(4));
    this.#flush();
    for (let ms = 0; ms < LAST_WAIT_MS && this.#waitingBytes > 0; ms += RETRY_MS) {
      Atomics.wait(pause, 0, 0, RETRY_MS);
      this.#flush();
    }
    clearTimeout(this.#retry);
    this.#retry = undefined;
  }

  #flush(): void {
    try {
      for (let bytes = this.#waiting[0]; bytes !== undefined; bytes = this.#waiting[0]) {
        const taken = this.#output.writeSync(bytes);
        this.#waitingBytes -= taken;
        if (taken === bytes.length) this.#waiting.shift();
        else this.#waiting[0] = bytes.subarray(taken);
      }
    } catch (error) {
      if (error instanceof Deno.errors.WouldBlock) this.#flushLater();
      else this.#forget();
    }
  }

  #flushLater(): void {
    if (this.#retry !== undefined) return;
    const retry = setTimeout(() => {
      this.#retry = undefined;
      this.#flush();
    }, RETRY_MS);
    Deno.unrefTimer(retry); // a log keeps no process alive
    this.#retry = retry;
  }

  /** The reader has gone, or the disk is full: what waits is lost; the next line tries again. */
  #forget(): void {
    this.#waiting.length = 0;
    this.#waitingBytes = 0;
  }
}
