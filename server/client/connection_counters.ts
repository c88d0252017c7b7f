/**
 * One connection's own counts and times, beside those of its system: what people are shown of it.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import type { ProfileCounts } from "../metrics/counts.ts";
import type { ConnectionStats } from "../hub/subscription_registry.ts";

/** See the module. */
export class ConnectionCounters {
  readonly #counts: ProfileCounts;
  readonly #clock: Clock;
  readonly #openedMs: number;
  readonly #bornMs: number;
  #messagesIn = 0;
  #messagesOut = 0;

  /** Opens it, and counts the connection. @param counts those of its system */
  constructor(counts: ProfileCounts, clock: Clock) {
    this.#counts = counts;
    this.#clock = clock;
    this.#openedMs = clock.wall();
    this.#bornMs = clock.now();
    counts.opened++;
  }

  /** A message came. */
  received(): void {
    this.#messagesIn++;
    this.#counts.messagesIn++;
  }

  /** A message was queued. */
  sent(): void {
    this.#messagesOut++;
    this.#counts.messagesOut++;
  }

  /** How it stands, with what others know. */
  stats(others: Pick<ConnectionStats, "idleMs" | "queuedMessages">): ConnectionStats {
    return {
      openedMs: this.#openedMs,
      ageMs: this.#clock.now() - this.#bornMs,
      messagesIn: this.#messagesIn,
      messagesOut: this.#messagesOut,
      ...others,
    };
  }
}
