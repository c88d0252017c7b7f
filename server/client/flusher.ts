/**
 * The end of a turn: every write pump that got frames during it is told to flush, and pumps that
 * have the same frames to write share one buffer. Writing once a turn instead of at each enqueue
 * costs a quarter of the CPU per delivery with four messages in flight (tests/bench/fanout.ts).
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { Clock } from "../base/clock.ts";

/** What can be told to flush. */
export interface Flushable {
  /** Called once at the end of a turn in which it was marked. */
  flush(): void;
}

/** node:net wraps any other Uint8Array into a Buffer anew at each write. */
const EMPTY = Buffer.alloc(0);

/** See the module. One for all connections. */
export class Flusher {
  readonly #clock: Clock;
  #marked: Flushable[] = [];
  #lastFrames: readonly Uint8Array[] = [];
  #lastBatch: Uint8Array = EMPTY;

  /** Starts with nothing marked. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Flushes it at the end of this turn. To be called once a turn by each. */
  mark(pump: Flushable): void {
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
