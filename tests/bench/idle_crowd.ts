/**
 * Clients that do nothing but stay and answer control pings.
 * Owns their sockets and what they have seen; app pings are counted, and need no answer.
 *
 * @module
 */

import { CONNECTS_AT_A_TIME } from "./fanout_target.ts";
import type { IdleCounts } from "./load_calls.ts";
import { RawSocket } from "./raw_socket.ts";

const PATH = "/ws";
const ENDINGS_KEPT = 5;

/** Idle clients of one server. */
export class IdleCrowd {
  readonly #sockets: RawSocket[] = [];
  #open = 0;
  #controlPings = 0;
  #texts = 0;
  readonly #endings: string[] = [];

  /** Connects more clients. */
  async open(port: number, clients: number): Promise<void> {
    for (let opened = 0; opened < clients; opened += CONNECTS_AT_A_TIME) {
      const count = Math.min(CONNECTS_AT_A_TIME, clients - opened);
      await Promise.all(Array.from({ length: count }, () => this.#join(port)));
    }
  }

  /** What all of them together have seen so far. */
  counts(): IdleCounts {
    return {
      open: this.#open,
      controlPings: this.#controlPings,
      texts: this.#texts,
      endings: this.#endings,
    };
  }

  /** Ends all connections without a close handshake. */
  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.length = 0;
    this.#open = 0;
  }

  async #join(port: number): Promise<void> {
    this.#sockets.push(
      await RawSocket.open(port, PATH, {
        text: () => this.#texts++,
        ping: () => this.#controlPings++,
        ended: (reason) => {
          this.#open--;
          if (this.#endings.length < ENDINGS_KEPT) this.#endings.push(reason);
        },
      }),
    );
    this.#open++;
  }
}
