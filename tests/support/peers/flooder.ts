/**
 * A peer that writes the largest blocks of the smallest frames as fast as TCP takes them, and goes
 * on when it is told to stop.
 *
 * @module
 */

import { clientFrame, closeOf, join, OPCODE } from "./frames.ts";
import type { Dial } from "./plain_http.ts";
import { RawPeer } from "./raw_peer.ts";

/** What to flood with: as much of it as 64 KiB hold is written at a time. */
export const FLOODS: Readonly<Record<string, Uint8Array>> = {
  /** 2 bytes header, 4 mask, 1 payload. */
  messages: clientFrame(OPCODE.text, "x"),
  /** Heartbeats in as many frames as a message may have. */
  fragments: heartbeatIn(17),
  "fragments without end": heartbeatIn(10_000),
};

function heartbeatIn(frames: number): Uint8Array {
  const empty = clientFrame(OPCODE.continuation, "", { fin: false });
  return join([
    clientFrame(OPCODE.text, "v1.heartbeat", { fin: false }),
    ...new Array(frames - 2).fill(empty),
    clientFrame(OPCODE.continuation),
  ]);
}

/** The close frame that a flooder saw, 1006 if none, and how long after its first write. */
export interface FlooderEnd {
  readonly code: number;
  readonly text: string;
  readonly afterMs: number;
}

export class Flooder implements AsyncDisposable {
  /** Resolves at the close frame, or at the end of TCP without one. */
  readonly end: Promise<FlooderEnd>;
  readonly #peer: RawPeer;
  readonly #block: Uint8Array;
  readonly #flood: Promise<void>;

  private constructor(peer: RawPeer, flood: Uint8Array) {
    this.#peer = peer;
    this.#block = join(new Array(Math.floor(65_536 / flood.length)).fill(flood));
    this.end = this.#watch(performance.now());
    this.#flood = this.#write();
  }

  /** Connects and begins. @param flood one of FLOODS */
  static async start(dial: Dial, flood: Uint8Array): Promise<Flooder> {
    return new Flooder(await RawPeer.connect(dial), flood);
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
      for (;;) await this.#peer.write(this.#block);
    } catch {
      return; // TCP has ended, by the server or by our own close
    }
  }
}
