/**
 * The timing wheel: one timer for all connections. Each connection has an entry in the slot at which
 * it is due; moving its deadline moves no timer. Owns the server's time and the detection of its own
 * stalls. Time on the wheel excludes stalls: a deadline set before a stall is as far away after it as
 * it was before. Must not know what its tasks do.
 *
 * While nothing is due it sleeps, since waking the process costs 150 to 230 us (measured).
 *
 * @module
 */

import type { Cancel, Clock } from "../base/clock.ts";

/** From tick to tick, ms. */
export const TICK_MS = 25;

/**
 * A tick that is late by more than this is a stall, ms. Less is normal jitter of the machine, and
 * the published detection bound has a margin for it (measured with slots of 50 ms and stalls from
 * 100 ms: on a busy machine peers were found up to 150 ms after their deadline, without a stall).
 */
export const STALL_MS = 70;

/**
 * Upper limit of the grace period after stalls, in ms of on-time ticks; no connection expires during
 * it. One turn of the event loop after a stall reads only about a thousand waiting sockets (measured
 * on two cores). A shorter stall leaves less unread, so its grace period is as long as the stall
 * itself. Connections therefore still expire, however often the loop stalls, as long as it runs for
 * more than half of the time, or now and then for 275 ms without a stall.
 */
const GRACE_MS = 250;

/**
 * The longest sleep, ticks. A stall within a sleep is noticed only by what it exceeds the sleep, so
 * this is far below a stall that clients notice.
 */
const MAX_SLEEP_TICKS = 10;

/**
 * The wheel ticks for so long before a task that may expire a connection is due. What a stall within
 * a sleep has left unread is read in that time; should it stall meanwhile, it ticks, and notices.
 */
const LEAD_TICKS = 350 / TICK_MS;

/** A stall that clients notice, and may disconnect because of, ms. */
const LONG_STALL_MS = 1_000;

/** Slots on the wheel: 51 s a revolution. A task that is due later is passed over until then. */
const SLOTS = 2_048;

/** A task that the wheel calls when it is due. */
export interface TimerTask {
  /**
   * Called when due. MUST NOT throw.
   *
   * @param nowMs time on the wheel
   * @param mayExpire false after a stall: the task must not expire a connection
   * @returns when the task is due next, time on the wheel; Infinity to remove it
   */
  onDue(nowMs: number, mayExpire: boolean): number;
  /**
   * Called after a stall for every task, due or not. MUST NOT throw, schedule or cancel.
   *
   * @param sinceMs when the stall began, time on the wheel
   * @param stalledMs how long it lasted
   * @returns when the task is due next, time on the wheel, if that has become earlier by the stall
   */
  stalled?(sinceMs: number, stalledMs: number): number | undefined;
  /** Whether it expires connections when `mayExpire` is true: the wheel does not sleep before. */
  readonly expires?: boolean;
}

/** Receives what the wheel measures of the server itself. */
export interface WheelListener {
  /** Called at each tick. @param lateMs how late the tick was */
  tick(lateMs: number): void;
  /** Called when a stall has ended. @param lateMs how long it lasted */
  stall(lateMs: number): void;
}

/**
 * The entry of one task. The entries of a slot form a ring, so that a task is removed in constant
 * time without a search.
 */
export class WheelEntry {
  /** The tick it is due at. */
  dueTick = 0;
  /** Neighbours in the ring; the entry itself when it is alone. */
  previous: WheelEntry = this;
  next: WheelEntry = this;

  /** @param task undefined for the head of a slot */
  constructor(readonly task: TimerTask | undefined) {}
}

export class Wheel {
  readonly #clock: Clock;
  readonly #listener: WheelListener;
  readonly #slots: WheelEntry[] = Array.from({ length: SLOTS }, () => new WheelEntry(undefined));
  readonly #due = new WheelEntry(undefined);
  #stalledMs = 0;
  #lastTickMs: number;
  #expectedMs = 0;
  /** `now()` is at most this. */
  #latestMs: number;
  #isAsleep = false;
  #currentTick = 0;
  /** What remains of the grace period, ms of on-time ticks. */
  #graceMs = 0;
  #mayExpireSinceMs = -Infinity;
  #ticks = 0;
  #longStallEndedMs = -Infinity;
  #cancelTick: Cancel | undefined;

  /** The wheel does not turn before `start()`. */
  constructor(clock: Clock, listener: WheelListener) {
    this.#clock = clock;
    this.#listener = listener;
    this.#lastTickMs = clock.now();
    this.#latestMs = this.#lastTickMs + TICK_MS + STALL_MS;
    this.#currentTick = Math.floor(this.#lastTickMs / TICK_MS);
  }

  /**
   * Time on the wheel, ms: monotonic, without stalls. A stall that is still going on is excluded
   * too: a frame that is read before the wheel detects the stall gets no timestamp in the future.
   */
  now(): number {
    return Math.min(this.#clock.now() - this.#stalledMs, this.#latestMs);
  }

  /**
   * Ticks so far. Between two of them the event loop has completed at least one turn. What counts in
   * ticks keeps a task scheduled, so that the wheel does not sleep.
   */
  get ticks(): number {
    return this.#ticks;
  }

  /** How long ago the last stall ended that clients notice, ms of the machine's time. */
  get sinceLongStallMs(): number {
    return this.#clock.now() - this.#longStallEndedMs;
  }

  /**
   * Since which tick `mayExpire` has been true without interruption, time on the wheel: after it no
   * expiry was delayed by a stall.
   */
  get mayExpireSinceMs(): number {
    return this.#mayExpireSinceMs;
  }

  start(): void {
    this.#lastTickMs = this.#clock.now() - this.#stalledMs;
    this.#arm(1);
  }

  stop(): void {
    this.#cancelTick?.();
    this.#cancelTick = undefined;
  }

  /** @param dueMs time on the wheel */
  schedule(task: TimerTask, dueMs: number): WheelEntry {
    const entry = new WheelEntry(task);
    this.#schedule(entry, dueMs);
    if (this.#isAsleep) this.#wake();
    return entry;
  }

  /** Removes an entry. Idempotent. */
  cancel(entry: WheelEntry): void {
    entry.previous.next = entry.next;
    entry.next.previous = entry.previous;
    entry.previous = entry.next = entry;
    entry.dueTick = Infinity;
  }

  /**
   * The next tick is at the end of a slot, not one tick from now. A tick that drifts relative to the
   * slots adds up to one tick to the delay that the slot itself causes (measured with slots of
   * 50 ms: 13 % of 1500 dead peers were found up to 19 ms too late).
   */
  #arm(ticks: number): void {
    const nowMs = this.#clock.now();
    const waitMs = Math.ceil(ticks * TICK_MS - (nowMs - this.#stalledMs) % TICK_MS);
    this.#expectedMs = nowMs + waitMs;
    this.#latestMs = this.#expectedMs - this.#stalledMs + STALL_MS;
    this.#isAsleep = ticks > 1;
    this.#cancelTick = this.#clock.after(waitMs, this.#tick);
  }

  /** Leaves out the ticks at which nothing is due; not when the next one is late already. */
  #sleep(): void {
    const ticks = this.#quietTicks();
    if (ticks > 1 && this.#clock.now() < this.#expectedMs) this.#rearm(ticks);
  }

  /** Ticks again; not when it is late, which is a stall that it must notice. */
  #wake(): void {
    if (this.#clock.now() < this.#expectedMs) this.#rearm(1);
  }

  #rearm(ticks: number): void {
    if (this.#cancelTick === undefined) return; // stopped
    this.#cancelTick();
    this.#arm(ticks);
  }

  /** In how many ticks it must turn next. */
  #quietTicks(): number {
    let quiet = MAX_SLEEP_TICKS;
    for (let ticks = 1; ticks < quiet + LEAD_TICKS; ticks++) {
      const slot = this.#slots[(this.#currentTick + ticks) % SLOTS];
      for (let entry = slot.next; entry !== slot; entry = entry.next) {
        const { expires } = entry.task!;
        quiet = Math.min(quiet, expires ? ticks - LEAD_TICKS : ticks);
        if (quiet <= 1) return 1;
        if (expires) break;
      }
    }
    return quiet;
  }

  readonly #tick = (): void => {
    const lateMs = Math.max(0, this.#clock.now() - this.#expectedMs);
    this.#isAsleep = false;
    const isGrace = this.#graceMs > 0;
    if (lateMs > STALL_MS) this.#stall(lateMs);
    else if (isGrace) this.#graceMs = Math.max(0, this.#graceMs - TICK_MS);
    this.#listener.tick(lateMs);
    this.#ticks++;
    this.#lastTickMs = this.#clock.now() - this.#stalledMs;
    if (isGrace) this.#mayExpireSinceMs = this.#lastTickMs;
    this.#arm(1);
    this.#turnTo(this.#lastTickMs, this.#graceMs === 0);
    this.#sleep();
  };

  #stall(lateMs: number): void {
    this.#notifyOfStall(this.#expectedMs - this.#stalledMs, lateMs);
    this.#stalledMs += lateMs;
    this.#graceMs = Math.min(GRACE_MS, this.#graceMs + lateMs);
    if (lateMs >= LONG_STALL_MS) this.#longStallEndedMs = this.#clock.now();
    this.#listener.stall(lateMs);
  }

  #notifyOfStall(sinceMs: number, lateMs: number): void {
    const moved: [WheelEntry, number][] = [];
    for (const slot of this.#slots) {
      for (let entry = slot.next; entry !== slot; entry = entry.next) {
        const dueMs = entry.task!.stalled?.(sinceMs, lateMs);
        if (dueMs !== undefined && dueMs < entry.dueTick * TICK_MS) moved.push([entry, dueMs]);
      }
    }
    for (const [entry, dueMs] of moved) {
      this.cancel(entry);
      this.#schedule(entry, dueMs);
    }
  }

  #turnTo(nowMs: number, mayExpire: boolean): void {
    const last = Math.floor(nowMs / TICK_MS);
    while (this.#currentTick < last) {
      this.#currentTick++;
      this.#detach(this.#slots[this.#currentTick % SLOTS]);
      for (let entry = this.#due.next; entry !== this.#due; entry = this.#due.next) {
        const later = entry.dueTick > this.#currentTick;
        const dueTick = entry.dueTick;
        this.cancel(entry);
        if (later) this.#insert(entry, dueTick);
        else this.#reschedule(entry, entry.task!.onDue(nowMs, mayExpire));
      }
    }
  }

  /** Moves the slot's ring to `#due`: an entry inserted into the slot meanwhile waits a revolution. */
  #detach(slot: WheelEntry): void {
    if (slot.next === slot) return;
    this.#due.next = slot.next;
    this.#due.previous = slot.previous;
    this.#due.next.previous = this.#due;
    this.#due.previous.next = this.#due;
    slot.next = slot.previous = slot;
  }

  #reschedule(entry: WheelEntry, dueMs: number): void {
    if (dueMs !== Infinity) this.#schedule(entry, dueMs);
  }

  #schedule(entry: WheelEntry, dueMs: number): void {
    this.#insert(entry, Math.max(this.#currentTick + 1, Math.ceil(dueMs / TICK_MS)));
  }

  #insert(entry: WheelEntry, dueTick: number): void {
    const slot = this.#slots[dueTick % SLOTS];
    entry.dueTick = dueTick;
    entry.previous = slot.previous;
    entry.next = slot;
    slot.previous.next = entry;
    slot.previous = entry;
  }
}
