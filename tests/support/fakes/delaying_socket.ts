/**
 * A FakeSocket that takes each batch a while after it was written.
 *
 * @module
 */

import { FakeSocket } from "./fake_socket.ts";
import type { VirtualClock } from "./virtual_clock.ts";

export class DelayingSocket extends FakeSocket {
  readonly #clock: VirtualClock;
  /** 0: in the next turn, as a healthy peer's socket does. */
  delayMs: number;

  constructor(clock: VirtualClock, delayMs: number) {
    super();
    this.#clock = clock;
    this.delayMs = delayMs;
    this.stuck = true;
  }

  override write(frames: Uint8Array, drained: () => void): boolean {
    super.write(frames, drained);
    if (this.delayMs > 0) this.#clock.after(this.delayMs, () => this.drain());
    else this.#clock.turn(() => this.drain());
    return false;
  }
}
