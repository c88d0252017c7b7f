/**
 * The text frame that all receivers of a text share, and the ping that goes with texts (RFC 6455 section
 * 5.2): final, not compressed, and without a mask, since they go from server to client (section 5.1).
 * Pure.
 *
 * @module
 */

import { Buffer } from "node:buffer";

/** FIN and the opcode. */
const [FINAL_TEXT, FINAL_PING] = [0x81, 0x89];

/** The longest payload whose length fits into the header's second byte. */
const MAX_SHORT_LENGTH = 125;

/** In the second byte: the length follows in 2 bytes, or in 8. */
const [LENGTH_16, LENGTH_64] = [126, 127];

/** Frames a control ping, and a text behind it. @param payload at most 125 bytes */
export function pingFrame(payload: Uint8Array, text?: string): Uint8Array {
  const pingBytes = 2 + payload.length;
  const frame = text === undefined ? Buffer.allocUnsafe(pingBytes) : newTextFrame(text, pingBytes);
  frame[0] = FINAL_PING;
  frame[1] = payload.length;
  frame.set(payload, 2);
  return frame;
}

/** Frames a text. A `Buffer`, because `node:net` would wrap any other `Uint8Array` at each write. */
export function textFrame(text: string): Uint8Array {
  return newTextFrame(text, 0);
}

/** @param at where the frame begins, bytes; what is before it is left to the caller */
function newTextFrame(text: string, at: number): Buffer {
  const length = Buffer.byteLength(text);
  const headerBytes = length <= MAX_SHORT_LENGTH ? 2 : length <= 0xffff ? 4 : 10;
  const frame = Buffer.allocUnsafe(at + headerBytes + length);
  frame[at] = FINAL_TEXT;
  if (headerBytes === 2) {
    frame[at + 1] = length;
  } else if (headerBytes === 4) {
    frame[at + 1] = LENGTH_16;
    frame.writeUInt16BE(length, at + 2);
  } else {
    frame[at + 1] = LENGTH_64;
    frame.writeUInt32BE(0, at + 2); // V8's strings end far below 2^32 bytes
    frame.writeUInt32BE(length, at + 6);
  }
  frame.write(text, at + headerBytes);
  return frame;
}
