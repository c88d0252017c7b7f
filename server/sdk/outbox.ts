/**
 * Messages that were sent while there was no connection, in order, bounded by number, bytes and age.
 * Owns the messages; knows no socket.
 *
 * @module
 */

import type { DropReason, Sendable } from "./events.ts";
import { platform } from "./platform.ts";
import type { Settings } from "./settings.ts";

interface QueuedMessage {
  readonly data: Sendable;
  readonly bytes: number;
  readonly atMs: number;
}

/** Called for each message that will not be sent. */
export type OnDrop = (data: Sendable, reason: DropReason) => void;

/** A bounded first-in, first-out queue. */
export class Outbox {
  readonly #settings: Settings;
  readonly #onDrop: OnDrop;
  readonly #messages: QueuedMessage[] = [];
  #bytes = 0;

  /** Starts empty. */
  constructor(settings: Settings, onDrop: OnDrop) {
    this.#settings = settings;
    this.#onDrop = onDrop;
  }

  /** The bytes of all messages; text counts as UTF-8. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds a copy of a message, since the caller may change its buffer. */
  push(data: Sendable): void {
    const { outboxMessages, outboxBytes } = this.#settings;
    const copy = copyOf(data);
    const bytes = bytesOf(copy);
    if (bytes > outboxBytes) return this.#onDrop(copy, "full"); // instead of dropping all others
    this.#messages.push({ data: copy, bytes, atMs: platform.wall() });
    this.#bytes += bytes;
    while (this.#messages.length > outboxMessages || this.#bytes > outboxBytes) this.#drop("full");
  }

  /**
   * Sends the messages that are not too old, the oldest first.
   *
   * @param send returns whether it took the message; if not, this message and all after it stay
   */
  flush(send: (data: Sendable) => boolean): void {
    const oldestMs = platform.wall() - this.#settings.outboxAgeMs;
    while (this.#messages.length > 0) {
      const [{ data, atMs }] = this.#messages;
      if (atMs < oldestMs) this.#drop("expired");
      else if (send(data)) this.#shift();
      else return;
    }
  }

  /** Drops all messages. */
  close(): void {
    while (this.#messages.length > 0) this.#drop("closed");
  }

  #drop(reason: DropReason): void {
    this.#onDrop(this.#shift(), reason);
  }

  #shift(): Sendable {
    const { data, bytes } = this.#messages.shift()!;
    this.#bytes -= bytes;
    return data;
  }
}

/** The length of a message on the wire, bytes; text is UTF-8 there. */
export function bytesOf(data: Sendable): number {
  if (typeof data === "string") return new TextEncoder().encode(data).length;
  return data instanceof Blob ? data.size : data.byteLength;
}

/** Blobs are immutable. A value that is neither text nor bytes becomes text, as in WebSocket. */
function copyOf(data: Sendable): Sendable {
  if (data instanceof Blob) return data;
  if (data instanceof ArrayBuffer) return data.slice(0);
  if (!ArrayBuffer.isView(data)) return `${data}`;
  const { buffer, byteOffset, byteLength } = data;
  return buffer.slice(byteOffset, byteOffset + byteLength);
}
