/**
 * The history of all channels in memory, bounded: messages by their number in a channel, by age, and
 * by bytes over all channels; positions and the ids of publications by age and by the same bytes. What
 * is used least recently goes first: messages and ids before positions, and no position of a channel
 * that has a subscriber.
 *
 * A channel is in one of two lists, each in the order of use: those that keep messages, and those that
 * have a position alone. So each step of a removal takes constant time.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import type { TimerTask } from "../liveness/wheel.ts";
import type { Position, Publication } from "../message.ts";
import type { Placed } from "./broker.ts";
import { ChannelLog, sizeOf } from "./channel_log.ts";
import { keyBytes, PublishedIds } from "./published_ids.ts";

/**
 * How often memory of what has expired is released, ms; readers never see it. A message counts as older
 * than it is by so much at most: to read the clock at each takes longer than all else of `add()`.
 */
const SWEEP_MS = 1_000;

/** Positions looked at for one that may go: subscribed ones count as used and move to the end. */
const MAX_LOOKS = 16;

/** How much is kept. */
export interface HistoryBounds {
  /** Messages of a channel; 0: no channel keeps a history. */
  readonly historyMessages: number;
  /** How long a message is kept, ms. */
  readonly historyTtlMs: number;
  /** Messages, positions and ids of all channels together, bytes. */
  readonly historyBytes: number;
  /** How long the position of a channel without subscribers and messages is kept, ms. */
  readonly historyPositionTtlMs: number;
  /** How long the id of a publication is kept, ms; 0: not at all. */
  readonly dedupeMs: number;
}

export interface MemoryHistoryOptions extends HistoryBounds {
  readonly clock: Pick<Clock, "now">;
  /** Returns a UUID. */
  readonly newId: () => string;
  /** Whether a channel keeps a history. */
  readonly keeps: (channel: string) => boolean;
}

/** On the wheel from the start: `wheel.schedule(history, wheel.now())`. */
export class MemoryHistory implements TimerTask {
  readonly #options: MemoryHistoryOptions;
  readonly #logs = new Map<string, ChannelLog>();
  /** Heads of the lists. */
  readonly #withMessages = new ChannelLog("", "");
  readonly #positions = new ChannelLog("", "");
  readonly #ids = new PublishedIds();
  #bytes = 0;
  #evicted = 0;
  #evictedIds = 0;
  /** When the clock was last read, ms. */
  #nowMs: number;

  constructor(options: MemoryHistoryOptions) {
    this.#options = options;
    this.#nowMs = options.clock.now();
  }

  /** What is kept, bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Channels that have a position. */
  get channels(): number {
    return this.#logs.size;
  }

  /** Messages removed for `historyBytes` since the start. */
  get evicted(): number {
    return this.#evicted;
  }

  /** Ids of publications removed for `historyBytes` since the start. */
  get evictedIds(): number {
    return this.#evictedIds;
  }

  /** The log of a channel, made at the first call; undefined where the channel keeps none. */
  of(channel: string): ChannelLog | undefined {
    this.#nowMs = this.#options.clock.now();
    const log = this.#find(channel);
    if (log !== undefined) this.#use(log);
    this.#makeRoom();
    return log;
  }

  /**
   * Keeps a publication and gives it its offset, unless it is a repeat.
   *
   * @param key see `Broker.publish()`
   */
  add(publication: Publication, key?: string): Placed {
    const id = key === undefined || this.#options.dedupeMs === 0
      ? undefined
      : `${publication.channel.length}:${publication.channel}${key}`;
    const first = id === undefined ? undefined : this.#ids.get(id);
    if (first !== undefined) return { ...first, duplicate: true };
    const placed: Placed = { position: this.#keep(publication) };
    if (id !== undefined) {
      this.#ids.add(id, placed, this.#nowMs);
      this.#bytes += keyBytes(id);
    }
    this.#makeRoom();
    return placed;
  }

  #keep(publication: Publication): Position | undefined {
    const log = this.#find(publication.channel);
    if (log === undefined) return undefined;
    if (log.length >= this.#options.historyMessages) this.#shift(log);
    log.add(publication, this.#nowMs);
    this.#bytes += sizeOf(publication);
    this.#use(log);
    return { epoch: log.epoch, offset: log.offset };
  }

  /** The channel has a subscriber: its position stays. @returns as `of()` */
  subscribe(channel: string): ChannelLog | undefined {
    this.#nowMs = this.#options.clock.now();
    const log = this.#find(channel);
    if (log === undefined) return undefined;
    log.isSubscribed = true; // first, so that it is not what has to make room
    this.#use(log);
    this.#makeRoom();
    return log;
  }

  /** The channel has no subscriber any more. */
  unsubscribe(channel: string): void {
    const log = this.#logs.get(channel);
    if (log === undefined) return;
    this.#nowMs = this.#options.clock.now();
    log.isSubscribed = false;
    this.#use(log);
    this.#makeRoom();
  }

  /** Removes the messages of a channel. @returns false where it has no position */
  clear(channel: string): boolean {
    const log = this.#logs.get(channel);
    if (log === undefined) return false;
    while (log.length > 0) this.#shift(log);
    this.#use(log);
    return true;
  }

  /** Releases what has expired. */
  onDue(wheelMs: number): number {
    const { clock, historyTtlMs, historyPositionTtlMs, dedupeMs } = this.#options;
    const nowMs = this.#nowMs = clock.now();
    while (this.#ids.oldestMs + dedupeMs <= nowMs) this.#bytes -= this.#ids.shift();
    // Nothing in a log is newer than its last use, and the log used least recently comes first.
    for (;;) {
      const log = this.#withMessages.next;
      if (log === this.#withMessages || log.usedMs + historyTtlMs > nowMs) break;
      while (log.length > 0) this.#shift(log);
      log.moveTo(this.#positions);
    }
    for (;;) {
      const log = this.#positions.next;
      if (log === this.#positions || log.usedMs + historyPositionTtlMs > nowMs) break;
      if (log.isSubscribed) this.#use(log);
      else this.#drop(log);
    }
    return wheelMs + SWEEP_MS;
  }

  #find(channel: string): ChannelLog | undefined {
    const nowMs = this.#nowMs;
    const { keeps, newId, historyMessages, historyTtlMs, historyPositionTtlMs } = this.#options;
    let log = this.#logs.get(channel);
    if (log !== undefined) {
      while (log.oldestMs + historyTtlMs <= nowMs) this.#shift(log);
      const isIdle = log.length === 0 && !log.isSubscribed;
      if (!isIdle || log.usedMs + historyPositionTtlMs > nowMs) return log;
      this.#drop(log);
    } else if (historyMessages === 0 || !keeps(channel)) return undefined;
    log = new ChannelLog(channel, epochOf(newId()));
    this.#logs.set(channel, log);
    this.#bytes += log.bytes;
    return log;
  }

  #use(log: ChannelLog): void {
    log.usedMs = this.#nowMs;
    const list = log.length > 0 ? this.#withMessages : this.#positions;
    if (list.previous !== log) log.moveTo(list);
  }

  #makeRoom(): void {
    while (this.#bytes > this.#options.historyBytes && (this.#evict() || this.#dropOne()));
  }

  /** Removes the oldest message of the log used least recently, or an older id. @returns false: none */
  #evict(): boolean {
    const log = this.#withMessages.next;
    const usedMs = log === this.#withMessages ? Infinity : log.usedMs;
    if (this.#ids.oldestMs <= usedMs) {
      if (this.#ids.oldestMs === Infinity) return false;
      this.#bytes -= this.#ids.shift();
      this.#evictedIds++;
      return true;
    }
    this.#shift(log);
    this.#evicted++;
    if (log.length === 0) log.moveTo(this.#positions);
    return true;
  }

  /** Removes a position. @returns false when none of the first ones may go */
  #dropOne(): boolean {
    for (let looks = 0; looks < MAX_LOOKS; looks++) {
      const log = this.#positions.next;
      if (log === this.#positions) return false;
      if (!log.isSubscribed) {
        this.#drop(log);
        return true;
      }
      this.#use(log);
    }
    return false;
  }

  #shift(log: ChannelLog): void {
    this.#bytes -= log.shift();
  }

  #drop(log: ChannelLog): void {
    log.remove();
    this.#logs.delete(log.channel);
    this.#bytes -= log.bytes;
  }
}

/** The second half of a UUID: 62 random bits. */
function epochOf(id: string): string {
  return id.replaceAll("-", "").slice(16);
}
