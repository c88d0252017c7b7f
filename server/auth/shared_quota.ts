/**
 * The messages a minute of a key on one node of several. The node takes shares of what all of them may
 * have together, so a message mostly costs no question: the next share is asked for while there is some
 * left. A share is a tenth of the limit, and no more than the node has used within the minute: one that
 * is taken and not used is lost to the others for a minute.
 *
 * While it cannot be known what the others take, the node judges by its own messages.
 *
 * @module
 */

import type { Later } from "../brokers/broker.ts";
import type { Share, SharedLimits } from "../brokers/shared_limits.ts";
import { perMinute, type SlidingWindow } from "./sliding_window.ts";

/** A share is at most the limit divided by this. */
const SHARES = 10;

export interface SharedQuotaOptions {
  readonly limits: SharedLimits;
  /** The same on all nodes. */
  readonly name: string;
  readonly perMinute: number;
}

export class SharedQuota {
  readonly #options: SharedQuotaOptions;
  readonly #most: number;
  /** What this node has let through. */
  readonly #window: SlidingWindow;
  #share = 0;
  /** Until when there is nothing, monotonic ms. */
  #usedUpUntilMs = -Infinity;
  #isAlone = false;
  #asking: Promise<void> | undefined;

  constructor(options: SharedQuotaOptions) {
    this.#options = options;
    this.#most = Math.ceil(options.perMinute / SHARES);
    this.#window = perMinute(options.perMinute)!;
  }

  /**
   * Takes one, unless the limit is reached.
   *
   * @param nowMs monotonic time
   * @returns later where nothing of the share is left, and the next was not there in time
   */
  take(nowMs: number): Later<boolean> {
    if (this.#window.waitMs(nowMs) > 0) return false;
    if (this.#share > 0) return this.#takeOne(nowMs);
    if (nowMs < this.#usedUpUntilMs) return false;
    this.#ask(nowMs);
    return this.#asking === undefined ? this.#takeAnswered(nowMs) : this.#takeLater(nowMs);
  }

  /** How long until the next may be taken, ms; 0 = perhaps now. @param nowMs monotonic time */
  waitMs(nowMs: number): number {
    const usedUpMs = this.#share > 0 ? 0 : this.#usedUpUntilMs - nowMs;
    return Math.max(0, usedUpMs, this.#window.waitMs(nowMs));
  }

  #takeOne(nowMs: number): boolean {
    this.#share--;
    this.#window.take(nowMs);
    const size = this.#sizeAt(nowMs);
    const isLow = size > 1 && this.#share <= size / 2;
    if (isLow && nowMs >= this.#usedUpUntilMs) this.#ask(nowMs);
    return true;
  }

  /** How large a share is now. */
  #sizeAt(nowMs: number): number {
    return Math.max(1, Math.min(this.#most, this.#window.count(nowMs)));
  }

  #takeAnswered(nowMs: number): boolean {
    if (this.#share > 0) return this.#takeOne(nowMs);
    return this.#isAlone && this.#window.take(nowMs);
  }

  async #takeLater(nowMs: number): Promise<boolean> {
    for (;;) {
      await this.#asking;
      if (this.#window.waitMs(nowMs) > 0) return false;
      if (this.#takeAnswered(nowMs)) return true;
      if (nowMs < this.#usedUpUntilMs) return false;
      this.#ask(nowMs); // others who waited have taken it all
    }
  }

  #ask(nowMs: number): void {
    if (this.#asking !== undefined) return;
    const { limits, name, perMinute } = this.#options;
    const amount = this.#sizeAt(nowMs) - this.#share;
    const answer = limits.take(name, { amount, perMinute });
    if (!(answer instanceof Promise)) return this.#answered(answer, nowMs);
    this.#asking = answer.then((share) => {
      this.#asking = undefined;
      this.#answered(share, nowMs);
    });
  }

  #answered(share: Share | undefined, nowMs: number): void {
    this.#isAlone = share === undefined;
    if (share === undefined) return;
    this.#share += share.granted;
    if (share.granted === 0) this.#usedUpUntilMs = nowMs + share.waitMs;
  }
}
