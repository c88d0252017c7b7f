/**
 * Subscriptions that read what they have missed from the history of their channel, each with a cursor.
 * A replay goes on as its socket drains, half a send queue at a time, and ends when the cursor meets the
 * newest message: from then on the subscription is live. Until then the fan-out leaves it out, so that
 * nothing is queued or copied for it.
 *
 * Called by the hub alone.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import type { ChannelHistory } from "../brokers/broker.ts";
import type { Publication } from "../message.ts";
import type { Profile } from "../profiles/profile.ts";
import { textFrame } from "../transport/text_frame.ts";
import { BYTES_PER_RECEIVER } from "./fan_out.ts";
import type { LeftOut } from "./left_out.ts";
import type { Subscriber } from "./subscription_registry.ts";

/** Messages of one channel before the next channel of the same connection gets its turn. */
const MESSAGES_PER_CHANNEL = 16;

/** Frames that replays of one turn share, at most. */
const MAX_SHARED_FRAMES = 1_024;

/** A subscription that catches up. */
interface Cursor {
  readonly channel: string;
  readonly history: ChannelHistory;
  /** The epoch that `next` belongs to. */
  epoch: string;
  /** The offset that it needs next. */
  next: number;
}

/** The replays of one connection. */
interface Connection {
  /** In the order of their turns. */
  readonly cursors: Map<string, Cursor>;
  /** One for all its waits. */
  readonly onDrained: () => void;
}

export interface ReplaysOptions {
  readonly clock: Pick<Clock, "turn">;
  /** Those that catch up are in it. */
  readonly leftOut: LeftOut;
  /** Makes the hub call `goOn()` between two commands. */
  readonly requestTurn: (subscriber: Subscriber) => void;
}

export class Replays {
  readonly #options: ReplaysOptions;
  readonly #connections = new Map<Subscriber, Connection>();
  /** Those who return at the same time read the same messages. */
  readonly #frames = new Map<Publication, Uint8Array>();
  /** Of the shared frames. */
  #profile: Profile | undefined;
  #replayed = 0;

  constructor(options: ReplaysOptions) {
    this.#options = options;
  }

  /** Messages replayed since the start. */
  get replayed(): number {
    return this.#replayed;
  }

  /** The last offset that a subscription has got, while it catches up; undefined: it does not. */
  offsetOf(subscriber: Subscriber, channel: string): number | undefined {
    const cursor = this.#connections.get(subscriber)?.cursors.get(channel);
    if (cursor === undefined) return undefined;
    const { next, epoch, history } = cursor;
    return (epoch === history.epoch ? next : history.first) - 1;
  }

  /** Begins a replay for a new subscription. @returns how much work it was */
  start(
    subscriber: Subscriber,
    { channel, history, from }: { channel: string; history: ChannelHistory; from: number },
  ): number {
    let connection = this.#connections.get(subscriber);
    if (connection === undefined) {
      const onDrained = () => this.#options.requestTurn(subscriber);
      this.#connections.set(subscriber, connection = { cursors: new Map(), onDrained });
    }
    connection.cursors.set(channel, { channel, history, epoch: history.epoch, next: from });
    this.#options.leftOut.add(subscriber, channel);
    return this.goOn(subscriber);
  }

  /** Ends the replay of a subscription, if there is one: it is live, or has ended. */
  stop(subscriber: Subscriber, channel: string): void {
    const cursors = this.#connections.get(subscriber)?.cursors;
    if (!cursors?.delete(channel)) return;
    if (cursors.size === 0) this.#connections.delete(subscriber);
    this.#options.leftOut.remove(subscriber, channel);
  }

  /** Ends all replays of a connection. */
  remove(subscriber: Subscriber): void {
    const cursors = this.#connections.get(subscriber)?.cursors;
    for (const channel of cursors?.keys() ?? []) this.stop(subscriber, channel);
  }

  /** Queues as much as there is room for, channels in turn. @returns how much work it was */
  goOn(subscriber: Subscriber): number {
    const connection = this.#connections.get(subscriber);
    let work = 0;
    while (connection !== undefined && connection.cursors.size > 0) {
      const [cursor] = connection.cursors.values();
      const read = this.#read(subscriber, cursor);
      work += read.work;
      switch (read.kind) {
        case "live":
          this.stop(subscriber, cursor.channel);
          break;
        case "turn":
          connection.cursors.delete(cursor.channel);
          connection.cursors.set(cursor.channel, cursor);
          break;
        case "full":
          subscriber.writePump.onceDrained(connection.onDrained);
          return work;
        case "closed":
          return work;
      }
    }
    return work;
  }

  /** Queues the next messages of one channel. */
  #read(
    subscriber: Subscriber,
    cursor: Cursor,
  ): { kind: "live" | "turn" | "full" | "closed"; work: number } {
    const { history } = cursor;
    let work = 1;
    for (let messages = 0; messages < MESSAGES_PER_CHANNEL; messages++) {
      if (cursor.next < history.first || cursor.epoch !== history.epoch) {
        const lost = this.#tellGap(subscriber, cursor);
        if (lost !== "queued") return { kind: lost, work };
      }
      const publication = history.at(cursor.next);
      if (publication === undefined) return { kind: "live", work };
      const frame = this.#frameOf(publication, subscriber.profile);
      if (frame !== undefined) {
        const queued = subscriber.writePump.replay(frame);
        if (queued !== "queued") return { kind: queued, work };
        work += 1 + frame.length / BYTES_PER_RECEIVER;
        this.#replayed++;
      }
      cursor.next++;
    }
    return { kind: "turn", work };
  }

  #tellGap(subscriber: Subscriber, cursor: Cursor): "queued" | "full" | "closed" {
    const { channel, history: { epoch, first } } = cursor;
    const text = subscriber.session.notify({ kind: "gap", channel, epoch, offset: first - 1 });
    const queued = text === undefined ? "queued" : subscriber.writePump.replay(textFrame(text));
    if (queued !== "queued") return queued;
    cursor.epoch = epoch;
    cursor.next = first;
    return queued;
  }

  #frameOf(publication: Publication, profile: Profile): Uint8Array | undefined {
    if (profile !== this.#profile || this.#frames.size >= MAX_SHARED_FRAMES) this.#frames.clear();
    this.#profile = profile;
    let frame = this.#frames.get(publication);
    if (frame !== undefined) return frame;
    const text = profile.publication(publication);
    if (text === undefined) return undefined;
    frame = textFrame(text);
    if (this.#frames.size === 0) this.#options.clock.turn(this.#endTurn);
    this.#frames.set(publication, frame);
    return frame;
  }

  readonly #endTurn = (): void => {
    this.#frames.clear();
  };
}
