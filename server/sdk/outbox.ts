/**
 * What was sent while there was no connection, in order, within bounds of number, bytes and age. Owns the
 * messages; knows no socket.
 *
 * @module
 */

import type { DropReason, Sendable } from "./events.ts";
import type { Settings } from "./settings.ts";

interface Item {
  readonly data: Sendable;
  readonly bytes: number;
  readonly atMs: number;
}

/** Told of a message that will not be sent. */
export type OnDrop = (data: Sendable, reason: DropReason) => void;

export class Outbox {
  readonly #settings: Settings;
  readonly #onDrop: OnDrop;
  readonly #items: Item[] = [];
  #bytes = 0;

  /** Starts empty. */
  constructor(settings: Settings, onDrop: OnDrop) {
    this.#settings = settings;
    this.#onDrop = onDrop;
  }

  /** Bytes that wait; text by its UTF-8 length. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Keeps a message, as it is now: the sender may change the buffer. */
  keep(data: Sendable): void {
    const { outboxMessages, outboxBytes } = this.#settings;
    const copy = copyOf(data);
    const bytes = bytesOf(copy);
    if (bytes > outboxBytes) return this.#onDrop(copy, "full"); // rather than all others for it
    this.#items.push({ data: copy, bytes, atMs: Date.now() });
    this.#bytes += bytes;
    while (this.#items.length > outboxMessages || this.#bytes > outboxBytes) this.#drop("full");
  }

  /**
   * Hands out what is still fresh, oldest first.
   *
   * @param send says whether it took the message; the first that it did not, and all after it, stay
   */
  flush(send: (data: Sendable) => boolean): void {
    const bornMs = Date.now() - this.#settings.outboxAgeMs;
    while (this.#items.length > 0) {
      const [{ data, atMs }] = this.#items;
      if (atMs < bornMs) this.#drop("expired");
      else if (send(data)) this.#shift();
      else return;
    }
  }

  /** Nothing will be sent any more. */
  close(): void {
    while (this.#items.length > 0) this.#drop("closed");
  }

  #drop(reason: DropReason): void {
    this.#onDrop(this.#shift(), reason);
  }

  #shift(): Sendable {
    const { data, bytes } = this.#items.shift()!;
    this.#bytes -= bytes;
    return data;
  }
}

/** How long a message is on the wire; text is UTF-8 there. */
export function bytesOf(data: Sendable): number {
  if (typeof data === "string") return new TextEncoder().encode(data).length;
  return data instanceof Blob ? data.size : data.byteLength;
}

/** Blobs cannot change. What is neither text nor bytes is sent as text, as WebSocket does. */
function copyOf(data: Sendable): Sendable {
  if (data instanceof Blob) return data;
  if (data instanceof ArrayBuffer) return data.slice(0);
  if (!ArrayBuffer.isView(data)) return `${data}`;
  const { buffer, byteOffset, byteLength } = data;
  return buffer.slice(byteOffset, byteOffset + byteLength);
}
