/**
 * When the next attempt to connect is made: owns the count of attempts in a row, the wait that the
 * server asked for, and the one timer that attempts hang on. Knows no socket.
 *
 * @module
 */

import { backoffMs } from "./backoff.ts";
import { isOffline } from "./network.ts";
import type { Settings } from "./settings.ts";
import type { After } from "./timers.ts";

/** An attempt that has been planned. */
export interface Plan {
  /** Which in a row, from 1. */
  readonly attempt: number;
  /** From now, ms; Infinity: when the network is back. */
  readonly delayMs: number;
}

/** What a reconnectScheduler goes by. */
export interface ReconnectSchedulerParts {
  /** The backoff's base, and how many attempts there may be in a row. */
  readonly settings: Settings;
  /** Sets its timer. */
  readonly after: After;
  /** Told of each plan, before it comes true. */
  readonly planned: (plan: Plan, reason: string) => void;
  /** Makes the attempt. */
  readonly attempt: () => void;
}

export class ReconnectScheduler {
  /** Whether the network has gone, by the platform's own word. */
  isOffline = false;
  readonly #parts: ReconnectSchedulerParts;
  /** Attempts made in a row. */
  attempts = 0;
  #notBeforeMs = 0;
  /** On the monotonic clock; -Infinity: nothing is planned. */
  #dueMs = -Infinity;
  #cancel = () => {};

  /** Nothing is planned. */
  constructor(parts: ReconnectSchedulerParts) {
    this.#parts = parts;
  }

  /** Whether an attempt will be made, and not before a wait from now, ms, is over. */
  isPlannedAfter(afterMs: number): boolean {
    return this.#dueMs >= performance.now() + afterMs;
  }

  /** Whether an attempt will be made. */
  get isPlanned(): boolean {
    return this.#dueMs > -Infinity;
  }

  /** Whether too many were made. Without a network none of them says anything about the server. */
  get isExhausted(): boolean {
    return this.attempts >= this.#parts.settings.maxReconnectAttempts && !isOffline();
  }

  /** Plans the next attempt. @param afterMs the earliest time for it, ms from now */
  plan(afterMs: number, reason: string): void {
    this.#notBeforeMs = performance.now() + afterMs;
    const { reconnectInterval } = this.#parts.settings;
    const wait = backoffMs(this.attempts + 1, reconnectInterval, Math.random());
    this.#set(afterMs + wait, reason);
  }

  /** The next attempt is made now, or as soon as the server allows. */
  retry(reason: string): void {
    this.#set(Math.max(0, this.#notBeforeMs - performance.now()), reason);
  }

  /** A connection was stable: what was before it counts no more. */
  reset(): void {
    this.attempts = 0;
  }

  /** There is no network: no attempts. */
  offline(): void {
    this.isOffline = true;
    this.#cancel();
  }

  /** There is one again: attempts count afresh. */
  online(): void {
    this.isOffline = false;
    this.attempts = 0;
  }

  /** Plans no further attempt. */
  stop(): void {
    this.#dueMs = -Infinity;
    this.#cancel();
  }

  #set(delayMs: number, reason: string): void {
    const { after, attempt, planned } = this.#parts;
    this.stop();
    this.#dueMs = performance.now() + delayMs;
    if (!this.isOffline) {
      this.#cancel = after(delayMs, () => {
        this.#dueMs = -Infinity;
        this.attempts++;
        attempt();
      });
    }
    const plan = { attempt: this.attempts + 1, delayMs: this.isOffline ? Infinity : delayMs };
    planned(plan, reason);
  }
}
