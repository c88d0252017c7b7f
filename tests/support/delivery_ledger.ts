/**
 * What was published, and what each subscriber got of it. Truth is what publishers were answered: a
 * publication that has a place arrives there, once, at every subscriber of its channel, in the order of
 * the offsets, or the subscriber was told that messages may be missing. Pure.
 *
 * @module
 */

import type { Position } from "../../server/message.ts";

/** A publication, by its number, which is its data. */
export interface Published {
  readonly channel: string;
  readonly number: number;
}

export class DeliveryLedger {
  /** What was wrong, in the order in which it was found. */
  readonly faults: string[] = [];
  /** Whether ids of publications may have been lost: a repeat is another message then. */
  mayRepeat = false;
  /** Publications that have a place. */
  acknowledged = 0;
  /** Messages with an offset that subscribers got. */
  delivered = 0;
  /** Messages without an offset that subscribers got. */
  stayed = 0;
  /** The number of the publication at each place. */
  readonly #numbers = new Map<string, number>();
  /** The place of each publication. */
  readonly #places = new Map<number, string>();
  /** Those that have a place, and that no subscriber got so far. */
  readonly #awaited = new Set<number>();
  /** Those that a subscriber got. */
  readonly #seen = new Set<number>();

  /** A publisher was answered. */
  acknowledge(record: Published, position: Position): void {
    this.acknowledged++;
    this.#place(record, position);
    if (!this.#seen.has(record.number)) this.#awaited.add(record.number);
  }

  /** Publications up to this number that have a place, and that nobody got; each is told once. */
  takeUnseen(number: number): number[] {
    const unseen = [...this.#awaited].filter((each) => each <= number);
    for (const each of unseen) this.#awaited.delete(each);
    return unseen;
  }

  /** A subscriber got a message. */
  deliver(record: Published, position: Position): void {
    this.delivered++;
    this.#seen.add(record.number);
    this.#awaited.delete(record.number);
    this.#place(record, position);
  }

  /** A place has one publication, and a publication one place. */
  #place({ channel, number }: Published, { epoch, offset }: Position): void {
    const place = `${channel} ${epoch} ${offset}`;
    const other = this.#numbers.get(place);
    if (other === number) return;
    if (other !== undefined) this.faults.push(`${place}: ${other} and ${number}`);
    const before = this.#places.get(number);
    if (before !== undefined && !this.mayRepeat) {
      this.faults.push(`${number} is twice: ${before} and ${place}`);
    }
    this.#numbers.set(place, number);
    this.#places.set(number, place);
  }
}

/** What one subscriber got of one channel. */
export class Delivery {
  /** How often it was told that messages may be missing. */
  gaps = 0;
  readonly #ledger: DeliveryLedger;
  readonly #name: string;
  readonly #channel: string;
  #position: Position;
  /** Whether it was told so since the last message. */
  #isTold = false;
  readonly #epochs = new Set<string>();

  /** @param position of the newest message when it subscribed */
  constructor(ledger: DeliveryLedger, name: string, { channel, ...position }: Position & {
    readonly channel: string;
  }) {
    this.#ledger = ledger;
    this.#name = `${name} on ${channel}`;
    this.#channel = channel;
    this.#position = position;
    this.#epochs.add(position.epoch);
  }

  /** A message came. @param position undefined: it has none */
  take(record: Published, position: Position | undefined): void {
    const { faults } = this.#ledger;
    if (record.channel !== this.#channel) faults.push(`${this.#name}: one of ${record.channel}`);
    if (position === undefined) return void this.#ledger.stayed++;
    const { epoch, offset } = this.#position;
    const isSame = position.epoch === epoch;
    const isNext = isSame && position.offset === offset + 1;
    const isBack = isSame ? position.offset <= offset : this.#epochs.has(position.epoch);
    if (isBack || (!isNext && !this.#isTold)) {
      const [now, before] = [position, this.#position].map(({ epoch, offset }) =>
        `${offset} of ${epoch}`
      );
      faults.push(`${this.#name}: ${now} after ${before}`);
    }
    this.#ledger.deliver(record, position);
    this.#position = position;
    this.#epochs.add(position.epoch);
    this.#isTold = false;
  }

  /** It was told that messages may be missing before the next one. */
  gap(): void {
    this.gaps++;
    this.#isTold = true;
  }

  /** Whether it has got the message at a place. */
  has({ epoch, offset }: Position): boolean {
    return this.#position.epoch === epoch && this.#position.offset >= offset;
  }

  toString(): string {
    return `${this.#name} at ${this.#position.offset} of ${this.#position.epoch}`;
  }
}
