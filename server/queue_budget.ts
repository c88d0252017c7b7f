/**
 * The bytes that wait in all send queues together, those of clients that were dropped left out. Owns
 * the sum and its limit; who has to go when it is exceeded is the hub's business.
 *
 * @module
 */

/** See the module. */
export class QueueBudget {
  readonly #limitBytes: number;
  #usedBytes = 0;

  /** Called each time an addition leaves the sum above the limit. Set by the hub. */
  onExceeded: () => void = () => {};

  /** Starts at nothing. @param limitBytes the sum that must not be exceeded */
  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** What waits now, bytes. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Whether the sum is above the limit. */
  get exceeded(): boolean {
    return this.#usedBytes > this.#limitBytes;
  }

  /** Counts bytes in. */
  add(bytes: number): void {
    this.#usedBytes += bytes;
    if (this.exceeded) this.onExceeded();
  }

  /** Counts bytes out. */
  release(bytes: number): void {
    this.#usedBytes -= bytes;
  }
}
