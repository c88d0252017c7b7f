/**
 * Time. Owns the only way to read clocks and to wait, so that tests can use a virtual clock. Two
 * timers of the process itself are the exceptions, since they must not depend on a virtual clock:
 * retries of log output, and the distinction between a second signal and an echo of the first.
 *
 * @module
 */

import { clearTimeout, setImmediate, setTimeout } from "node:timers";

/** Cancels a scheduled call; has no effect when it has already run. */
export type Cancel = () => void;

/** A source of time. */
export interface Clock {
  /** Monotonic time in ms with fractions. Only differences mean anything. */
  now(): number;
  /** Wall-clock time in whole ms since 1970, for people and frames, never for decisions. */
  wall(): number;
  /**
   * Calls once.
   *
   * @param ms the least delay
   */
  after(ms: number, call: () => void): Cancel;
  /** Calls once, after the current turn of the event loop has read its sockets. */
  turn(call: () => void): void;
}

/** The machine's clocks. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  after(ms, call) {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
  turn: (call) => void setImmediate(call),
};

/** Waits on a clock. */
export function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.after(ms, resolve));
}
