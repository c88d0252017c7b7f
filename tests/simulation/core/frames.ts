/**
 * What goes over a simulated connection. From the server come bytes, which are read as the frames that
 * they are; a client's frames are described, and only their sizes are those of bytes.
 *
 * @module
 */

import { OPCODE } from "../../support/peers/frames.ts";
import type { SocketFault } from "../../../server/transport/socket.ts";

/** From a client. */
export type UpItem =
  | { readonly kind: "message"; readonly data: Uint8Array; readonly isBinary: boolean }
  /** A message in so many frames. */
  | { readonly kind: "pieces"; readonly data: Uint8Array; readonly frames: number }
  | { readonly kind: "ping"; readonly payload: Uint8Array }
  | { readonly kind: "pong"; readonly payload: Uint8Array }
  | { readonly kind: "close"; readonly code: number; readonly reason: string }
  /** What is no valid frame, as the server's parser has to judge it. */
  | { readonly kind: "bad"; readonly fault: SocketFault; readonly code: number }
  | { readonly kind: "fin" };

/** A frame of the server. */
export interface DownFrame {
  readonly opcode: number;
  readonly payload: Uint8Array;
}

/** From a server. */
export type DownItem =
  | { readonly kind: "accepted"; readonly protocol: string }
  /** An answer that is no upgrade. */
  | { readonly kind: "http"; readonly status: number }
  | { readonly kind: "frames"; readonly frames: readonly DownFrame[] }
  | { readonly kind: "fin" };

/** Larger batches arrive in pieces, bytes. */
const PIECE_BYTES = 8_192;

/** A mask and the header, about, bytes. */
const HEADER_BYTES = 8;

/** The bytes of a client's frames. */
export function sizeOf(item: UpItem): number {
  switch (item.kind) {
    case "message":
      return item.data.length + HEADER_BYTES;
    case "pieces":
      return item.data.length + HEADER_BYTES * item.frames;
    case "ping":
    case "pong":
      return item.payload.length + 6;
    case "close":
      return item.reason.length + HEADER_BYTES;
    case "bad":
      return HEADER_BYTES;
    case "fin":
      return 0;
  }
}

/** A control frame as bytes. */
export function controlFrame(opcode: number, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(2 + payload.length);
  frame[0] = 0x80 | opcode;
  frame[1] = payload.length;
  frame.set(payload, 2);
  return frame;
}

/** A close frame as bytes. */
export function closeFrame(code: number, reason: string): Uint8Array {
  const text = new TextEncoder().encode(reason);
  const payload = new Uint8Array(2 + text.length);
  payload[0] = code >> 8;
  payload[1] = code & 255;
  payload.set(text, 2);
  return controlFrame(OPCODE.close, payload);
}

/** Splits a batch into pieces of whole frames. @throws {Error} for what no client could read */
export function piecesOf(batch: Uint8Array): { frames: DownFrame[]; bytes: number }[] {
  const pieces: { frames: DownFrame[]; bytes: number }[] = [];
  let frames: DownFrame[] = [];
  let bytes = 0;
  for (let at = 0; at < batch.length;) {
    const short = batch[at + 1];
    const [length, headerBytes] = short === 126
      ? [batch[at + 2] * 256 + batch[at + 3], 4]
      : short === 127
      ? [new DataView(batch.buffer, batch.byteOffset + at + 6).getUint32(0), 10]
      : [short, 2];
    const end = at + headerBytes + length;
    if (end > batch.length || (batch[at] & 0x70) !== 0) throw new Error("no whole frames");
    frames.push({ opcode: batch[at] & 15, payload: batch.subarray(at + headerBytes, end) });
    bytes += end - at;
    at = end;
    if (bytes >= PIECE_BYTES || at === batch.length) {
      pieces.push({ frames, bytes });
      frames = [];
      bytes = 0;
    }
  }
  return pieces;
}
