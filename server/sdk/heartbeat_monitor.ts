/**
 * The heartbeat of one connection: when to send one, and when silence is a timeout. Owns the
 * deadline and one timer; knows no frames. Received data only moves the deadline, not the timer. A
 * timer that fires late (a throttled tab, a blocked page, a machine that slept) proves nothing about
 * the server, so it starts a probe with a short deadline instead of a timeout.
 *
 * @module
 */

import { platform } from "./platform.ts";
import type { After } from "./timers.ts";

/** The times of a monitor, ms. */
export interface MonitorTiming {
  /** From one heartbeat to the next. */
  readonly heartbeatInterval: number;
  /** The silence after an interval that is a timeout. */
  readonly heartbeatTimeout: number;
  /** The deadline of the connection attempt, on the monotonic clock. */
  readonly openByMs: number;
  /** Whether heartbeats are sent. If not, silence is no timeout. */
  readonly sends: boolean;
  /** Whether the server answers a heartbeat. If not, it sends its own as often as the client. */
  readonly answers: boolean;
}

/** What a monitor calls. */
export interface MonitorCallbacks {
  /** Sets the timer. */
  readonly after: After;
  /** Sends a heartbeat. */
  readonly send: () => void;
  /** The server is silent, or the connection did not open in time. Called once. */
  readonly timeout: () => void;
}

/** The longest wait for the answer to a probe, ms. */
const MAX_PROBE_MS = 5_000;

/** A timer is late after this delay or a quarter of the timeout, whichever is shorter, ms. */
const MAX_DELAY_MS = 2_000;

/** Consecutive late timers, without received data, that cause a probe; the next one times out. */
const MAX_LATE_TIMERS = 2;

/** One deadline and one timer, from the start of the connection attempt. */
export class HeartbeatMonitor {
  readonly #timing: MonitorTiming;
  readonly #callbacks: MonitorCallbacks;
  readonly #probeMs: number;
  readonly #maxDelayMs: number;
  #deadlineMs: number;
  #nextHeartbeatMs = Infinity;
  #isProbing = false;
  #lateTimers = 0;
  #cancel = () => {};

  /** The connection attempt begins. */
  constructor(timing: MonitorTiming, callbacks: MonitorCallbacks) {
    this.#timing = timing;
    this.#callbacks = callbacks;
    const { heartbeatTimeout, heartbeatInterval, answers, openByMs } = timing;
    this.#probeMs = Math.min(MAX_PROBE_MS, heartbeatTimeout) + (answers ? 0 : heartbeatInterval);
    this.#maxDelayMs = Math.min(MAX_DELAY_MS, heartbeatTimeout / 4);
    this.#deadlineMs = openByMs;
    this.#setTimer();
  }

  /** The connection is open: sends the first heartbeat at once, to measure the round trip. */
  opened(): void {
    if (!this.#timing.sends) return this.excuse();
    this.received();
    this.#send();
    this.#setTimer();
  }

  /** Removes the deadline until data is received: silence proves nothing. */
  excuse(): void {
    this.#isProbing = false;
    this.#deadlineMs = Infinity;
    this.#setTimer();
  }

  /** Data was received. The timer stays: it compares with the deadline when it fires. */
  received(): void {
    if (!this.#timing.sends) return;
    const { heartbeatInterval, heartbeatTimeout } = this.#timing;
    this.#deadlineMs = platform.now() + heartbeatInterval + heartbeatTimeout;
    this.#isProbing = false;
    this.#lateTimers = 0;
  }

  /** Sends a heartbeat with a short deadline, unless a probe is already running. */
  probe(): void {
    if (this.#isProbing || !this.#timing.sends) return;
    this.#isProbing = true;
    this.#deadlineMs = platform.now() + this.#probeMs;
    this.#send();
    this.#setTimer();
  }

  /**
   * There is no network: removes the deadline until a probe. Heartbeats go on, since a server on the
   * same machine still answers.
   */
  suspend(): void {
    if (this.#timing.sends) this.#send();
    this.excuse();
  }

  /** Cancels the timer. */
  stop(): void {
    this.#cancel();
  }

  #send(): void {
    this.#nextHeartbeatMs = platform.now() + this.#timing.heartbeatInterval;
    this.#callbacks.send();
  }

  #setTimer(): void {
    this.#cancel();
    const dueMs = Math.min(this.#nextHeartbeatMs, this.#deadlineMs);
    if (dueMs === Infinity) return;
    const waitMs = Math.max(0, dueMs - platform.now());
    const dueWallMs = platform.wall() + waitMs;
    this.#cancel = this.#callbacks.after(waitMs, () => {
      // While a machine sleeps, the wall clock goes on and the monotonic clock does not.
      this.#fired(Math.max(platform.now() - dueMs, platform.wall() - dueWallMs));
    });
  }

  #fired(delayMs: number): void {
    const nowMs = platform.now();
    const isLate = delayMs > this.#maxDelayMs && this.#lateTimers < MAX_LATE_TIMERS;
    if (isLate && this.#deadlineMs < Infinity) {
      this.#lateTimers++;
      this.#isProbing = false;
      return this.probe();
    }
    if (nowMs >= this.#deadlineMs) return this.#callbacks.timeout();
    if (nowMs >= this.#nextHeartbeatMs) this.#send();
    this.#setTimer();
  }
}
