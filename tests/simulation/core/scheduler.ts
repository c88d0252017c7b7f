/**
 * Virtual time: one queue of events, in the order of their times and, at the same time, in the order in
 * which they were set. After each event all promise jobs run, so that what an event causes without
 * waiting happens at its moment.
 *
 * @module
 */

import { setImmediate } from "node:timers";

/** An event that is to come. */
export interface SimEvent {
  readonly atMs: number;
  readonly order: number;
  /** Undefined once it is cancelled. */
  call: (() => void) | undefined;
}

/** Promise jobs may make further jobs: one call runs them all. A turn of the event loop costs 3 us more. */
const { runMicrotasks } = (Deno as unknown as Record<symbol, { core: Record<string, () => void> }>)[
  (Deno as unknown as { internal: symbol }).internal
].core;

export class Scheduler {
  #nowMs = 0;
  #orders = 0;
  #events = 0;
  readonly #heap: SimEvent[] = [];

  /** Virtual ms since the start. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Events that have run. */
  get events(): number {
    return this.#events;
  }

  /** Calls at a time, or now if that has passed. */
  at(atMs: number, call: () => void): SimEvent {
    const event: SimEvent = { atMs: Math.max(atMs, this.#nowMs), order: this.#orders++, call };
    this.#push(event);
    return event;
  }

  after(ms: number, call: () => void): SimEvent {
    return this.at(this.#nowMs + ms, call);
  }

  cancel(event: SimEvent | undefined): void {
    if (event !== undefined) event.call = undefined;
  }

  /**
   * Runs the events up to a time. @param stop asked after each event whether to end early
   * @returns the time at which it ended
   */
  run(untilMs: number, stop: () => boolean): Promise<number> {
    return new Promise((resolve, reject) => {
      // Promise jobs can be run by hand only where none is running: at the begin of a turn.
      setImmediate(() => {
        try {
          resolve(this.#run(untilMs, stop));
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  #run(untilMs: number, stop: () => boolean): number {
    runMicrotasks();
    while (!stop()) {
      const event = this.#heap[0];
      if (event === undefined || event.atMs > untilMs) {
        this.#nowMs = untilMs;
        break;
      }
      this.#pop();
      const { call } = event;
      if (call === undefined) continue;
      this.#nowMs = event.atMs;
      this.#events++;
      call();
      runMicrotasks();
    }
    return this.#nowMs;
  }

  #push(event: SimEvent): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent])) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child++;
      if (!isBefore(heap[child], last)) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(a: SimEvent, b: SimEvent): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
