/**
 * Whether a client on an unhealthy connection is advised to reconnect. A new connection helps against a
 * bad path, not against distance; so the advice needs a connection that was much better before, and a
 * client gets it once until one of its connections has been healthy again. Pure; bounded memory.
 *
 * @module
 */

/** Clients that are remembered; the longest ago is forgotten first. */
const MAX_CLIENTS = 10_000;

/**
 * The average of the round trips must have grown by this factor. Jitter alone does not reach it: of
 * round trips spread evenly between half and one and a half of their mean, the averages of ten differ by
 * less than 2.3 in ten hours.
 */
const MIN_GROWTH = 3;

/** Round trips whose average can be the best of a connection. */
const MIN_SAMPLES = 3;

/** The best average of one connection. */
export class BestAverage {
  #bestMs = Infinity;

  /** Takes the average after a further sample. */
  add(averageMs: number, samples: number): void {
    if (samples >= MIN_SAMPLES && averageMs < this.#bestMs) this.#bestMs = averageMs;
  }

  /** Whether an average is so much worse that the path must have changed. */
  isMuchBetterThan(averageMs: number): boolean {
    return this.#bestMs * MIN_GROWTH <= averageMs;
  }
}

/** The clients that were advised and have not been healthy since; one for all connections. */
export class AdvisedClients {
  readonly #clients = new Set<string>();

  /** Remembers an advice. @returns false when the client has had one already */
  add(client: string): boolean {
    if (this.#clients.has(client)) return false;
    this.#clients.add(client);
    if (this.#clients.size > MAX_CLIENTS) {
      const [oldest] = this.#clients;
      this.#clients.delete(oldest);
    }
    return true;
  }

  /** A connection of the client is healthy. */
  remove(client: string): void {
    this.#clients.delete(client);
  }
}
