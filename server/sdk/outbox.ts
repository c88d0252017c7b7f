/**
 * What was sent while there was no connection, in order, within bounds of number and age. Owns the
 * messages; knows no socket.
 *
 * @module
 */

import type { DropReason, Sendable } from "./events.ts";

interface Kept {
  readonly data: Sendable;
  readonly atMs: number;
}

/** Bounds of an outbox. */
export interface OutboxLimits {
  /** Messages; 0 keeps none. */
  readonly messages: number;
  /** Age of a message, ms. */
  readonly ageMs: number;
  /** Told of every message that will not be sent. */
  readonly onDrop: (data: Sendable, reason: DropReason) => void;
}

/** See the module. */
export class Outbox {
  readonly #limits: OutboxLimits;
  #kept: Kept[] = [];

  /** Starts empty. */
  constructor(limits: OutboxLimits) {
    this.#limits = limits;
  }

  /** Bytes that wait; text by its UTF-8 length. */
  get bytes(): number {
    return this.#kept.reduce((sum, { data }) => sum + bytesOf(data), 0);
  }

  /** Keeps a message, as it is now: who sent it may change the buffer. */
  keep(data: Sendable): void {
    this.#kept.push({ data: copyOf(data), atMs: Date.now() });
    while (this.#kept.length > this.#limits.messages) this.#drop("full");
  }

  /**
   * Hands out what is still fresh, oldest first.
   *
   * @param send says whether it took the message; the first that it did not, and all after it, stay
   */
  flush(send: (data: Sendable) => boolean): void {
    const bornMs = Date.now() - this.#limits.ageMs;
    while (this.#kept.length > 0) {
      const [{ data, atMs }] = this.#kept;
      if (atMs < bornMs) this.#drop("expired");
      else if (send(data)) this.#kept.shift();
      else return;
    }
  }

  /** Nothing will be sent any more. */
  close(): void {
    while (this.#kept.length > 0) this.#drop("closed");
  }

  #drop(reason: DropReason): void {
    this.#limits.onDrop(this.#kept.shift()!.data, reason);
  }
}

function bytesOf(data: Sendable): number {
  if (typeof data === "string") return new TextEncoder().encode(data).length;
  return data instanceof Blob ? data.size : data.byteLength;
}

/** Blobs cannot change. */
function copyOf(data: Sendable): Sendable {
  if (typeof data === "string" || data instanceof Blob) return data;
  if (!ArrayBuffer.isView(data)) return data.slice(0);
  const { buffer, byteOffset, byteLength } = data;
  return buffer.slice(byteOffset, byteOffset + byteLength);
}
