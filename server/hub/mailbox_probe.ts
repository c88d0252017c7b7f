/**
 * How long a message waits in the hub's mailbox: once a second a message of its own goes in, and the
 * time until the hub opens it is measured. While one is under way no other follows. The message is
 * one and the same each time, so that measuring leaves nothing behind.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import type { Hub, HubMessage } from "../hub.ts";
import type { TimerTask } from "../liveness/wheel.ts";
import type { Metrics } from "../metrics/metrics.ts";

const PERIOD_MS = 1_000;

/** What it works with. */
export interface MailboxProbeOptions {
  /** Whose mailbox is measured. */
  readonly hub: Hub;
  /** Time of the machine: who waits, waits through a stall, too. */
  readonly clock: Clock;
  /** Where the time is counted. */
  readonly metrics: Metrics;
}

/** See the module. Put on the wheel once. */
export class MailboxProbe implements TimerTask {
  readonly #options: MailboxProbeOptions;
  readonly #message: HubMessage = { kind: "ask", look: () => this.#opened() };
  #sentMs = 0;
  #isUnderway = false;

  /** Sends nothing until its first beat. */
  constructor(options: MailboxProbeOptions) {
    this.#options = options;
  }

  /** See `TimerTask`. */
  onDue(nowMs: number): number {
    if (!this.#isUnderway) {
      this.#isUnderway = true;
      this.#sentMs = this.#options.clock.now();
      this.#options.hub.tell(this.#message);
    }
    return nowMs + PERIOD_MS;
  }

  #opened(): void {
    this.#isUnderway = false;
    this.#options.metrics.mailboxWait(this.#options.clock.now() - this.#sentMs);
  }
}
