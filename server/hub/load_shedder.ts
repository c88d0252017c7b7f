/**
 * The bound over all send queues: what is overdue (has waited for a second) for all peers together
 * stays within the budget. Looked at on each tick of the wheel: above it the worst offender goes
 * first, and no more of them than needed.
 *
 * What has waited for less is not counted: one publication to all goes beyond any budget for the
 * moment it takes to go out, and is one frame in memory. So memory is bounded by the budget and what a
 * second brings in. Nor is what waits for clients that are leaving: they hold it for closeWait at most.
 *
 * @module
 */

import type { Hub, HubMessage } from "../hub.ts";
import { TICK_MS, type TimerTask } from "../liveness/wheel.ts";
import type { SubscriptionRegistry } from "./subscription_registry.ts";

/**
 * The bytes that wait in all send queues together, without those of clients that are being closed; a
 * frame that waits for many clients counts for each.
 */
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

/** What it works with. */
export interface LoadShedderOptions {
  /** Knows who is connected. */
  readonly hub: Pick<Hub, "tell">;
  /** Counts what waits, and has the limit. */
  readonly budget: Pick<QueueBudget, "usedBytes" | "limitBytes">;
}

/** See the module. Put on the wheel once. */
export class LoadShedder implements TimerTask {
  readonly #options: LoadShedderOptions;
  readonly #message: HubMessage = { kind: "ask", look: (registry) => this.#shed(registry) };
  #isUnderway = false;

  /** Looks at nobody until its first beat. */
  constructor(options: LoadShedderOptions) {
    this.#options = options;
  }

  /** See `TimerTask`. A stall needs no patience here: it makes nothing overdue. */
  onDue(nowMs: number): number {
    const { hub, budget } = this.#options;
    if (!this.#isUnderway && budget.usedBytes > budget.limitBytes) {
      this.#isUnderway = true;
      hub.tell(this.#message);
    }
    return nowMs + TICK_MS;
  }

  #shed(registry: SubscriptionRegistry): void {
    this.#isUnderway = false;
    const { limitBytes } = this.#options.budget;
    const offenders = [...registry.subscribers].filter(({ overdueBytes }) => overdueBytes > 0);
    let overdue = offenders.reduce((sum, { overdueBytes }) => sum + overdueBytes, 0);
    if (overdue <= limitBytes) return;
    offenders.sort((a, b) => b.overdueBytes - a.overdueBytes);
    for (const offender of offenders) {
      if (overdue <= limitBytes) return;
      overdue -= offender.overdueBytes; // before it is let go: then it has none
      offender.close("overload");
    }
  }
}
