/**
 * The timing wheel: one timer for all connections. Each has a place on the wheel at the time it
 * wants to be looked at; moving its deadline moves no timer. Owns the server's sense of time and of
 * its own lateness: time on the wheel leaves out the server's stalls, so a deadline set before a
 * stall is as far away after it as it was before.
 *
 * @module
 */

import type { Cancel, Clock } from "../base/clock.ts";

/** From tick to tick, ms. */
export const TICK_MS = 25;

/**
 * A tick so much overdue is a stall, ms. Below it, lateness is noise of the machine, for which the
 * published detection bound has room (measured with slots of 50 ms and stalls from 100 ms: on a busy
 * machine peers were found up to 150 ms after their deadline, without a stall).
 */
export const STALL_MS = 70;

/**
 * The most on-time ticks after stalls before a connection may time out, ms of them: after a stall one turn
 * reads only about a thousand waiting sockets (measured on two cores). What a shorter stall leaves
 * unread is less: it delays timeouts for as long as it lasted. So they happen, however often the
 * loop stalls, as long as it runs for more than half of the time, or now and then for 275 ms.
 */
const GRACE_MS = 250;

/** A stall that a client would notice, and may leave because of, ms. */
const STANDSTILL_MS = 1_000;

/** Slots on the wheel: 51 s a revolution. Who is due later is passed over until then. */
const SLOTS = 2_048;

/** What stands on the wheel. */
export interface TimerTask {
  /**
   * Called when due. MUST NOT throw.
   *
   * @param nowMs time on the wheel
   * @param mayExpire false after a stall: no connection may time out
   * @returns when to be called next, time on the wheel; Infinity to stay away
   */
  onDue(nowMs: number, mayExpire: boolean): number;
  /**
   * The event loop stalled: called for all entries, due or not. MUST NOT throw, schedule or cancel.
   *
   * @param sinceMs when that began, time on the wheel
   * @param stalledMs how long it lasted
   */
  stalled?(sinceMs: number, stalledMs: number): void;
}

/** What the wheel observes of the server itself. */
export interface WheelListener {
  /** Each tick: how late it came, ms. */
  tick(lateMs: number): void;
  /** A stall has ended. */
  stall(lateMs: number): void;
}

/** One member's place; its neighbours make each slot a ring, so that leaving costs nothing. */
export class WheelEntry {
  /** The tick it is due at. */
  dueTick = 0;
  /** Neighbours in the ring; itself when alone. */
  previous: WheelEntry = this;
  next: WheelEntry = this;

  /** Alone at first. @param member undefined for the head of a slot */
  constructor(readonly member: TimerTask | undefined) {}
}

export class Wheel {
  readonly #clock: Clock;
  readonly #listener: WheelListener;
  readonly #slots: WheelEntry[] = Array.from({ length: SLOTS }, () => new WheelEntry(undefined));
  readonly #due = new WheelEntry(undefined);
  #stalledMs = 0;
  #lastTickMs: number;
  #expectedMs = 0;
  #handTick = 0;
  /** What is left of it, ms of on-time ticks. */
  #graceMs = 0;
  #decidingSinceMs = -Infinity;
  #ticks = 0;
  #standstillEndedMs = -Infinity;
  #cancelTick: Cancel | undefined;

  /** Stands still until `start()`. */
  constructor(clock: Clock, listener: WheelListener) {
    this.#clock = clock;
    this.#listener = listener;
    this.#lastTickMs = clock.now();
    this.#handTick = Math.floor(this.#lastTickMs / TICK_MS);
  }

  /**
   * Time on the wheel, ms: monotonic, less all stalls. A stall that goes on right now is left out
   * too, so what is read before the wheel notices is not stamped with the future.
   */
  now(): number {
    return Math.min(this.#clock.now() - this.#stalledMs, this.#lastTickMs + TICK_MS + STALL_MS);
  }

  /** Ticks so far: from one to the next the event loop has gone round at least once. */
  get ticks(): number {
    return this.#ticks;
  }

  /** How long ago the last stall ended that a client would notice, ms of the machine's time. */
  get sinceStandstillMs(): number {
    return this.#clock.now() - this.#standstillEndedMs;
  }

  /** Since which tick timeouts are allowed without a break, time on the wheel: no stall delayed later ones. */
  get decidingSinceMs(): number {
    return this.#decidingSinceMs;
  }

  /** Starts to turn. */
  start(): void {
    this.#lastTickMs = this.#clock.now() - this.#stalledMs;
    this.#arm();
  }

  /** Stops turning. */
  stop(): void {
    this.#cancelTick?.();
    this.#cancelTick = undefined;
  }

  /** Puts a member on the wheel. @param dueMs time on the wheel */
  schedule(member: TimerTask, dueMs: number): WheelEntry {
    const place = new WheelEntry(member);
    this.#place(place, dueMs);
    return place;
  }

  /** Takes it off again. Idempotent. */
  cancel(place: WheelEntry): void {
    place.previous.next = place.next;
    place.next.previous = place.previous;
    place.previous = place.next = place;
    place.dueTick = Infinity;
  }

  /**
   * The next tick falls where a slot ends, not a whole tick from now: a tick that drifts across the
   * slots comes up to a tick after them, on top of the slot's own (measured with slots of 50 ms:
   * 13 % of 1500 dead peers were found up to 19 ms too late).
   */
  #arm(): void {
    const nowMs = this.#clock.now();
    const waitMs = Math.ceil(TICK_MS - (nowMs - this.#stalledMs) % TICK_MS);
    this.#expectedMs = nowMs + waitMs;
    this.#cancelTick = this.#clock.after(waitMs, this.#tick);
  }

  readonly #tick = (): void => {
    const lateMs = Math.max(0, this.#clock.now() - this.#expectedMs);
    const isGrace = this.#graceMs > 0;
    if (lateMs > STALL_MS) this.#stall(lateMs);
    else if (isGrace) this.#graceMs = Math.max(0, this.#graceMs - TICK_MS);
    this.#listener.tick(lateMs);
    this.#ticks++;
    this.#lastTickMs = this.#clock.now() - this.#stalledMs;
    if (isGrace) this.#decidingSinceMs = this.#lastTickMs;
    this.#arm();
    this.#turnTo(this.#lastTickMs, this.#graceMs === 0);
  };

  #stall(lateMs: number): void {
    this.#notifyOfStall(this.#expectedMs - this.#stalledMs, lateMs);
    this.#stalledMs += lateMs;
    this.#graceMs = Math.min(GRACE_MS, this.#graceMs + lateMs);
    if (lateMs >= STANDSTILL_MS) this.#standstillEndedMs = this.#clock.now();
    this.#listener.stall(lateMs);
  }

  #notifyOfStall(sinceMs: number, lateMs: number): void {
    for (const slot of this.#slots) {
      for (let place = slot.next; place !== slot; place = place.next) {
        place.member!.stalled?.(sinceMs, lateMs);
      }
    }
  }

  #turnTo(nowMs: number, mayExpire: boolean): void {
    const last = Math.floor(nowMs / TICK_MS);
    while (this.#handTick < last) {
      this.#handTick++;
      this.#gather(this.#slots[this.#handTick % SLOTS]);
      for (let place = this.#due.next; place !== this.#due; place = this.#due.next) {
        const later = place.dueTick > this.#handTick;
        const dueTick = place.dueTick;
        this.cancel(place);
        if (later) this.#insert(place, dueTick);
        else this.#replace(place, place.member!.onDue(nowMs, mayExpire));
      }
    }
  }

  /** Moves a slot's ring aside, so that an entry that is placed there anew waits for the next revolution. */
  #gather(slot: WheelEntry): void {
    if (slot.next === slot) return;
    this.#due.next = slot.next;
    this.#due.previous = slot.previous;
    this.#due.next.previous = this.#due;
    this.#due.previous.next = this.#due;
    slot.next = slot.previous = slot;
  }

  #replace(place: WheelEntry, dueMs: number): void {
    if (dueMs !== Infinity) this.#place(place, dueMs);
  }

  #place(place: WheelEntry, dueMs: number): void {
    this.#insert(place, Math.max(this.#handTick + 1, Math.ceil(dueMs / TICK_MS)));
  }

  #insert(place: WheelEntry, dueTick: number): void {
    const slot = this.#slots[dueTick % SLOTS];
    place.dueTick = dueTick;
    place.previous = slot.previous;
    place.next = slot;
    slot.previous.next = place;
    slot.previous = place;
  }
}
