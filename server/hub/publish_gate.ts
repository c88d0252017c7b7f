/**
 * Back-pressure on publishers. While most of those who read a channel are behind (their queues are more
 * than half full and on the move), or the budget of all queues is more than half used, further
 * publications wait for them, for a second at most; then they are refused. A peer that does not read at
 * all holds nobody: it is a slow consumer.
 *
 * Called by the hub alone, which waits for nothing itself: what waits is called back later.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import { TICK_MS, type TimerTask, type Wheel } from "../liveness/wheel.ts";
import { BUSY_AFTER_MS } from "../message.ts";
import type { Pace, Subscriber, SubscriptionRegistry } from "./subscription_registry.ts";

/** How long a publication waits, ms. */
const MAX_WAIT_MS = BUSY_AFTER_MS;

/** Publications that wait at the same time; one more is refused at once. */
const MAX_WAITING = 1_024;

/** Before the name of a profile; a channel that is called so just waits with its relayed texts. */
const RELAY = "\0";

/** Where the relayed texts of a profile wait. */
export function relayTarget(profile: string): string {
  return RELAY + profile;
}

/** A publication that waits. One of the two is called, once. */
export interface WaitingPublication {
  /** Since when, monotonic. */
  readonly sinceMs: number;
  admit(): void;
  refuse(): void;
}

/** A channel, or the relayed texts of a profile, with something to wait for. */
interface Held {
  /** In order. */
  readonly waiting: WaitingPublication[];
  isBehind: boolean;
  /** Whether one that was admitted has not been delivered yet. */
  isUnderway: boolean;
  /** Whether a refusal was reported. */
  isReported: boolean;
}

/** Counts the readers of one delivery. One for all deliveries, since none waits. */
class PaceCount {
  #behind = 0;
  #reading = 0;

  start(): void {
    this.#behind = this.#reading = 0;
  }

  add(pace: Pace): void {
    if (pace === "stuck") return;
    this.#reading++;
    if (pace === "behind") this.#behind++;
  }

  /** Whether the median of those who read is behind. */
  get isBehind(): boolean {
    return 2 * this.#behind > this.#reading;
  }
}

export interface PublishGateOptions {
  readonly registry: SubscriptionRegistry;
  readonly wheel: Wheel;
  readonly clock: Clock;
  /** What waits in all send queues, and its bound. */
  readonly budget: { readonly usedBytes: number; readonly limitBytes: number };
  /** Makes the hub call `check()` after what it does now. */
  readonly requestCheck: () => void;
  /** The first publication to a target was refused since it was last free. @param target for people */
  readonly onRefused: (target: string) => void;
}

export class PublishGate implements TimerTask {
  readonly count: PaceCount = new PaceCount();
  readonly #options: PublishGateOptions;
  readonly #held = new Map<string, Held>();
  #waiting = 0;
  #heldTotal = 0;
  #refusedTotal = 0;
  #isOpen = false;
  #isCheckRequested = false;
  #isTurnRequested = false;

  constructor(options: PublishGateOptions) {
    this.#options = options;
  }

  /** Publications that have waited since the start. */
  get held(): number {
    return this.#heldTotal;
  }

  /** Publications that were refused since the start. */
  get refused(): number {
    return this.#refusedTotal;
  }

  /** Whether a publication to this target has to wait. On the frame path. */
  isHolding(target: string): boolean {
    if (this.#isOpen) return false;
    return (this.#held.size > 0 && this.#held.has(target)) || this.#isOverBudget;
  }

  /**
   * Lets a publication wait.
   *
   * @returns false when it is refused at once: it has waited for long enough, or too many do
   */
  hold(target: string, publication: WaitingPublication): boolean {
    const isTooLate = this.#options.clock.now() >= publication.sinceMs + MAX_WAIT_MS;
    if (isTooLate || this.#waiting >= MAX_WAITING) {
      this.#refusedTotal++;
      return false;
    }
    this.#heldTotal++;
    this.#waiting++;
    this.#entryOf(target).waiting.push(publication);
    return true;
  }

  /** A publication was delivered, its readers are counted. On the frame path. */
  delivered(target: string): void {
    const { isBehind } = this.count;
    if (!isBehind && this.#held.size === 0) return;
    const held = isBehind ? this.#entryOf(target) : this.#held.get(target);
    if (held === undefined) return;
    held.isBehind = isBehind;
    held.isUnderway = false;
    if (!isBehind) this.#requestCheck();
  }

  /** A reader has taken a batch. On the frame path. */
  relieved(): void {
    if (this.#held.size === 0 || this.#isTurnRequested) return;
    this.#isTurnRequested = true; // once a turn, however many take something in it
    this.#options.clock.turn(() => {
      this.#isTurnRequested = false;
      this.#requestCheck();
    });
  }

  /** Lets in what need not wait any more, and refuses what has waited for long enough. */
  check(): void {
    this.#isCheckRequested = false;
    for (const [target, held] of [...this.#held]) {
      this.#expire(target, held);
      this.count.start();
      for (const { writePump } of this.#readersOf(target)) this.count.add(writePump.pace);
      held.isBehind = this.count.isBehind;
      this.#admit(held);
      if (!held.isBehind && held.waiting.length === 0) this.#held.delete(target);
    }
  }

  onDue(nowMs: number): number {
    if (this.#held.size === 0) return Infinity;
    for (const held of this.#held.values()) held.isUnderway = false; // it was lost, or takes its time
    this.#requestCheck();
    return nowMs + TICK_MS;
  }

  /** Admits all that waits, and whatever comes. */
  open(): void {
    this.#isOpen = true;
    for (const { waiting } of this.#held.values()) {
      while (waiting.length > 0) this.#shift(waiting).admit();
    }
    this.#held.clear();
  }

  get #isOverBudget(): boolean {
    const { usedBytes, limitBytes } = this.#options.budget;
    return 2 * usedBytes > limitBytes;
  }

  #requestCheck(): void {
    if (this.#isCheckRequested) return;
    this.#isCheckRequested = true;
    this.#options.requestCheck();
  }

  #entryOf(target: string): Held {
    let held = this.#held.get(target);
    if (held !== undefined) return held;
    const { wheel } = this.#options;
    if (this.#held.size === 0) wheel.schedule(this, wheel.now() + TICK_MS);
    held = { waiting: [], isBehind: false, isUnderway: false, isReported: false };
    this.#held.set(target, held);
    return held;
  }

  *#readersOf(target: string): Iterable<Subscriber> {
    const { registry } = this.#options;
    if (!target.startsWith(RELAY)) return yield* registry.subscribersOf(target);
    for (const subscriber of registry.subscribers) {
      if (relayTarget(subscriber.profile.name) === target) yield subscriber;
    }
  }

  /** One by one: each delivery says whether the next one has to wait. */
  #admit(held: Held): void {
    const { waiting } = held;
    while (waiting.length > 0 && !held.isBehind && !held.isUnderway && !this.#isOverBudget) {
      held.isUnderway = true;
      this.#shift(waiting).admit();
    }
  }

  #expire(target: string, held: Held): void {
    const { clock, onRefused } = this.#options;
    const { waiting } = held;
    const nowMs = clock.now();
    while (waiting.length > 0 && waiting[0].sinceMs + MAX_WAIT_MS <= nowMs) {
      if (!held.isReported) onRefused(target.replace(RELAY, "relay of "));
      held.isReported = true;
      this.#refusedTotal++;
      this.#shift(waiting).refuse();
    }
  }

  #shift(waiting: WaitingPublication[]): WaitingPublication {
    this.#waiting--;
    return waiting.shift()!;
  }
}
