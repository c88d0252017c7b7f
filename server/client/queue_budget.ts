/**
 * The bytes that wait in all send queues together, those of clients that were dropped left out; a
 * frame that waits for many counts for each. Owns the sum and its limit; who has to go when it is
 * exceeded is the load shedder's business.
 *
 * @module
 */

/** See the module. */
export class QueueBudget {
  /** What may wait overdue, bytes: see the load shedder. */
  readonly limitBytes: number;
  #usedBytes = 0;

  /** Starts at nothing. */
  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  /** What waits now, bytes: above the limit for as long as a burst takes to go out. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Counts bytes in. */
  add(bytes: number): void {
    this.#usedBytes += bytes;
  }

  /** Counts bytes out. */
  release(bytes: number): void {
    this.#usedBytes -= bytes;
  }
}
