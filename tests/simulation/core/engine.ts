/**
 * What connects the hubs of several processes, seen from one of them: it carries requests out in their
 * order, and answers later. It can pause, and it can be away, which it says.
 *
 * @module
 */

import type { Broker } from "../../../server/brokers/broker.ts";
import { MemoryBroker } from "../../../server/brokers/memory.ts";
import type { MemoryHistory } from "../../../server/brokers/memory_history.ts";
import { DelayedBroker } from "../../support/fakes/delayed_broker.ts";
import type { SimProcess } from "./process.ts";
import type { SimRandom } from "./random.ts";
import type { Scheduler } from "./scheduler.ts";

/** From a request to its execution, and from there to the answer, ms. */
const MAX_WAY_MS = 4;

export class SimEngine {
  readonly broker: Broker;
  /** It carries out nothing before. */
  pausedUntilMs = -Infinity;
  readonly #delayed: DelayedBroker;
  readonly #scheduler: Scheduler;
  readonly #process: SimProcess;
  readonly #random: SimRandom;

  /** @param process that of the node */
  constructor(
    history: MemoryHistory,
    { scheduler, process, random }: {
      readonly scheduler: Scheduler;
      readonly process: SimProcess;
      readonly random: SimRandom;
    },
  ) {
    this.#scheduler = scheduler;
    this.#process = process;
    this.#random = random;
    const delayed = new DelayedBroker(new MemoryBroker(history), () => random.number());
    delayed.onRequest = () => {
      this.#stepLater();
      this.#stepLater();
    };
    this.broker = this.#delayed = delayed;
  }

  /** It does nothing for so long. */
  pause(ms: number): void {
    this.pausedUntilMs = this.#scheduler.nowMs + ms;
  }

  /** For so long every request fails. */
  leave(ms: number): void {
    this.#delayed.isAway = true;
    this.#scheduler.after(ms, () => this.#delayed.isAway = false);
  }

  #stepLater(): void {
    const dueMs = Math.max(this.#scheduler.nowMs, this.pausedUntilMs) +
      this.#random.number() * MAX_WAY_MS;
    this.#scheduler.at(dueMs, () => {
      if (this.#scheduler.nowMs < this.pausedUntilMs) return this.#stepLater();
      this.#process.read(() => this.#delayed.step());
    });
  }
}
