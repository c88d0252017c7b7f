/**
 * The text frame that all receivers of a text share (RFC 6455 section 5.2): final, not compressed,
 * and without a mask, since it goes from server to client (section 5.1). Pure.
 *
 * @module
 */

import { Buffer } from "node:buffer";

/** FIN and the opcode of a text frame. */
const FINAL_TEXT = 0x81;

/** The longest payload whose length fits into the header's second byte. */
const MAX_SHORT_LENGTH = 125;

/** In the second byte: the length follows in 2 bytes, or in 8. */
const [LENGTH_16, LENGTH_64] = [126, 127];

/** Frames a text. A `Buffer`, because `node:net` would wrap any other `Uint8Array` at each write. */
export function textFrame(text: string): Uint8Array {
  const length = Buffer.byteLength(text);
  const headerBytes = length <= MAX_SHORT_LENGTH ? 2 : length <= 0xffff ? 4 : 10;
  const frame = Buffer.allocUnsafe(headerBytes + length);
  frame[0] = FINAL_TEXT;
  if (headerBytes === 2) {
    frame[1] = length;
  } else if (headerBytes === 4) {
    frame[1] = LENGTH_16;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = LENGTH_64;
    frame.writeUInt32BE(0, 2); // V8's strings end far below 2^32 bytes
    frame.writeUInt32BE(length, 6);
  }
  frame.write(text, headerBytes);
  return frame;
}
