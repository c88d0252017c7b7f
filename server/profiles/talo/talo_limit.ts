/**
 * Talo's rate rule for one connection: so many messages in any minute, above it a block, a warning
 * for each message during it, and a close after too many warnings. Pure; time is an argument.
 *
 * @module
 */

import { perMinute, type SlidingWindow } from "../../auth/sliding_window.ts";

/** From the message that went over the limit on, ms. As long as the window: it is empty then. */
const BLOCK_MS = 60_000;

/** Warnings that stand at the same time; the next one ends the connection. */
const MAX_WARNINGS = 3;

/** What becomes of a message. */
export type RateOutcome = "accepted" | "warned" | "over";

/** How many messages a connection may send. */
export interface TaloLimits {
  /** Messages in any minute before a player is identified; 0 = no limit. */
  readonly messagesPerMinute: number;
  /** The same afterwards, with those from before; 0 = no limit. */
  readonly messagesPerMinuteIdentified: number;
}

/**
 * While the block lasts every message is rejected unread, a heartbeat too: it is no sign of life, no
 * answer comes but the warning, and it takes no warning back. A rejected message is not counted, so
 * it neither lengthens the block nor burdens the time after it. Warnings outlast the block: only
 * signs of life take them back.
 */
export class TaloLimit {
  readonly #all: SlidingWindow | undefined;
  #beforeIdentify: SlidingWindow | undefined;
  #blockedUntilMs = -Infinity;
  #warnings = 0;

  /** Starts unblocked, without a warning. */
  constructor({ messagesPerMinute, messagesPerMinuteIdentified }: TaloLimits) {
    this.#beforeIdentify = perMinute(messagesPerMinute || undefined);
    this.#all = perMinute(messagesPerMinuteIdentified || undefined);
  }

  /** Counts one message. @param nowMs monotonic time */
  take(nowMs: number): RateOutcome {
    if (nowMs >= this.#blockedUntilMs) {
      if (this.#fits(nowMs)) return "accepted";
      this.#blockedUntilMs = nowMs + BLOCK_MS;
    }
    if (this.#warnings === MAX_WARNINGS) return "over";
    this.#warnings++;
    return "warned";
  }

  /** A sign of life takes one warning back. */
  removeWarning(): void {
    if (this.#warnings > 0) this.#warnings--;
  }

  /** A player has been identified: the higher limit alone holds from now on. Idempotent. */
  identified(): void {
    this.#beforeIdentify = undefined;
  }

  #fits(nowMs: number): boolean {
    return (this.#beforeIdentify?.take(nowMs) ?? true) && (this.#all?.take(nowMs) ?? true);
  }
}
