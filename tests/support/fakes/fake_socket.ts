/**
 * A Socket without a network: keeps what was written, drains when the test asks for it, and lets the
 * test send as the peer.
 *
 * @module
 */

import { OPCODE } from "../peers/frames.ts";
import type { Socket, SocketEvents, SocketFault } from "../../../server/transport/socket.ts";

const TEXT = new TextDecoder();

/** How the server closed it. */
export interface SocketClose {
  readonly how: "close" | "abort" | "terminate";
  readonly code?: number;
  readonly text?: string;
}

/** By default it drains in the next microtask, as a healthy peer does. */
export class FakeSocket implements Socket {
  /** Batches written, in order. */
  readonly batches: Uint8Array[] = [];
  /** All that was written, in order: texts, `ping <n>` and `pong <n>` with the payload's length. */
  readonly journal: string[] = [];
  /** The control ping that came with the first frames. */
  firstPing: Uint8Array | undefined;
  /** Control frames written; the pings are those of the schedule. */
  readonly pings: Uint8Array[] = [];
  readonly pongs: Uint8Array[] = [];
  closedWith: SocketClose | undefined;
  paused = false;
  bufferedBytes = 0;
  /** Set: writes are never drained. */
  stuck = false;
  /** Set: the peer answers no close and reads nothing, so it stays until it is terminated or leaves. */
  lingers = false;
  #events: SocketEvents | undefined;
  #waiting: (() => void)[] = [];
  #ended = false;

  attach(events: SocketEvents): void {
    this.#events = events;
  }

  write(frames: Uint8Array, drained: () => void): boolean {
    this.batches.push(frames);
    for (const { opcode, payload } of framesOf(frames)) {
      if (opcode !== OPCODE.ping) this.journal.push(TEXT.decode(payload));
      else if (this.firstPing === undefined) this.firstPing = payload;
      else this.#keepPing(payload);
    }
    if (this.stuck) this.#waiting.push(drained);
    else queueMicrotask(drained);
    return false;
  }

  /** Drains what is stuck. */
  drain(): void {
    for (const drained of this.#waiting.splice(0)) drained();
  }

  ping(payload: Uint8Array): void {
    this.#keepPing(payload);
  }

  pong(payload: Uint8Array): void {
    this.pongs.push(payload);
    this.journal.push(`pong ${payload.length}`);
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  close(code: number, text: string): void {
    this.#end({ how: "close", code, text });
  }

  abort(code: number, text: string): void {
    this.#end({ how: "abort", code, text });
  }

  terminate(): void {
    this.#end({ how: "terminate" });
  }

  /** The peer sends a message. */
  say(message: unknown): void {
    const text = typeof message === "string" ? message : JSON.stringify(message);
    this.#events?.message(new TextEncoder().encode(text));
  }

  /** The peer sends bytes. */
  sayBinary(bytes: Uint8Array): void {
    this.#events?.message(bytes, true);
  }

  /** The peer sends a message in frames. */
  sayInPieces(pieces: readonly string[]): void {
    this.#events?.continuations(pieces.length - 1);
    this.say(pieces.join(""));
  }

  /** The peer sends control frames. */
  peerPing(payload: Uint8Array = new Uint8Array()): void {
    this.#events?.ping(payload);
  }

  peerPong(payload: Uint8Array = new Uint8Array()): void {
    this.#events?.pong(payload);
  }

  /** The peer answers the ping of the first frames. */
  answerFirst(): void {
    this.peerPong(this.firstPing);
  }

  /** The peer answers everything that has been asked: the newest control ping. */
  answer(): void {
    const payload = this.pings.at(-1);
    if (payload !== undefined) this.peerPong(payload);
  }

  /** The peer sends what is no valid frame. */
  fault(kind: SocketFault, code: number): void {
    this.#events?.fault(kind, code);
  }

  /** The peer goes away. */
  leave({ byPeer = true } = {}): void {
    this.#closed(byPeer ? 1000 : 1006, byPeer);
  }

  /** The texts of all frames written. */
  get texts(): string[] {
    return this.batches.flatMap(textsOf);
  }

  /** The JSON messages written, parsed. */
  // deno-lint-ignore no-explicit-any -- tests look into them freely
  get messages(): any[] {
    return this.texts.map((text) => JSON.parse(text));
  }

  #keepPing(payload: Uint8Array): void {
    this.pings.push(payload);
    this.journal.push(`ping ${payload.length}`);
  }

  #end(closedWith: SocketClose): void {
    if (closedWith.how !== "terminate") this.closedWith ??= closedWith;
    else if (!this.#ended) this.closedWith = closedWith;
    if (this.lingers && closedWith.how !== "terminate") return;
    queueMicrotask(() => this.#closed(1006, false));
  }

  #closed(code: number, byPeer: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    this.drain();
    this.#events?.closed({ code, byPeer });
  }
}

/** The texts of a batch of unmasked frames. */
export function textsOf(batch: Uint8Array): string[] {
  return framesOf(batch).filter(({ opcode }) => opcode !== OPCODE.ping).map(({ payload }) =>
    TEXT.decode(payload)
  );
}

/** The frames of a batch. */
export function framesOf(batch: Uint8Array): { opcode: number; payload: Uint8Array }[] {
  const frames: { opcode: number; payload: Uint8Array }[] = [];
  const view = new DataView(batch.buffer, batch.byteOffset, batch.length);
  for (let at = 0; at < batch.length;) {
    const short = batch[at + 1];
    let start = at + 2;
    let length = short;
    if (short === 126) {
      length = view.getUint16(at + 2);
      start = at + 4;
    } else if (short === 127) {
      length = Number(view.getBigUint64(at + 2));
      start = at + 10;
    }
    frames.push({ opcode: batch[at] & 15, payload: batch.subarray(start, start + length) });
    at = start + length;
  }
  return frames;
}
