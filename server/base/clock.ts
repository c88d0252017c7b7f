/**
 * Time. Owns the one way to read clocks and to wait, so that tests can put a
 * virtual one in its place. Beside it only two things of the process itself have a timer: lines of
 * the log that wait for a reader, and the echo of a signal. Neither may depend on a virtual clock.
 *
 * @module
 */

import { clearTimeout, setImmediate, setTimeout } from "node:timers";

/** Cancels a waiting call; harmless when it has already run. */
export type Cancel = () => void;

/** A source of time. */
export interface Clock {
  /** Monotonic time in ms with fractions. Only differences mean anything. */
  now(): number;
  /** Wall-clock time in whole ms since 1970, for people and frames, never for decisions. */
  wall(): number;
  /**
   * Calls once, after a while.
   *
   * @param ms at least so many ms from now
   */
  after(ms: number, call: () => void): Cancel;
  /** Calls once when the current turn of the event loop has read what it could. */
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
