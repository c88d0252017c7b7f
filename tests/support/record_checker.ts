/**
 * Checks what one client receives: of each channel the records 1, 2, 3 and so on, each once and in this
 * order, and none of another channel.
 *
 * @module
 */

/** What is published. */
export interface ChannelRecord {
  readonly channel: string;
  /** In the order of publication on the channel, from 1. */
  readonly number: number;
}

export class RecordChecker {
  /** What was wrong, in the order in which it was found. */
  readonly faults: string[] = [];
  readonly #newest: Map<string, number>;

  /** @param channels those that the client is subscribed to */
  constructor(channels: Iterable<string>) {
    this.#newest = new Map(Array.from(channels, (channel) => [channel, 0]));
  }

  /** Takes a record. @param channel the one whose subscription has received it */
  take(channel: string, record: ChannelRecord): void {
    const newest = this.#newest.get(channel);
    const { number } = record;
    if (newest === undefined || record.channel !== channel) {
      this.faults.push(`${channel}: got ${number} of ${record.channel}`);
      return;
    }
    if (number !== newest + 1) this.faults.push(`${channel}: got ${number} after ${newest}`);
    this.#newest.set(channel, Math.max(newest, number));
  }

  /** Whether the newest record of each channel has come. @param published how many there are */
  isComplete(published: ReadonlyMap<string, number>): boolean {
    return [...this.#newest].every(([channel, newest]) => newest === (published.get(channel) ?? 0));
  }
}
