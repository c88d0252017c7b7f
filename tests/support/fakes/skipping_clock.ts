/**
 * The machine's clock for a subject that talks to a real process, which a test can put forward: then
 * what is due is called at once.
 *
 * @module
 */

import { type Cancel, type Clock, systemClock } from "../../../server/base/clock.ts";

interface Timer {
  readonly dueMs: number;
  readonly fire: () => void;
}

export class SkippingClock implements Clock {
  #skippedMs = 0;
  readonly #timers = new Set<Timer>();

  now(): number {
    return systemClock.now() + this.#skippedMs;
  }

  wall(): number {
    return Math.round(systemClock.wall() + this.#skippedMs);
  }

  after(ms: number, call: () => void): Cancel {
    const end = () => {
      this.#timers.delete(timer);
      cancel();
    };
    const timer = {
      dueMs: this.now() + ms,
      fire: () => {
        end();
        call();
      },
    };
    const cancel = systemClock.after(ms, timer.fire);
    this.#timers.add(timer);
    return end;
  }

  turn(call: () => void): void {
    systemClock.turn(call);
  }

  /** Puts it forward. */
  skip(ms: number): void {
    this.#skippedMs += ms;
    const due = [...this.#timers].filter(({ dueMs }) => dueMs <= this.now());
    for (const { fire } of due.sort((a, b) => a.dueMs - b.dueMs)) fire();
  }
}
