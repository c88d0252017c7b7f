/**
 * WebSocket frames (RFC 6455 section 5) by hand, right and wrong ones. Knows no connection.
 *
 * @module
 */

/** Opcodes by name. */
export const OPCODE = {
  continuation: 0x0,
  text: 0x1,
  binary: 0x2,
  reserved: 0x3,
  close: 0x8,
  ping: 0x9,
  pong: 0xa,
} as const;

/** A frame as it came. */
export interface Frame {
  readonly fin: boolean;
  /** The three reserved bits, 0 to 7. */
  readonly rsv: number;
  readonly opcode: number;
  readonly masked: boolean;
  readonly payload: Uint8Array;
}

/** How a frame differs from a whole, valid one of a client. */
export interface FrameFaults {
  readonly fin?: boolean;
  /** The three reserved bits, 0 to 7. */
  readonly rsv?: number;
  readonly masked?: boolean;
  /** The length in the header, when it is not the payload's. */
  readonly announcedBytes?: number;
}

const MASK = Uint8Array.of(0x37, 0xfa, 0x21, 0x3d);
const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();

/** The bytes of a frame from a client. */
export function clientFrame(
  opcode: number,
  payload: Uint8Array | string = "",
  { fin = true, rsv = 0, masked = true, announcedBytes }: FrameFaults = {},
): Uint8Array<ArrayBuffer> {
  const data = typeof payload === "string" ? ENCODER.encode(payload) : payload;
  const first = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  const lengthBytes = lengthOf(announcedBytes ?? data.length, masked);
  const start = 1 + lengthBytes.length + (masked ? 4 : 0);
  const frame = new Uint8Array(start + data.length);
  frame[0] = first;
  frame.set(lengthBytes, 1);
  if (masked) frame.set(MASK, start - 4);
  for (let i = 0; i < data.length; i++) frame[start + i] = data[i] ^ (masked ? MASK[i & 3] : 0);
  return frame;
}

/** A text frame; anything but a string as JSON. */
export function textFrame(message: unknown): Uint8Array<ArrayBuffer> {
  return clientFrame(OPCODE.text, typeof message === "string" ? message : JSON.stringify(message));
}

/** Pieces in a row. */
export function join(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** The text of a payload. */
export function textOf({ payload }: Frame): string {
  return DECODER.decode(payload);
}

/** Code and text of a close frame; 1005 when it has none (RFC 6455 section 7.1.5). */
export function closeOf({ payload }: Frame): { code: number; text: string } {
  if (payload.length < 2) return { code: 1005, text: "" };
  return { code: payload[0] << 8 | payload[1], text: DECODER.decode(payload.subarray(2)) };
}

/** Cuts what arrives into frames. */
export class FrameSplitter {
  #bytes: Uint8Array = new Uint8Array();

  /** Takes what has arrived; copies it. */
  push(bytes: Uint8Array): void {
    this.#bytes = this.#bytes.length === 0 ? bytes.slice() : join([this.#bytes, bytes]);
  }

  /** The next whole frame, if there is one. */
  next(): Frame | undefined {
    const bytes = this.#bytes;
    if (bytes.length < 2) return undefined;
    const masked = bytes[1] >= 0x80;
    let length = bytes[1] & 0x7f;
    let start = 2;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    if (length === 126) {
      if (bytes.length < 4) return undefined;
      [length, start] = [view.getUint16(2), 4];
    } else if (length === 127) {
      if (bytes.length < 10) return undefined;
      [length, start] = [Number(view.getBigUint64(2)), 10];
    }
    if (bytes.length < start + length) return undefined;
    this.#bytes = bytes.subarray(start + length);
    return {
      fin: bytes[0] >= 0x80,
      rsv: bytes[0] >> 4 & 7,
      opcode: bytes[0] & 0xf,
      masked,
      payload: bytes.subarray(start, start + length),
    };
  }
}

function lengthOf(length: number, masked: boolean): Uint8Array {
  const bit = masked ? 0x80 : 0;
  if (length < 126) return Uint8Array.of(bit | length);
  if (length < 65_536) return Uint8Array.of(bit | 126, length >> 8, length & 0xff);
  const bytes = new Uint8Array(9);
  bytes[0] = bit | 127;
  new DataView(bytes.buffer).setBigUint64(1, BigInt(length));
  return bytes;
}
