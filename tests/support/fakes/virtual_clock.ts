/**
 * A Clock whose time passes when a test says so.
 *
 * @module
 */

import FakeTimers from "@sinonjs/fake-timers";
import type { Clock } from "../../../server/base/clock.ts";

/** Starts at a wall time that is no round number. */
export class VirtualClock implements Clock {
  readonly #timers = FakeTimers.createClock(1_700_000_000_123);
  #skippedMs = 0;
  #steppedMs = 0;
  #stoppedMs = 0;

  now(): number {
    return this.#timers.performance.now() + this.#skippedMs;
  }

  wall(): number {
    return this.#timers.now + this.#skippedMs + this.#steppedMs;
  }

  after(ms: number, call: () => void): () => void {
    const timer = this.#timers.setTimeout(call, ms);
    return () => this.#timers.clearTimeout(timer);
  }

  turn(call: () => void): void {
    this.#timers.setImmediate(call);
  }

  /** Lets time pass, every timer on time, microtasks settled after each. */
  async pass(ms: number): Promise<void> {
    const stoppedMs = this.#stoppedMs;
    this.#stoppedMs = 0;
    this.#skippedMs -= stoppedMs;
    if (stoppedMs > 0) this.#timers.jump(stoppedMs); // a jump by 0 would end the turn before microtasks
    await this.#timers.tickAsync(ms);
  }

  /** Ends this turn of the event loop without letting time pass. */
  async turnOver(): Promise<void> {
    await this.#timers.tickAsync(0);
  }

  /** Blocks the process: time goes on, no timer runs; those due run late, when time passes again. */
  block(ms: number): void {
    this.#skippedMs += ms;
  }

  /** As `block()`, but what was due meanwhile runs at once when time passes again, as after SIGSTOP. */
  stop(ms: number): void {
    this.#stoppedMs += ms;
    this.#skippedMs += ms;
  }

  /** Sets the wall clock forward or back, as NTP or a person does. */
  stepWall(ms: number): void {
    this.#steppedMs += ms;
  }
}
