/**
 * A way on virtual time, between the server's end of a socket and a peer: it takes its time, carries
 * so many bytes a second, and can be spoilt while it is in use. A FakeSocket for the world, which
 * keeps what the server wrote; the peer gets what arrived.
 *
 * @module
 */

import type { Clock } from "../../../server/base/clock.ts";
import { OPCODE } from "../peers/frames.ts";
import { FakeSocket, framesOf } from "./fake_socket.ts";

/** What sits at the other end. */
export interface Peer {
  /** A text frame has arrived. */
  text(text: string): void;
  /** A control ping has arrived. */
  ping(payload: Uint8Array): void;
}

/** What the way is like. */
export interface RelayOptions {
  /** From end to end, ms. */
  readonly delayMs: number;
  /** Towards the peer. */
  readonly bytesPerSecond?: number;
  /**
   * Whether a relay takes at once whatever the server writes, however long its own line needs for
   * it. Otherwise a batch has drained when the line has carried it.
   */
  readonly hoards?: boolean;
}

/** Of a frame without a mask, up to 125 bytes. */
const HEADER_BYTES = 2;

export class Relay extends FakeSocket {
  /** Nothing gets from the peer to the server. */
  upCut = false;
  /** Nothing gets from the server to the peer. */
  downCut = false;
  /** Control frames get lost, both ways. */
  strips = false;
  /** The other end. */
  peer: Peer | undefined;
  readonly #clock: Clock;
  readonly #delayMs: number;
  readonly #bytesPerMs: number;
  readonly #hoards: boolean;
  /** When the line towards the peer has carried all it was given. */
  #freeMs = 0;

  constructor(clock: Clock, { delayMs, bytesPerSecond = Infinity, hoards = true }: RelayOptions) {
    super();
    this.#clock = clock;
    this.#delayMs = delayMs;
    this.#bytesPerMs = bytesPerSecond / 1_000;
    this.#hoards = hoards;
  }

  override write(frames: Uint8Array, drained: () => void): boolean {
    this.stuck = !this.#hoards;
    super.write(frames, drained);
    const leftMs = this.#down(frames.length, () => {
      for (const { opcode, payload } of framesOf(frames)) {
        if (opcode !== OPCODE.ping) this.peer?.text(new TextDecoder().decode(payload));
        else if (!this.strips) this.peer?.ping(payload);
      }
    });
    if (this.stuck) this.#clock.after(leftMs, () => this.drain());
    return false;
  }

  override ping(payload: Uint8Array): void {
    super.ping(payload);
    if (this.strips) return;
    this.#down(HEADER_BYTES + payload.length, () => this.peer?.ping(payload));
  }

  /** The peer sends something: `arrive` says it at the server's end. */
  up(arrive: () => void): void {
    if (this.upCut) return;
    this.#clock.after(this.#delayMs, () => {
      if (!this.upCut) arrive();
    });
  }

  /** The peer sends a control pong. */
  upPong(payload: Uint8Array): void {
    if (!this.strips) this.up(() => this.peerPong(payload));
  }

  /** One frame after the other. @returns when the line has carried this one, ms from now */
  #down(bytes: number, arrive: () => void): number {
    const nowMs = this.#clock.now();
    this.#freeMs = Math.max(nowMs, this.#freeMs) + bytes / this.#bytesPerMs;
    const leftMs = Math.ceil(this.#freeMs - nowMs);
    const isLost = this.downCut;
    this.#clock.after(leftMs + this.#delayMs, () => {
      if (!isLost && !this.downCut) arrive();
    });
    return leftMs;
  }
}
