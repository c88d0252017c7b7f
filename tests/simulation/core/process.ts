/**
 * One simulated process: its clocks, its timers and what it reads. It can stall, which delays all of
 * these, have its wall clock set, and be killed. After a stall what was due runs in the order of an
 * event loop: first the timers, then, over some turns, what has come over the network meanwhile.
 *
 * @module
 */

import type { Cancel, Clock } from "../../../server/base/clock.ts";
import type { SimRandom } from "./random.ts";
import type { Scheduler, SimEvent } from "./scheduler.ts";

/** How late the timers of an idle machine are, ms. */
const USUAL_LATENESS_MS = 1.5;

/** What is read after a stall is read within this part of its length, */
const CATCH_UP_PART = 0.8;
/** but no longer than so long, ms: the server's own grace period is 250. */
const MAX_CATCH_UP_MS = 200;

/** Where wall clocks begin. */
const EPOCH_MS = 1_700_000_000_000;

interface Timer {
  event: SimEvent | undefined;
  call: () => void;
}

export class SimProcess implements Clock {
  readonly name: string;
  /** Called before anything runs in it: what is global belongs to it meanwhile. */
  onEnter: (() => void) | undefined;
  /** When it has stalled: begin and end. */
  readonly stalls: { readonly fromMs: number; readonly toMs: number }[] = [];
  isAlive = true;
  /** When its wall clock was set last. */
  steppedAtMs = -Infinity;
  readonly #scheduler: Scheduler;
  readonly #random: SimRandom;
  readonly #timers = new Set<Timer>();
  #stalledUntilMs = -Infinity;
  #stalledMs = 0;
  #dueTimers: Timer[] = [];
  #unread: (() => void)[] = [];
  #isCatchingUp = false;
  #steppedMs = 0;

  constructor(name: string, scheduler: Scheduler, random: SimRandom) {
    this.name = name;
    this.#scheduler = scheduler;
    this.#random = random;
  }

  /** Timers that are set. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Whether its wall clock was ever set. */
  get wasStepped(): boolean {
    return this.#steppedMs !== 0;
  }

  get isStalled(): boolean {
    return this.#scheduler.nowMs < this.#stalledUntilMs;
  }

  /** Time in which it ran, ms. */
  get awakeMs(): number {
    return Math.min(this.#scheduler.nowMs, this.#awakeLimitMs) - this.#stalledMs;
  }

  get #awakeLimitMs(): number {
    const last = this.stalls.at(-1);
    return last !== undefined && this.isStalled ? last.fromMs : Infinity;
  }

  now(): number {
    return this.#scheduler.nowMs;
  }

  wall(): number {
    return Math.floor(EPOCH_MS + this.#scheduler.nowMs + this.#steppedMs);
  }

  after(ms: number, call: () => void): Cancel {
    const timer: Timer = { event: undefined, call };
    this.#timers.add(timer);
    const lateMs = this.#random.number() ** 4 * USUAL_LATENESS_MS;
    timer.event = this.#scheduler.after(Math.max(1, Math.ceil(ms)) + lateMs, () => {
      if (this.isStalled) this.#dueTimers.push(timer);
      else this.#fire(timer);
    });
    return () => {
      this.#timers.delete(timer);
      this.#scheduler.cancel(timer.event);
    };
  }

  turn(call: () => void): void {
    this.#scheduler.after(0, () => this.#enter(call));
  }

  /** Something has come over the network: it is read at once, or after a stall in its order. */
  read(call: () => void): void {
    if (!this.isAlive) return;
    if (this.isStalled || this.#isCatchingUp) this.#unread.push(call);
    else this.#enter(call);
  }

  /** Runs code of the process from outside, as at the start of a program. */
  run(call: () => void): void {
    this.#enter(call);
  }

  /** It does nothing for so long. @returns false where it has stalled already */
  stall(ms: number): boolean {
    const { nowMs } = this.#scheduler;
    if (!this.isAlive || this.isStalled || this.#isCatchingUp) return false;
    this.#stalledUntilMs = nowMs + ms;
    this.stalls.push({ fromMs: nowMs, toMs: nowMs + ms });
    this.#scheduler.at(nowMs + ms, () => this.#wake(ms));
    return true;
  }

  /** Sets the wall clock forward or back. */
  stepWall(ms: number): void {
    this.#steppedMs += ms;
    this.steppedAtMs = this.#scheduler.nowMs;
  }

  /** It ends without doing anything more. */
  kill(): void {
    this.isAlive = false;
    for (const { event } of this.#timers) this.#scheduler.cancel(event);
    this.#timers.clear();
    this.#dueTimers = [];
    this.#unread = [];
  }

  #enter(call: () => void): void {
    if (!this.isAlive) return;
    this.onEnter?.();
    call();
  }

  #fire(timer: Timer): void {
    if (!this.#timers.delete(timer)) return; // cancelled meanwhile
    this.#enter(timer.call);
  }

  #wake(ms: number): void {
    this.#stalledMs += ms;
    const due = this.#dueTimers;
    this.#dueTimers = [];
    // Each in an event of its own: promise jobs run between two timers.
    for (const timer of due) this.#scheduler.after(0, () => this.#fire(timer));
    const catchUpMs = Math.min(MAX_CATCH_UP_MS, ms * CATCH_UP_PART);
    if (this.#unread.length === 0) return;
    this.#isCatchingUp = true;
    const stepMs = catchUpMs / this.#unread.length;
    const endMs = this.#scheduler.nowMs + catchUpMs;
    this.#scheduler.after(stepMs, () => this.#catchUp(stepMs, endMs));
  }

  /** @param endMs what is left or comes then is read at once */
  #catchUp(stepMs: number, endMs: number): void {
    const call = this.#unread.shift();
    if (call === undefined) {
      this.#isCatchingUp = false;
      return;
    }
    const nextMs = Math.min(this.#scheduler.nowMs + stepMs, endMs);
    this.#scheduler.at(nextMs, () => this.#catchUp(stepMs, endMs));
    this.#enter(call);
  }
}
