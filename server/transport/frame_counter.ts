/**
 * Counts the continuation frames in the bytes that a peer sends, by the frame headers alone (RFC 6455
 * 5.2): ws reports a message when it is complete, and does not report its frames.
 *
 * Owns where in a frame the last bytes ended. Must not know what is in a frame, nor validate it:
 * after bytes that are no frames its counts mean nothing.
 *
 * @module
 */

/** The part of a frame that the next byte belongs to. */
const enum Part {
  Opcode,
  Length,
  LongLength,
}

const CONTINUATION = 0x0;
const MASK_BYTES = 4;

export class FrameCounter {
  #part = Part.Opcode;
  #lengthBytes = 0;
  #length = 0;
  #maskBytes = 0;
  /** Of the frame's mask and payload, still to come. */
  #rest = 0;

  /** Takes the next bytes. @returns how many continuation frames began in them */
  count(bytes: Uint8Array): number {
    let continuations = 0;
    for (let at = 0; at < bytes.length;) {
      if (this.#rest > 0) {
        const skipped = Math.min(this.#rest, bytes.length - at);
        this.#rest -= skipped;
        at += skipped;
        continue;
      }
      const byte = bytes[at++];
      switch (this.#part) {
        case Part.Opcode:
          if ((byte & 0x0f) === CONTINUATION) continuations++;
          this.#part = Part.Length;
          break;
        case Part.Length:
          this.#shortLength(byte);
          break;
        case Part.LongLength:
          this.#length = this.#length * 256 + byte;
          if (--this.#lengthBytes === 0) this.#payload(this.#length);
      }
    }
    return continuations;
  }

  #shortLength(byte: number): void {
    const length = byte & 0x7f;
    this.#maskBytes = (byte & 0x80) === 0 ? 0 : MASK_BYTES;
    if (length < 126) return this.#payload(length);
    this.#length = 0;
    this.#lengthBytes = length === 126 ? 2 : 8;
    this.#part = Part.LongLength;
  }

  #payload(length: number): void {
    this.#rest = this.#maskBytes + length;
    this.#part = Part.Opcode;
  }
}
