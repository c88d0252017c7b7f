/**
 * The kept messages of one channel and its position; and a list of channels in the order of their use.
 * Pure state: memory_history.ts decides what stays.
 *
 * @module
 */

import type { Position, Publication } from "../message.ts";
import type { ChannelHistory } from "./broker.ts";

/**
 * What a message takes beside its data: objects, headers of strings, its place in the log; measured 135, and
 * 225 where its data keeps the text of the frame.
 */
const MESSAGE_BYTES = 256;

/** What a position takes beside the channel's name, and the first growth of its log; measured 350. */
const POSITION_BYTES = 512;

/** A string with one such character takes two bytes for each. V8 tells at once that others have none. */
const WIDE = /[^\0-\xff]/;

/** Places of removed messages at the front before the others are moved. */
const MAX_REMOVED = 32;

/** What a message takes in memory, bytes. */
export function sizeOf({ data, channel }: Publication): number {
  return MESSAGE_BYTES + channel.length + (WIDE.test(data) ? 2 : 1) * data.length;
}

export class ChannelLog implements ChannelHistory {
  readonly channel: string;
  /** What the position takes, bytes. */
  readonly bytes: number;
  /** Neighbours in a list; itself when it is in none. */
  previous: ChannelLog = this;
  next: ChannelLog = this;
  /** When it was last used, monotonic ms. */
  usedMs = 0;
  isSubscribed = false;
  #epoch: string;
  #offset: number;
  #messages: (Publication | undefined)[] = [];
  /** When each of them came, monotonic ms. */
  #times: number[] = [];
  /** Where the oldest one is. */
  #head = 0;

  /**
   * @param epoch a name that no other log has had
   * @param offset of the message before its first one
   */
  constructor(channel: string, epoch: string, offset = 0) {
    this.channel = channel;
    this.#epoch = epoch;
    this.#offset = offset;
    this.bytes = POSITION_BYTES + 2 * channel.length;
  }

  get epoch(): string {
    return this.#epoch;
  }

  get offset(): number {
    return this.#offset;
  }

  /** How many messages are kept. */
  get length(): number {
    return this.#messages.length - this.#head;
  }

  get first(): number {
    return this.#offset - this.length + 1;
  }

  at(offset: number): Publication | undefined {
    return offset < this.first ? undefined : this.#messages[this.#head + offset - this.first];
  }

  /** When the oldest message came; Infinity where none is kept. */
  get oldestMs(): number {
    return this.length === 0 ? Infinity : this.#times[this.#head];
  }

  /** When the message at an offset came, which must be kept; monotonic ms. */
  timeOf(offset: number): number {
    return this.#times[this.#head + offset - this.first];
  }

  /** Keeps a message, which gets the next offset. */
  add(publication: Publication, nowMs: number): void {
    publication.offset = ++this.#offset;
    this.#messages.push(publication);
    this.#times.push(nowMs);
  }

  /** Removes the oldest message, which there must be. @returns its size, bytes */
  shift(): number {
    const bytes = sizeOf(this.#messages[this.#head]!);
    this.#messages[this.#head++] = undefined; // so that it is not held
    const isEmpty = this.length === 0;
    const isHalfEmpty = this.#head >= MAX_REMOVED && 2 * this.#head >= this.#messages.length;
    if (isEmpty || isHalfEmpty) this.#compact();
    return bytes;
  }

  /** Goes on after another position. There must be no messages. */
  restart({ epoch, offset }: Position): void {
    this.#epoch = epoch;
    this.#offset = offset;
  }

  /** Moves to the end of a list. @param list its head */
  moveTo(list: ChannelLog): void {
    this.remove();
    this.previous = list.previous;
    this.next = list;
    this.previous.next = list.previous = this;
  }

  /** Leaves its list. */
  remove(): void {
    this.previous.next = this.next;
    this.next.previous = this.previous;
    this.previous = this.next = this;
  }

  #compact(): void {
    this.#messages = this.#messages.slice(this.#head);
    this.#times = this.#times.slice(this.#head);
    this.#head = 0;
  }
}
