/**
 * The heartbeat of one connection: when one is sent, and when silence is a timeout. Reading moves a
 * number, not a timer; after a timer that fires late (a throttled tab, a blocked page, a machine that
 * slept) the peer gets one more heartbeat and a short deadline.
 *
 * @module
 */

import type { After } from "./timers.ts";

/** What a heartbeatMonitor goes by, times in ms. */
export interface Timing {
  /** Between heartbeats. */
  readonly heartbeatInterval: number;
  /** Silence after an interval that is a timeout. */
  readonly heartbeatTimeout: number;
  /** When it must be open, on the monotonic clock. */
  readonly openByMs: number;
  /** Whether a heartbeat is answered; else the peer sends its own as often. */
  readonly answers: boolean;
}

/** What a heartbeatMonitor does. */
export interface HeartbeatMonitorCalls {
  /** Sets its timer. */
  readonly after: After;
  /** Sends a heartbeat. */
  readonly send: () => void;
  /** The peer is silent, or has not opened in time. Called once. */
  readonly dead: () => void;
}

/** An answer to a probe takes at most so long, ms. */
const MAX_PROBE_MS = 5_000;

/** A timer so late, ms, or by a quarter of the timeout, was held up. */
const MAX_LATE_MS = 2_000;

/** Late timers in a row, without anything received, after which silence counts all the same. */
const MAX_LATE_WAKES = 2;

/** Starts with the attempt to connect. */
export class HeartbeatMonitor {
  readonly #timing: Timing;
  readonly #calls: HeartbeatMonitorCalls;
  readonly #probeMs: number;
  readonly #lateMs: number;
  #deadlineMs: number;
  #nextMs = Infinity;
  #isProbing = false;
  #lateWakes = 0;
  #cancel = () => {};

  /** The attempt to connect begins. */
  constructor(timing: Timing, calls: HeartbeatMonitorCalls) {
    this.#timing = timing;
    this.#calls = calls;
    const { heartbeatTimeout, heartbeatInterval, answers, openByMs } = timing;
    this.#probeMs = Math.min(MAX_PROBE_MS, heartbeatTimeout) + (answers ? 0 : heartbeatInterval);
    this.#lateMs = Math.min(MAX_LATE_MS, heartbeatTimeout / 4);
    this.#deadlineMs = openByMs;
    this.#plan();
  }

  /** The connection is open: the first heartbeat is sent at once, so that its round trip is known. */
  opened(): void {
    this.touch();
    this.#send();
    this.#plan();
  }

  /** Something was received. The timer stays: it looks at the deadline when it fires. */
  touch(): void {
    const { heartbeatInterval, heartbeatTimeout } = this.#timing;
    this.#deadlineMs = performance.now() + heartbeatInterval + heartbeatTimeout;
    this.#isProbing = false;
    this.#lateWakes = 0;
  }

  /** Is it still there? One probe at a time. */
  probe(): void {
    if (this.#isProbing) return;
    this.#isProbing = true;
    this.#deadlineMs = performance.now() + this.#probeMs;
    this.#send();
    this.#plan();
  }

  /**
   * There is no network: silence says nothing about the peer, until a probe. A peer on this very
   * machine is still there, and may say so.
   */
  hold(): void {
    this.#isProbing = false;
    this.#deadlineMs = Infinity;
    this.#send();
    this.#plan();
  }

  /** Over. */
  stop(): void {
    this.#cancel();
  }

  #send(): void {
    this.#nextMs = performance.now() + this.#timing.heartbeatInterval;
    this.#calls.send();
  }

  #plan(): void {
    this.#cancel();
    const dueMs = Math.min(this.#nextMs, this.#deadlineMs);
    if (dueMs === Infinity) return;
    const waitMs = Math.max(0, dueMs - performance.now());
    const dueWallMs = Date.now() + waitMs;
    this.#cancel = this.#calls.after(waitMs, () => {
      // The monotonic clock stands still in a sleeping machine, the wall clock does not.
      this.#wake(Math.max(performance.now() - dueMs, Date.now() - dueWallMs));
    });
  }

  #wake(lateMs: number): void {
    const nowMs = performance.now();
    const isExcused = lateMs > this.#lateMs && this.#lateWakes < MAX_LATE_WAKES;
    if (isExcused && this.#deadlineMs < Infinity) {
      this.#lateWakes++;
      this.#isProbing = false;
      return this.probe();
    }
    if (nowMs >= this.#deadlineMs) return this.#calls.dead();
    if (nowMs >= this.#nextMs) this.#send();
    this.#plan();
  }
}
