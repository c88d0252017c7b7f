/**
 * The broker of a thread: the main thread places what is published and keeps the history. For each
 * channel that this thread's hub has subscribers for there is a log of what was delivered, which what
 * comes over the port keeps up: the port keeps the order and loses nothing. What the main thread has not
 * sent, since this thread was behind, comes later from the history, or as a gap.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import {
  type Broker,
  type ChannelHistory,
  type Deliver,
  type Later,
  type Placed,
  Unavailable,
} from "../brokers/broker.ts";
import { ChannelLog } from "../brokers/channel_log.ts";
import { LogCache } from "../brokers/log_cache.ts";
import type { HistoryBounds } from "../brokers/memory_history.ts";
import type { TimerTask } from "../liveness/wheel.ts";
import type { Publication, Relay } from "../message.ts";
import type { HostedMembers } from "./hosted_members.ts";
import {
  type CaughtUpItem,
  type ClearedItem,
  type KeptMessages,
  type PlacedItem,
  publicationBytes,
  type PublicationItem,
  type RelayItem,
  relayItem,
  type Subscribed,
} from "./hosted_messages.ts";
import type { PortLink } from "./port_link.ts";

/** Bytes that wait for the main thread; more publications are refused, more relayed texts are lost. */
const MAX_WAITING_BYTES = 1 << 24;

const NOT_KEPT: Placed = {};

/** A publication that waits for its place. */
interface Waiting {
  readonly publication: Publication;
  readonly resolve: (placed: Placed) => void;
  readonly reject: (error: Error) => void;
}

/** A channel that the hub has subscribers for. */
interface Subscription {
  readonly channel: string;
  /** Whether the main thread has answered: from then on it sends all. */
  isLive: boolean;
  /** What was delivered; undefined where the channel keeps no history. */
  log: ChannelLog | undefined;
  /** The answer that is waited for. */
  answer: Promise<ChannelHistory | undefined> | undefined;
}

export interface HostedBrokerOptions extends HistoryBounds {
  readonly link: PortLink;
  readonly clock: Pick<Clock, "now">;
  /** Whether a channel keeps a history. */
  readonly keeps: (channel: string) => boolean;
  readonly members: Pick<HostedMembers, "listener">;
}

/** On the wheel from the start: it releases what has expired in this thread. */
export class HostedBroker implements Broker, TimerTask {
  /** How often this thread was behind, and what it had missed was sent again. */
  holes = 0;
  /** Gaps that the hub was told of. */
  gaps = 0;
  /** Publications refused, and relayed texts lost, since too much waited for the main thread. */
  refused = 0;
  readonly #options: HostedBrokerOptions;
  readonly #cache: LogCache;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #waiting = new Map<number, Waiting>();
  /** Of channels whose log is not here. */
  readonly #readings = new Map<string, Promise<ChannelHistory | undefined>>();
  #published = 0;
  #deliver: Deliver | undefined;

  constructor(options: HostedBrokerOptions) {
    this.#options = options;
    this.#cache = new LogCache(options);
    const { link } = options;
    link.on("placed", (item: PlacedItem) => this.#placed(item));
    link.on("publication", (item: PublicationItem) => this.#publication(item));
    link.on("relay", ([, profile, text, sender]: RelayItem) => {
      this.#deliver?.({ kind: "relay", profile, text, sender });
    });
    link.on("cleared", ([, channel, offset]: ClearedItem) => {
      const log = this.#subscriptions.get(channel)?.log;
      if (log !== undefined) this.#cache.removeTo(log, offset);
    });
    link.on("caught up", ([, channel, kept]: CaughtUpItem) => this.#caughtUp(channel, kept));
  }

  /** What is kept in this thread, bytes. */
  get bytes(): number {
    return this.#cache.bytes;
  }

  /** Channels of which this thread has a log. */
  get channels(): number {
    return this.#cache.channels;
  }

  /** Messages that this thread gave up for its bytes, since the start; the main thread has kept them. */
  get evicted(): number {
    return this.#cache.evicted;
  }

  start(deliver: Deliver): Promise<void> {
    this.#deliver = deliver;
    return Promise.resolve();
  }

  publish(publication: Publication, key?: string): Later<Placed> {
    if (this.#deliver === undefined) return NOT_KEPT;
    const { channel, data, timestamp, by } = publication;
    const bytes = publicationBytes(publication);
    if (!this.#hasRoom(bytes)) {
      return Promise.reject(new Unavailable("too many publications wait for the main thread"));
    }
    const id = ++this.#published;
    this.#options.link.send(["publish", id, channel, data, timestamp, by, key], bytes);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { publication, resolve, reject });
    });
  }

  relay(relay: Relay): void {
    if (this.#deliver === undefined) return;
    const bytes = 2 * relay.text.length;
    if (this.#hasRoom(bytes)) this.#options.link.send(relayItem(relay), bytes);
  }

  subscribe(channel: string): Later<ChannelHistory | undefined> {
    const subscription = this.#subscriptions.get(channel);
    if (subscription === undefined) return this.#join(channel);
    const { isLive, log, answer } = subscription;
    if (!isLive) return answer!;
    if (log === undefined) return undefined;
    return this.#whole(log) ?? this.#read(channel);
  }

  unsubscribe(channel: string): void {
    const subscription = this.#subscriptions.get(channel);
    if (subscription === undefined) return;
    this.#subscriptions.delete(channel);
    if (subscription.log !== undefined) this.#cache.close(subscription.log);
    this.#options.link.send(["unsubscribe", channel], 2 * channel.length);
  }

  history(channel: string): Later<ChannelHistory | undefined> {
    if (!this.#options.keeps(channel)) return undefined;
    const { isLive, log } = this.#subscriptions.get(channel) ?? {};
    const here = isLive && log !== undefined ? this.#whole(log) : undefined;
    return here ?? this.#readings.get(channel) ?? this.#read(channel);
  }

  clear(channel: string): Later<boolean> {
    if (!this.#options.keeps(channel)) return false;
    return this.#options.link.ask("clear", channel);
  }

  close(): Promise<void> {
    this.#deliver = undefined;
    for (const { reject } of this.#waiting.values()) {
      reject(new Unavailable("the thread has stopped"));
    }
    this.#waiting.clear();
    for (const channel of this.#subscriptions.keys()) this.unsubscribe(channel);
    return Promise.resolve();
  }

  onDue(wheelMs: number): number {
    return this.#cache.onDue(wheelMs);
  }

  #hasRoom(bytes: number): boolean {
    const hasRoom = this.#options.link.unacknowledgedBytes + bytes <= MAX_WAITING_BYTES;
    if (!hasRoom) this.refused++;
    return hasRoom;
  }

  /** The log of a channel, if it has all that is kept. */
  #whole(log: ChannelLog): ChannelHistory | undefined {
    if (!this.#cache.isWhole(log)) return undefined;
    this.#cache.use(log);
    return log;
  }

  #join(channel: string): Promise<ChannelHistory | undefined> {
    const subscription: Subscription = {
      channel,
      isLive: false,
      log: undefined,
      answer: undefined,
    };
    this.#subscriptions.set(channel, subscription);
    return subscription.answer = new Promise((resolve, reject) => {
      const take = ({ kept, members }: Subscribed) => {
        if (this.#subscriptions.get(channel) !== subscription) {
          return reject(new Unavailable("it is not subscribed any more"));
        }
        subscription.isLive = true;
        subscription.answer = undefined;
        if (kept !== undefined) {
          subscription.log = this.#cache.open(channel, { ...kept, offset: kept.first - 1 });
          for (const message of messagesOf(channel, kept)) this.#add(subscription.log, message);
        }
        this.#options.members.listener.known(channel, members);
        resolve(subscription.log);
      };
      this.#options.link.call("subscribe", channel, { take, fail: reject });
    });
  }

  /** Reads all that a channel has kept, and fills its log, if there is one. */
  #read(channel: string): Promise<ChannelHistory | undefined> {
    const reading = new Promise<ChannelHistory | undefined>((resolve, reject) => {
      const take = (kept: KeptMessages | undefined) => {
        if (kept === undefined) return resolve(undefined);
        const { isLive, log } = this.#subscriptions.get(channel) ?? {};
        if (!isLive || log === undefined) return resolve(logOf(channel, kept, this.#options.clock));
        // What follows comes after this answer: the log is where the history is.
        this.#cache.restart(log, { ...kept, offset: kept.first - 1 });
        for (const message of messagesOf(channel, kept)) this.#add(log, message);
        resolve(log);
      };
      this.#options.link.call("history", channel, { take, fail: reject });
    });
    this.#readings.set(channel, reading);
    const end = () => void this.#readings.delete(channel);
    reading.then(end, end);
    return reading;
  }

  #add(log: ChannelLog, { publication, ageMs }: Aged): void {
    this.#cache.add(log, publication, ageMs);
  }

  #placed([, id, epoch, offset, outcome]: PlacedItem): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return; // this thread has stopped
    this.#waiting.delete(id);
    if (outcome === "delivered") this.#receive(waiting.publication);
    const position = epoch === undefined ? undefined : { epoch, offset: offset! };
    waiting.resolve(outcome === "duplicate" ? { position, duplicate: true } : { position });
  }

  #publication([, channel, data, timestamp, by, offset]: PublicationItem): void {
    this.#receive({ kind: "publication", channel, data, timestamp, by, offset });
  }

  /** What comes before the answer to a subscription is in the answer. */
  #receive(publication: Publication): void {
    const subscription = this.#subscriptions.get(publication.channel);
    if (subscription === undefined || !subscription.isLive) return;
    if (subscription.log !== undefined) this.#cache.add(subscription.log, publication);
    this.#deliver?.(publication);
  }

  #caughtUp(channel: string, kept: KeptMessages | undefined): void {
    const { isLive, log } = this.#subscriptions.get(channel) ?? {};
    if (!isLive) return;
    this.holes++;
    if (log === undefined || kept === undefined) return this.#tellGap(channel);
    if (kept.first > log.offset + 1) {
      this.#cache.restart(log, { ...kept, offset: kept.first - 1 });
      this.#tellGap(channel, log);
    }
    for (const message of messagesOf(channel, kept)) {
      this.#add(log, message);
      this.#deliver?.(message.publication);
    }
  }

  #tellGap(channel: string, log?: ChannelLog): void {
    this.gaps++;
    this.#deliver?.({ kind: "gap", channel, epoch: log?.epoch, offset: log?.offset });
  }
}

interface Aged {
  readonly publication: Publication;
  readonly ageMs: number;
}

function messagesOf(channel: string, { data: all, timestamps, by, agesMs }: KeptMessages): Aged[] {
  return all.map((data, i) => ({
    publication: {
      kind: "publication",
      channel,
      data,
      timestamp: timestamps[i],
      by: by?.[i],
      offset: undefined,
    },
    ageMs: agesMs[i],
  }));
}

function logOf(channel: string, kept: KeptMessages, clock: Pick<Clock, "now">): ChannelLog {
  const log = new ChannelLog(channel, kept.epoch, kept.first - 1);
  const nowMs = clock.now();
  for (const { publication, ageMs } of messagesOf(channel, kept)) {
    log.add(publication, nowMs - ageMs);
  }
  return log;
}
