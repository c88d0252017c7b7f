/**
 * Schedules the next connection attempt. Owns the count of consecutive attempts, the wait that the
 * server requested, and the only timer that starts an attempt. Knows no socket.
 *
 * @module
 */

import { backoffMs } from "./backoff.ts";
import { isOnline } from "./network.ts";
import { platform } from "./platform.ts";
import type { Settings } from "./settings.ts";
import type { After } from "./timers.ts";

/** A scheduled attempt. */
export interface ScheduledAttempt {
  /** Its number in the series of consecutive attempts, from 1. */
  readonly attempt: number;
  /** From now, ms; Infinity: when the network is available again. */
  readonly delayMs: number;
}

/** What a scheduler needs. */
export interface ReconnectSchedulerOptions {
  /** The base of the backoff, and the number of consecutive attempts. */
  readonly settings: Settings;
  /** Sets the timer. */
  readonly after: After;
  /** Called for each scheduled attempt, before it is made. */
  readonly scheduled: (attempt: ScheduledAttempt, reason: string) => void;
  /** Makes the attempt. */
  readonly connect: () => void;
}

/** Advice and the close frame after it mean the same wait, though not in the same moment, ms. */
const SAME_MS = 100;

/**
 * Whether a wait is a slot: the hub has spread its clients itself, and has room for this one then.
 *
 * @param reason the text of a close frame, or that of an advice
 */
function isSlot(afterMs: number, reason: string): boolean {
  return afterMs > 0 && /drain|overload/.test(reason);
}

/** One timer for the next attempt. */
export class ReconnectScheduler {
  /** Whether the platform has reported the loss of the network. */
  isOffline = false;
  readonly #options: ReconnectSchedulerOptions;
  /** Consecutive attempts made so far. */
  attempts = 0;
  #notBeforeMs = 0;
  /** On the monotonic clock; -Infinity: no attempt is scheduled. */
  #dueMs = -Infinity;
  #cancel = () => {};

  /** Starts without a scheduled attempt. */
  constructor(options: ReconnectSchedulerOptions) {
    this.#options = options;
  }

  /** Whether an attempt is scheduled. */
  get isScheduled(): boolean {
    return this.#dueMs > -Infinity;
  }

  /** Whether all attempts are used. Attempts without a network say nothing about the server. */
  get isExhausted(): boolean {
    const { maxReconnectAttempts } = this.#options.settings;
    return maxReconnectAttempts === 0 ||
      (this.attempts >= maxReconnectAttempts && isOnline());
  }

  /**
   * The server allows no attempt before `afterMs` from now.
   *
   * @returns whether the attempt that is scheduled complies; one after a slot does not
   */
  postpone(afterMs: number, reason: string): boolean {
    const allowedMs = platform.now() + afterMs;
    const lateMs = this.#dueMs - allowedMs;
    this.#notBeforeMs = allowedMs;
    return lateMs > -SAME_MS && (lateMs < SAME_MS || !isSlot(afterMs, reason));
  }

  /** Schedules the next attempt, at a slot or with backoff. @param afterMs its earliest time, ms from now */
  schedule(afterMs: number, reason: string): void {
    this.#notBeforeMs = platform.now() + afterMs;
    const { reconnectInterval } = this.#options.settings;
    const wait = backoffMs(this.attempts + 1, reconnectInterval, platform.random());
    this.#set(isSlot(afterMs, reason) ? afterMs : afterMs + wait, reason);
  }

  /** Schedules the next attempt without backoff, but not earlier than the server allows. */
  scheduleNow(reason: string): void {
    this.#set(Math.max(0, this.#notBeforeMs - platform.now()), reason);
  }

  /** A connection was stable: earlier attempts no longer count. */
  reset(): void {
    this.attempts = 0;
  }

  /** There is no network: makes no attempts. */
  offline(): void {
    this.isOffline = true;
    this.#cancel();
  }

  /** The network is available again: counts attempts from 0. */
  online(): void {
    this.isOffline = false;
    this.reset();
  }

  /** Cancels the scheduled attempt. */
  stop(): void {
    this.#dueMs = -Infinity;
    this.#cancel();
  }

  #set(delayMs: number, reason: string): void {
    const { after, connect, scheduled } = this.#options;
    this.stop();
    this.#dueMs = platform.now() + delayMs;
    if (!this.isOffline) {
      this.#cancel = after(delayMs, () => {
        this.#dueMs = -Infinity;
        this.attempts++;
        connect();
      });
    }
    const attempt = this.attempts + 1;
    scheduled({ attempt, delayMs: this.isOffline ? Infinity : delayMs }, reason);
  }
}
