/**
 * The bound over all send queues: what is overdue (has waited for a second) for all peers together
 * stays within the budget. Checked on each tick of the wheel: above the budget the connection with
 * the most overdue bytes is closed first, and no more connections than needed.
 *
 * What has waited for less is not counted: one publication to all connections exceeds any budget for
 * the moment that it takes to be written, and is one frame in memory. So memory is bounded by the
 * budget and what a second brings in. Nor is what waits for closing connections counted: they hold it
 * for closeWait at most.
 *
 * @module
 */

import type { AdmissionRate } from "../brokers/admission_rate.ts";
import { CLOSE_REASONS } from "../close_codes.ts";
import type { Hub, HubMessage } from "../hub.ts";
import { TICK_MS, type TimerTask, type Wheel } from "../liveness/wheel.ts";
import type { Subscriber, SubscriptionRegistry } from "./subscription_registry.ts";

/**
 * The bytes that wait in all send queues together, without those of closing connections; a frame that
 * waits for many connections counts for each.
 */
export class QueueBudget {
  /** Bound of the overdue bytes. */
  readonly limitBytes: number;
  #usedBytes = 0;
  /** Called when something begins to wait. On the frame path. */
  onPending: () => void = () => {};

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  /** What waits now: above the limit for as long as a burst takes to be written. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** Whether so much waits that nothing more should be held: publishers wait from a half on. */
  get isQuarterUsed(): boolean {
    return 4 * this.#usedBytes > this.limitBytes;
  }

  add(bytes: number): void {
    if (this.#usedBytes === 0) this.onPending();
    this.#usedBytes += bytes;
  }

  release(bytes: number): void {
    this.#usedBytes -= bytes;
  }
}

export interface LoadShedderOptions {
  readonly hub: Pick<Hub, "tell">;
  readonly budget: Pick<QueueBudget, "usedBytes" | "limitBytes">;
  readonly wheel: Pick<Wheel, "schedule" | "now">;
  /** Hands out when those that are closed may come back. */
  readonly admissionRate: Pick<AdmissionRate, "slots">;
}

/** On the wheel while anything waits, which also keeps its ticks going: send queues count in them. */
export class LoadShedder implements TimerTask {
  readonly #options: LoadShedderOptions;
  /** One message for all checks, so that a check allocates nothing. */
  readonly #message: HubMessage = { kind: "run", run: (registry) => this.#shed(registry) };
  #isScheduled = false;
  #isUnderway = false;

  constructor(options: LoadShedderOptions) {
    this.#options = options;
  }

  /** Something begins to wait. On the frame path. */
  watch(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    const { wheel } = this.#options;
    wheel.schedule(this, wheel.now() + TICK_MS);
  }

  /** A stall of the server makes nothing overdue, so this needs no grace after one. */
  onDue(nowMs: number): number {
    const { hub, budget } = this.#options;
    if (!this.#isUnderway && budget.usedBytes > budget.limitBytes) {
      this.#isUnderway = true;
      hub.tell(this.#message);
    }
    this.#isScheduled = budget.usedBytes > 0;
    // At the next tick: as each is a little late, a tick from now would be the one after that.
    return this.#isScheduled ? nowMs : Infinity;
  }

  #shed(registry: SubscriptionRegistry): void {
    const { limitBytes } = this.#options.budget;
    const slow = [...registry.subscribers].filter(({ writePump }) => writePump.overdueBytes > 0);
    slow.sort((a, b) => b.writePump.overdueBytes - a.writePump.overdueBytes);
    let overdue = slow.reduce((sum, { writePump }) => sum + writePump.overdueBytes, 0);
    let count = 0;
    while (overdue > limitBytes) overdue -= slow[count++].writePump.overdueBytes;
    void this.#close(slow.slice(0, count));
  }

  async #close(subscribers: readonly Subscriber[]): Promise<void> {
    const { admissionRate } = this.#options;
    const later = subscribers.length === 0 ? [] : admissionRate.slots(subscribers.length);
    const slots = later instanceof Promise ? await later : later; // at once where the hub is one process
    const { afterMs } = CLOSE_REASONS.overload;
    subscribers.forEach((subscriber, i) =>
      subscriber.close("overload", { afterMs: afterMs + slots[i] })
    );
    this.#isUnderway = false;
  }
}
