/**
 * Measures how long a message waits in the hub's mailbox: once a second it sends one and takes the
 * time until the hub handles it. No further one is sent meanwhile. It is always the same object, so
 * that measuring allocates nothing.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import type { Hub, HubMessage } from "../hub.ts";
import type { TimerTask } from "../liveness/wheel.ts";
import type { Metrics } from "../metrics/metrics.ts";

const PERIOD_MS = 1_000;

export interface MailboxProbeOptions {
  readonly hub: Hub;
  /** Time of the machine: a message waits through a stall, too. */
  readonly clock: Clock;
  readonly metrics: Metrics;
}

/** Scheduled on the wheel once. */
export class MailboxProbe implements TimerTask {
  readonly #options: MailboxProbeOptions;
  readonly #message: HubMessage = { kind: "run", run: () => this.#handled() };
  #sentMs = 0;
  #isUnderway = false;

  constructor(options: MailboxProbeOptions) {
    this.#options = options;
  }

  onDue(nowMs: number): number {
    if (!this.#isUnderway) {
      this.#isUnderway = true;
      this.#sentMs = this.#options.clock.now();
      this.#options.hub.tell(this.#message);
    }
    return nowMs + PERIOD_MS;
  }

  #handled(): void {
    this.#isUnderway = false;
    this.#options.metrics.mailboxWait(this.#options.clock.now() - this.#sentMs);
  }
}
