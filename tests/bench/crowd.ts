/**
 * Clients that do nothing but stay and answer pings.
 * Owns their sockets and what they have seen.
 *
 * @module
 */

import { BenchClient, connectEach } from "./bench_client.ts";
import type { CrowdCounts, CrowdOptions } from "./load_calls.ts";

const ENDINGS_KEPT = 5;

/** Idle clients of one server. */
export class Crowd {
  readonly #clients: BenchClient[] = [];
  #open = 0;
  #pings = 0;
  readonly #endings: string[] = [];

  /** Connects more clients; resolves when each of them is welcomed. */
  async open({ port, wire, clients }: CrowdOptions): Promise<void> {
    const events = {
      ping: () => void this.#pings++,
      ended: (reason: string) => {
        this.#open--;
        if (this.#endings.length < ENDINGS_KEPT) this.#endings.push(reason);
      },
    };
    const path = wire.fanout.subscriberPath;
    await connectEach(clients, async () => {
      this.#clients.push(await BenchClient.connect({ port, path, wire }, events));
      this.#open++;
    });
  }

  /** What all of them together have seen so far. */
  counts(): CrowdCounts {
    return { open: this.#open, pings: this.#pings, endings: this.#endings };
  }

  /** Ends all connections without a close handshake, and forgets what they have seen. */
  close(): void {
    for (const client of this.#clients) client.destroy();
    this.#clients.length = 0;
    this.#endings.length = 0;
    this.#open = 0;
    this.#pings = 0;
  }
}
