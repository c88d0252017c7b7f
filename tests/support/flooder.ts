/**
 * A peer that writes the smallest frames in the largest blocks as fast as TCP takes them, and goes
 * on when it is told to stop.
 *
 * @module
 */

import { clientFrame, closeOf, join, OPCODE } from "./frames.ts";
import type { Dial } from "./plain_http.ts";
import { RawPeer } from "./raw_peer.ts";

/** As many 7-byte frames (2 bytes header, 4 mask, 1 payload) as 64 KiB hold. */
const BLOCK = join(Array.from({ length: 9_362 }, () => clientFrame(OPCODE.text, "x")));

/** The close frame that a flooder saw, 1006 if none, and how long after its first write. */
export interface FlooderEnd {
  readonly code: number;
  readonly text: string;
  readonly afterMs: number;
}

/** See the module. */
export class Flooder implements AsyncDisposable {
  /** Resolves at the close frame, or at the end of TCP without one. */
  readonly end: Promise<FlooderEnd>;
  readonly #peer: RawPeer;
  readonly #flood: Promise<void>;

  private constructor(peer: RawPeer) {
    this.#peer = peer;
    this.end = this.#watch(performance.now());
    this.#flood = this.#write();
  }

  /** Connects and begins. */
  static async start(dial: Dial): Promise<Flooder> {
    return new Flooder(await RawPeer.connect(dial));
  }

  /** Stops. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#peer.close();
    await Promise.all([this.end, this.#flood]);
  }

  async #watch(startMs: number): Promise<FlooderEnd> {
    for (;;) {
      const frame = await this.#peer.read();
      if (frame !== undefined && frame.opcode !== OPCODE.close) continue;
      const close = frame === undefined ? { code: 1006, text: "" } : closeOf(frame);
      return { ...close, afterMs: performance.now() - startMs };
    }
  }

  async #write(): Promise<void> {
    try {
      for (;;) await this.#peer.write(BLOCK);
    } catch {
      return; // TCP has ended, by the server or by our own close
    }
  }
}
