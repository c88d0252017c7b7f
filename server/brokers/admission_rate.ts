/**
 * The AdmissionRate port: how many sessions the whole hub admits a second, and when clients that are
 * sent away may come back. Those get slots: times in order, at nine tenths of the budget, whichever node
 * hands them out. The last tenth is for clients that come unasked.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import type { Later } from "./broker.ts";

/** What all nodes share. What is asked and answered is JSON; no answer rejects. */
export interface AdmissionRate {
  /** Admits a session now. @returns 0, or the slot of one that is refused, ms from now */
  admit(): Later<number>;
  /** What was admitted last did not become a session. */
  giveBack(): void;
  /** Hands out slots in ascending order, ms from now, each at least 1. */
  slots(count: number): Later<readonly number[]>;
}

/** No second has more admissions than the budget, wherever it begins. */
export const WINDOW_MS = 1_000;

/** The part of the budget for which no slots are handed out. */
const UNASKED = 0.1;

/**
 * A refused client waits for so long at most, ms: each one moves the slots of the next, also if it never
 * comes back.
 */
export const MAX_WAIT_MS = 60_000;

/** Without a budget, clients that are closed together come back spread over so long, ms. */
const SPREAD_MS = 5_000;

/** What follows from a budget. */
export interface Pace {
  /** From one slot to the next, ms. */
  readonly stepMs: number;
  /** So many admissions in a window leave no room for slots at their pace. */
  readonly crowd: number;
}

/** @param budget admissions a second, at least 1 */
export function paceOf(budget: number): Pace {
  return {
    stepMs: WINDOW_MS / (budget * (1 - UNASKED)),
    crowd: Math.floor(budget * UNASKED) + 1,
  };
}

export interface MemoryAdmissionRateOptions {
  /** Admissions a second, at least 1. */
  readonly perSecond: number;
  readonly clock: Pick<Clock, "now">;
  /** In [0, 1). */
  readonly random: () => number;
  /** Among how many nodes the budget is divided. Default: 1. */
  readonly nodes?: () => number;
}

/** That of one process, or a node's share. */
export class MemoryAdmissionRate implements AdmissionRate {
  readonly #options: MemoryAdmissionRateOptions;
  /** When the newest sessions were admitted, monotonic ms: a ring. */
  readonly #times: Float64Array;
  /** The place of the newest in the ring, counted on. */
  #newest: number;
  #nextSlotMs = -Infinity;

  constructor(options: MemoryAdmissionRateOptions) {
    this.#options = options;
    this.#times = new Float64Array(options.perSecond).fill(-Infinity);
    this.#newest = options.perSecond;
  }

  admit(): number {
    const nowMs = this.#options.clock.now();
    if (nowMs - this.#timeOf(this.#budget) < WINDOW_MS) return this.#refuse(nowMs);
    this.#times[++this.#newest % this.#times.length] = nowMs;
    return 0;
  }

  giveBack(): void {
    if (this.#timeOf(1) === -Infinity) return;
    this.#times[this.#newest-- % this.#times.length] = -Infinity;
  }

  slots(count: number): number[] {
    const nowMs = this.#options.clock.now();
    const { stepMs, crowd } = paceOf(this.#budget);
    const firstMs = Math.max(nowMs, this.#nextSlotMs, this.#timeOf(crowd) + WINDOW_MS);
    this.#nextSlotMs = firstMs + count * stepMs;
    return slotsFrom(firstMs - nowMs, stepMs, count);
  }

  get #budget(): number {
    const { perSecond, nodes = () => 1 } = this.#options;
    return Math.max(1, Math.floor(perSecond / nodes()));
  }

  /** When a session was admitted. @param nth 1 for the newest */
  #timeOf(nth: number): number {
    return this.#times[(this.#newest + 1 - nth) % this.#times.length];
  }

  #refuse(nowMs: number): number {
    const isFar = this.#nextSlotMs - nowMs > MAX_WAIT_MS;
    return isFar ? Math.ceil(this.#options.random() * MAX_WAIT_MS) || 1 : this.slots(1)[0];
  }
}

/** Slots at a pace. @param firstMs from now */
export function slotsFrom(firstMs: number, stepMs: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => Math.ceil(firstMs + i * stepMs) || 1);
}

/** Admits all. Slots are spread at random. */
export class UnlimitedAdmission implements AdmissionRate {
  readonly #random: () => number;

  /** @param random in [0, 1) */
  constructor(random: () => number) {
    this.#random = random;
  }

  admit(): number {
    return 0;
  }

  giveBack(): void {}

  slots(count: number): number[] {
    const slots = Array.from({ length: count }, () => Math.ceil(this.#random() * SPREAD_MS) || 1);
    return slots.sort((a, b) => a - b);
  }
}
