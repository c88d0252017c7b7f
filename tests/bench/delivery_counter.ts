/**
 * Who has received which publication: the definition of "in flight" of the fan-out bench.
 * Owns the counts of one run; pure, knows no sockets and no clock.
 *
 * A publication is in flight until *every* subscriber has it. A total of deliveries would not do:
 * fast subscribers that run ahead would hide a slow one. So each subscriber has its own count, and
 * each publication in flight the number of subscribers that still lack it. That makes the minimum
 * over all subscribers known at every delivery without a search: since each of them receives in
 * order, publications complete in order too.
 *
 * @module
 */

/** What was not delivered. */
export interface Missing {
  deliveries: number;
  subscribers: number;
}

/** The deliveries of one run, from its first publication to its last receipt. */
export class DeliveryCounter {
  readonly #receivedBySubscriber: Uint32Array;
  readonly #lackingByPublication: Uint32Array;
  readonly #maxInFlight: number;
  #published = 0;
  #completed = 0;

  /** @param maxInFlight how many publications may be in flight; bounds the memory. */
  constructor(subscribers: number, maxInFlight: number) {
    this.#receivedBySubscriber = new Uint32Array(subscribers);
    this.#lackingByPublication = new Uint32Array(maxInFlight);
    this.#maxInFlight = maxInFlight;
  }

  /** Publications so far. */
  get published(): number {
    return this.#published;
  }

  /** Published, but not yet received by all subscribers. */
  get inFlight(): number {
    return this.#published - this.#completed;
  }

  /** @throws RangeError when more than `maxInFlight` would be in flight. */
  publish(): void {
    if (this.inFlight >= this.#maxInFlight) {
      throw new RangeError(`Cannot publish: ${this.inFlight} are in flight already`);
    }
    this.#lackingByPublication[this.#published % this.#maxInFlight] =
      this.#receivedBySubscriber.length;
    this.#published++;
  }

  /**
   * Notes that a subscriber has received its next publication, and returns that one's number.
   * @throws RangeError for a delivery that nobody published: the server sent one twice.
   */
  receive(subscriber: number): number {
    const publication = this.#receivedBySubscriber[subscriber]++;
    if (publication >= this.#published) {
      throw new RangeError(
        `Subscriber ${subscriber} received ${publication + 1} of ${this.#published} publications`,
      );
    }
    if (--this.#lackingByPublication[publication % this.#maxInFlight] === 0) this.#completed++;
    return publication;
  }

  /** What is still to be received. */
  missing(): Missing {
    let deliveries = 0;
    let subscribers = 0;
    for (const received of this.#receivedBySubscriber) {
      if (received < this.#published) subscribers++;
      deliveries += this.#published - received;
    }
    return { deliveries, subscribers };
  }
}
