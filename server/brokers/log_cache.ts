/**
 * The newest messages of channels whose history another process keeps, as far as this one needs them:
 * those of the channels that its hub has subscribers for. Bounded by their number in a channel, by age,
 * and by bytes over all channels; the log used least recently gives first, and is cut then: it has less
 * than the channel has kept.
 *
 * Pure state, but for the clock.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import type { TimerTask } from "../liveness/wheel.ts";
import type { Position, Publication } from "../message.ts";
import { ChannelLog, sizeOf } from "./channel_log.ts";
import type { HistoryBounds } from "./memory_history.ts";

/** How often memory of what has expired is released, ms. */
const SWEEP_MS = 1_000;

export interface LogCacheOptions
  extends Pick<HistoryBounds, "historyMessages" | "historyTtlMs" | "historyBytes"> {
  readonly clock: Pick<Clock, "now">;
}

/** On the wheel from the start, as a `MemoryHistory` is. */
export class LogCache implements TimerTask {
  readonly #options: LogCacheOptions;
  /** Heads of lists in the order of use: of the logs that have messages, and of the empty ones. */
  readonly #withMessages = new ChannelLog("", "");
  readonly #empty = new ChannelLog("", "");
  readonly #cut = new Set<ChannelLog>();
  #size = 0;
  #bytes = 0;
  #evicted = 0;

  constructor(options: LogCacheOptions) {
    this.#options = options;
  }

  /** What is kept, bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many logs there are. */
  get channels(): number {
    return this.#size;
  }

  /** Messages removed for `historyBytes` since the start. */
  get evicted(): number {
    return this.#evicted;
  }

  /** Opens the log of a channel. */
  open(channel: string, { epoch, offset }: Position): ChannelLog {
    const log = new ChannelLog(channel, epoch, offset);
    this.#size++;
    this.use(log);
    this.charge(log.bytes);
    return log;
  }

  /** The log is used: what has expired is removed, and others give first. */
  use(log: ChannelLog): void {
    const nowMs = log.usedMs = this.#options.clock.now();
    while (log.oldestMs + this.#options.historyTtlMs <= nowMs) this.#shift(log);
    const list = log.length > 0 ? this.#withMessages : this.#empty;
    if (list.previous !== log) log.moveTo(list);
  }

  /** Keeps the message that follows the newest one. @param ageMs how long ago it was published */
  add(log: ChannelLog, publication: Publication, ageMs = 0): void {
    const { historyMessages } = this.#options;
    if (log.length >= historyMessages) this.#shift(log);
    log.add(publication, this.#options.clock.now() - ageMs);
    this.use(log);
    this.charge(sizeOf(publication));
  }

  /** Removes the messages of a log up to an offset. */
  removeTo(log: ChannelLog, offset: number): void {
    while (log.length > 0 && log.first <= offset) this.#shift(log);
    this.use(log);
  }

  /** Empties a log, which goes on after another position. */
  restart(log: ChannelLog, position: Position): void {
    this.removeTo(log, log.offset);
    this.#cut.delete(log);
    log.restart(position);
  }

  /** Whether a log has all that its channel has kept. */
  isWhole(log: ChannelLog): boolean {
    return !this.#cut.has(log);
  }

  /** Removes a log. */
  close(log: ChannelLog): void {
    this.removeTo(log, log.offset);
    this.#cut.delete(log);
    log.remove();
    this.#size--;
    this.#bytes -= log.bytes;
  }

  /** Counts bytes that are kept elsewhere. @param bytes negative: not any more */
  charge(bytes: number): void {
    this.#bytes += bytes;
    while (this.#bytes > this.#options.historyBytes && this.#evict());
  }

  /** Releases what has expired. */
  onDue(wheelMs: number): number {
    const nowMs = this.#options.clock.now();
    // Nothing in a log is newer than its last use, and the log used least recently comes first.
    for (;;) {
      const log = this.#withMessages.next;
      if (log === this.#withMessages || log.usedMs + this.#options.historyTtlMs > nowMs) break;
      this.use(log);
    }
    return wheelMs + SWEEP_MS;
  }

  /** Removes the oldest message of the log used least recently. @returns false where there is none */
  #evict(): boolean {
    const log = this.#withMessages.next;
    if (log === this.#withMessages) return false;
    this.#shift(log);
    this.#cut.add(log);
    this.#evicted++;
    if (log.length === 0) log.moveTo(this.#empty);
    return true;
  }

  #shift(log: ChannelLog): void {
    this.#bytes -= log.shift();
  }
}
