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

import type { Hub, Letter } from "../hub.ts";
import { type Beating, TICK_MS } from "../liveness/wheel.ts";
import type { QueueBudget } from "../client/queue_budget.ts";
import type { Roster } from "./subscription_registry.ts";

/** What it works with. */
export interface LoadShedderOptions {
  /** Knows who is connected. */
  readonly hub: Pick<Hub, "tell">;
  /** Counts what waits, and has the limit. */
  readonly budget: Pick<QueueBudget, "usedBytes" | "limitBytes">;
}

/** See the module. Put on the wheel once. */
export class LoadShedder implements Beating {
  readonly #options: LoadShedderOptions;
  readonly #letter: Letter = { kind: "ask", look: (roster) => this.#shed(roster) };
  #isUnderway = false;

  /** Looks at nobody until its first beat. */
  constructor(options: LoadShedderOptions) {
    this.#options = options;
  }

  /** See `Beating`. A stall needs no patience here: it makes nothing overdue. */
  beat(nowMs: number): number {
    const { hub, budget } = this.#options;
    if (!this.#isUnderway && budget.usedBytes > budget.limitBytes) {
      this.#isUnderway = true;
      hub.tell(this.#letter);
    }
    return nowMs + TICK_MS;
  }

  #shed(roster: Roster): void {
    this.#isUnderway = false;
    const { limitBytes } = this.#options.budget;
    const offenders = [...roster.members].filter(({ overdueBytes }) => overdueBytes > 0);
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
