/**
 * Messages that wait for a connection, and requests that wait for an answer, in order, bounded by
 * number, bytes and age. A request stays until it is answered: it is sent again on each new connection.
 * Owns the messages; knows no frames.
 *
 * @module
 */

import type { DropReason, RequestError, Sendable } from "./events.ts";
import { platform } from "./platform.ts";
import { type AnswerFrame, REQUEST_ID_PREFIX } from "./profile.ts";
import { requestError } from "./request_error.ts";
import type { Settings } from "./settings.ts";

/** A connection that messages are sent on. */
export interface Sender {
  /** Whether it can send now. */
  readonly isOpen: boolean;
  /** Sends if it is open. @returns whether it did */
  send(data: Sendable): boolean;
}

/** Settles the promise of a request. */
type Settle = (error?: RequestError, result?: unknown) => void;

interface QueuedMessage {
  readonly data: Sendable;
  readonly bytes: number;
  readonly atMs: number;
  /** Of a request. */
  readonly settle: Settle | undefined;
  /** Where a request was sent and not refused: no other connection brings its answer. */
  sentOn?: Sender;
}

/** What an outbox needs. */
export interface OutboxOptions {
  /** The bounds. */
  readonly settings: Settings;
  /** Whether the server answers requests. If not, one that is sent is done. */
  readonly hasAnswers: boolean;
  /** Called for each message that will not be sent, or not again. */
  readonly onDrop: (data: Sendable, reason: DropReason) => void;
}

/** A bounded first-in, first-out queue. */
export class Outbox {
  readonly #options: OutboxOptions;
  /** By the id of a request, or the number of any other message; the oldest first. */
  readonly #messages = new Map<unknown, QueuedMessage>();
  #bytes = 0;
  #newest: unknown;
  #lastId = 0;

  /** Starts empty. */
  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** The bytes of all messages; text counts as UTF-8. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds a copy of a message, since the caller may change its buffer. `flush()` has to follow. */
  push(data: Sendable): void {
    this.#add(++this.#lastId, copyOf(data));
  }

  /**
   * Adds a request. `flush()` has to follow.
   *
   * @param frameOf makes the frame, with an id for the answer
   * @returns the result of the answer; a rejection that nobody watches is no error of the page
   */
  request<Result>(frameOf: (id: string) => string): Promise<Result> {
    const id = `${REQUEST_ID_PREFIX}${++this.#lastId}`;
    const data = frameOf(id);
    const answer = new Promise<Result>((resolve, reject) =>
      this.#add(id, data, (error, result) => error ? reject(error) : resolve(result as Result))
    );
    answer.catch(() => {});
    return answer;
  }

  /** Settles the promise of a request. Without effect if it was dropped or answered before. */
  answered({ id, error, result }: AnswerFrame): void {
    this.#remove(id)?.settle?.(error, result);
  }

  /** The server wants a request later: the next `flush()` sends it again. */
  refused(id: unknown): void {
    const request = this.#messages.get(id);
    if (request) request.sentOn = undefined;
  }

  /**
   * Drops what is too old, sends what this connection has not had, the oldest first, and then drops
   * what exceeds the bounds: without room for one message a request is still sent on an open connection.
   *
   * @param sender undefined: nothing can be sent now
   */
  flush(sender: Sender | undefined): void {
    const { settings, hasAnswers } = this.#options;
    const { outboxMessages, outboxBytes, outboxAgeMs } = settings;
    const oldestMs = platform.wall() - outboxAgeMs;
    for (const [id, message] of this.#messages) {
      const { data, atMs, settle, sentOn } = message;
      if (atMs < oldestMs) this.#drop(id, "expired");
      else if (sender && sentOn === sender) continue;
      else if (!sender?.send(data)) break; // those after it are younger, and come after it
      else if (settle && hasAnswers) message.sentOn = sender;
      else this.#remove(id)!.settle?.();
    }
    const newest = this.#messages.get(this.#newest);
    if (newest && newest.bytes > outboxBytes) this.#drop(this.#newest, "full"); // not all others
    for (const id of this.#messages.keys()) {
      if (this.#messages.size <= outboxMessages && this.#bytes <= outboxBytes) return;
      this.#drop(id, "full");
    }
  }

  /** Drops all messages. */
  close(): void {
    for (const id of this.#messages.keys()) this.#drop(id, "closed");
  }

  #add(id: unknown, data: Sendable, settle?: Settle): void {
    const bytes = bytesOf(data);
    this.#messages.set(id, { data, bytes, settle, atMs: platform.wall() });
    this.#bytes += bytes;
    this.#newest = id;
  }

  /** `onDrop` is not for a request that was sent on a living connection: it only gets no answer. */
  #drop(id: unknown, reason: DropReason): void {
    const { data, settle, sentOn } = this.#remove(id)!;
    settle?.(requestError(reason, `${sentOn ? "No answer" : "Not sent"}: ${reason}`));
    if (!sentOn?.isOpen) this.#options.onDrop(data, reason);
  }

  #remove(id: unknown): QueuedMessage | undefined {
    const message = this.#messages.get(id);
    this.#bytes -= message?.bytes ?? 0;
    this.#messages.delete(id);
    return message;
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
