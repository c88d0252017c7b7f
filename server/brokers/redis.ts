/**
 * The broker of several nodes: Redis carries what is published to all of them, and keeps the history.
 *
 * While Redis is away, a publication that has not left this node is delivered to the subscribers here
 * alone, and its channel gets a gap at all nodes once Redis is back. One that was written and not
 * answered may have been published: it is refused, and its publisher repeats it under its key.
 *
 * @module
 */

import type { Cancel, Clock } from "../base/clock.ts";
import type { TimerTask } from "../liveness/wheel.ts";
import type { Logger } from "../logging/logging.ts";
import type { Position, Publication, Relay } from "../message.ts";
import {
  type Broker,
  type ChannelHistory,
  type Deliver,
  type Later,
  type Placed,
  Unavailable,
} from "./broker.ts";
import { ChannelLog } from "./channel_log.ts";
import { LogCache } from "./log_cache.ts";
import type { HistoryBounds } from "./memory_history.ts";
import { RedisAdmissionRate } from "./redis_admission_rate.ts";
import { RedisChannels } from "./redis_channels.ts";
import { type Engine, RedisEngines } from "./redis_engines.ts";
import { RedisLimits } from "./redis_limits.ts";
import { RedisMembers } from "./redis_members.ts";
import { RedisPeers } from "./redis_peers.ts";
import type { RedisLocation, RedisPlatform } from "../redis/connection.ts";
import { type ChannelKeys, channelKeys, type HubKeys, hubKeys } from "../redis/keys.ts";
import { GAP_TEXT, parseRelay, publicationText, relayText, unkeptText } from "./redis_messages.ts";
import { channelReader, type ReadChannel } from "./redis_reader.ts";

/** Bytes of publications that wait for Redis; more are refused. */
const MAX_UNANSWERED_BYTES = 1 << 24;

/** What a publication takes beside its data until it is answered, bytes. */
const UNANSWERED_BYTES = 1_024;

/** Channels that a gap is due for; publications on others are refused. */
const MAX_DUE_GAPS = 10_000;

/** ioredis' error for a command that was not written. */
const NOT_WRITTEN = "Stream isn't writeable";

/** How long after a gap that Redis has refused it is told again, ms. */
const GAPS_AGAIN_MS = 5_000;

const NOT_KEPT: Placed = {};

/** How often a publication is sent to another primary of a cluster. */
const MAX_MOVES = 20;

/** A publication on its way. */
interface Sending {
  readonly keys: ChannelKeys;
  readonly key: string | undefined;
  /** What it takes until it is answered. */
  readonly bytes: number;
}

export interface RedisBrokerOptions extends HistoryBounds, RedisLocation, RedisPlatform {
  /** Whether publications are refused while Redis is away. */
  readonly isRequired: boolean;
  /** See `ADMISSION_PER_SECOND` in options.md. */
  readonly admissionPerSecond: number;
  readonly clock: Clock;
  /** Returns a UUID. */
  readonly newId: () => string;
  /** Whether a channel keeps a history. */
  readonly keeps: (channel: string) => boolean;
  readonly log: Logger;
}

/** On the wheel from the start: it releases what has expired in this node. */
export class RedisBroker implements Broker, TimerTask {
  /** The other processes of the hub. */
  readonly nodes: RedisPeers;
  /** Who is on which channel there. */
  readonly members: RedisMembers;
  /** What keys may do on all nodes together. */
  readonly limits: RedisLimits;
  /** Sessions a second of all processes. */
  readonly admissionRate: RedisAdmissionRate;
  readonly #options: RedisBrokerOptions;
  readonly #hubKeys: HubKeys;
  readonly #cache: LogCache;
  readonly #engines: RedisEngines;
  readonly #channels: RedisChannels;
  readonly #read: ReadChannel;
  /** What this node's own names begin with. */
  readonly #node: string;
  /** Of channels whose log is not here. */
  readonly #readings = new Map<string, Promise<ChannelHistory>>();
  readonly #dueGaps = new Set<string>();
  #cancelGaps: Cancel | undefined;
  #deliver: Deliver | undefined;
  #closed: Promise<void> | undefined;
  #epochs = 0;
  #unansweredBytes = 0;
  #degraded = 0;

  constructor(options: RedisBrokerOptions) {
    const { newId, prefix, historyTtlMs, historyPositionTtlMs } = options;
    const positionTtlMs = Math.max(historyPositionTtlMs, historyTtlMs);
    this.#options = { ...options, historyPositionTtlMs: positionTtlMs };
    this.#node = newId().replaceAll("-", "").slice(16);
    const keys = this.#hubKeys = hubKeys(prefix);
    this.#cache = new LogCache(options);
    const nodesNames = [keys.nodes, `${keys.nodes}:${this.#node}`];
    const engines = this.#engines = new RedisEngines({
      ...options,
      node: this.#node,
      keys,
      names: [keys.relay, ...nodesNames],
      onMessage: (name, text, engine) => {
        if (name === keys.relay) this.#deliver?.(parseRelay(text));
        else if (nodesNames.includes(name)) this.nodes.receive(text);
        else this.#channels.receive(name, text, engine);
      },
      onConnected: (engine) => this.#channels.connected(engine),
      onInterrupted: (engine) => {
        this.#channels.interrupted(engine);
        this.members.listener.interrupted();
      },
      onUp: () => this.#restored(),
      onMoved: () => this.#channels.moved(),
    });
    const ofNode = { ...options, node: this.#node, keys, engines };
    const members = this.members = new RedisMembers({
      ...ofNode,
      onHeard: (node) => this.nodes.heard(node),
    });
    const limits = this.limits = new RedisLimits(ofNode);
    this.nodes = new RedisPeers({
      ...options,
      id: this.#node,
      keys,
      engines,
      onGone: (node) => members.listener.gone(node),
      repeat() {
        void members.repeat();
        void limits.repeat();
      },
    });
    this.admissionRate = new RedisAdmissionRate({
      ...options,
      perSecond: options.admissionPerSecond,
      keys,
      engines,
      nodes: () => this.nodes.count,
    });
    this.#read = channelReader({ ...this.#options, engines, newEpoch: () => this.#newEpoch() });
    this.#channels = new RedisChannels({
      ...options,
      engines,
      cache: this.#cache,
      positionTtlMs,
      read: this.#read,
      members,
      deliver: (broadcast) => this.#deliver?.(broadcast),
    });
  }

  get isDegraded(): boolean {
    return !this.#engines.isUp;
  }

  /** What is kept in this node, bytes. */
  get bytes(): number {
    return this.#cache.bytes;
  }

  /** Channels of which this node has a log. */
  get channels(): number {
    return this.#cache.channels;
  }

  /** Messages that this node gave up for `historyBytes`, since the start; Redis has kept them. */
  get evicted(): number {
    return this.#cache.evicted;
  }

  /** Publications that reached the subscribers of this node alone, since the start. */
  get degraded(): number {
    return this.#degraded;
  }

  /** How often the connection was lost, since the start. */
  get losses(): number {
    return this.#engines.losses;
  }

  /** How often pub/sub had lost messages that the stream had, since the start. */
  get holes(): number {
    return this.#channels.holes;
  }

  /** Gaps that the hub was told of, since the start. */
  get gaps(): number {
    return this.#channels.gaps;
  }

  async start(deliver: Deliver): Promise<void> {
    this.#deliver = deliver;
    await this.#engines.start();
    if (this.#deliver !== undefined) this.nodes.start();
  }

  publish(publication: Publication, key?: string): Later<Placed> {
    if (this.#deliver === undefined) return NOT_KEPT;
    const keys = this.#keysOf(publication.channel);
    const { run, returning } = this.#engines.of(keys.live);
    if (run === undefined && returning === undefined) return this.#publishHere(publication);
    const bytes = UNANSWERED_BYTES + 2 * publication.data.length;
    if (this.#unansweredBytes + bytes > MAX_UNANSWERED_BYTES) {
      return Promise.reject(new Unavailable("too many publications wait for Redis"));
    }
    return this.#publish(publication, { keys, key, bytes });
  }

  relay(relay: Relay): void {
    const { relay: name } = this.#hubKeys;
    const engine = this.#engines.of(name);
    const { run, returning } = engine;
    if (returning !== undefined) void returning.then(() => this.relay(relay));
    else if (run === undefined) this.#deliver?.(relay);
    else engine.publish(name, relayText(relay)).catch(() => {});
  }

  subscribe(channel: string, since?: Position): Later<ChannelHistory | undefined> {
    return this.#channels.subscribe(channel, since);
  }

  unsubscribe(channel: string): void {
    this.#channels.unsubscribe(channel);
  }

  history(channel: string, since?: Position): Later<ChannelHistory | undefined> {
    if (!this.#options.keeps(channel)) return undefined;
    const here = this.#channels.historyOf(channel, since) ?? this.#readings.get(channel);
    if (here !== undefined) return here;
    const reading = this.#readHistory(channel).finally(() => this.#readings.delete(channel));
    this.#readings.set(channel, reading);
    return reading;
  }

  async clear(channel: string): Promise<boolean> {
    if (!this.#options.keeps(channel)) return false;
    const { position, messages, live } = this.#keysOf(channel);
    try {
      return await this.#engines.of(live).commands.clearChannel(position, messages, live) === 1;
    } catch (cause) {
      throw new Unavailable("Redis has not answered", { cause });
    }
  }

  close(): Promise<void> {
    this.#deliver = undefined;
    this.#cancelGaps?.();
    this.#channels.close();
    this.members.close();
    this.limits.close();
    return this.#closed ??= this.nodes.close().then(() => this.#engines.close());
  }

  onDue(wheelMs: number): number {
    return this.#cache.onDue(wheelMs);
  }

  async #publish(
    publication: Publication,
    { keys, key, bytes }: Sending,
  ): Promise<Placed> {
    this.#unansweredBytes += bytes;
    try {
      for (let moves = 0;;) {
        const engine = this.#engines.of(keys.live);
        if (engine.returning !== undefined) await engine.returning;
        if (this.#deliver === undefined) throw new Unavailable("this node has ended");
        if (engine.run === undefined) return await this.#publishHere(publication);
        try {
          return this.#options.keeps(publication.channel)
            ? await this.#publishKept(publication, { engine, keys, key })
            : await this.#publishUnkept(publication, { engine, keys, key });
        } catch (error) {
          if (error instanceof Error && error.message.startsWith(NOT_WRITTEN)) {
            engine.expectReturn();
          } else if (this.#engines.isMoved(error) && moves++ < MAX_MOVES) {
            await this.#engines.look();
          } else throw error;
        }
      }
    } catch (cause) {
      if (cause instanceof Unavailable) throw cause;
      this.#engines.warnOf(cause);
      throw new Unavailable("Redis has not answered", { cause });
    } finally {
      this.#unansweredBytes -= bytes;
    }
  }

  async #publishKept(
    publication: Publication,
    { engine, keys, key }: Omit<Sending, "bytes"> & { readonly engine: Engine },
  ): Promise<Placed> {
    const place = await this.#keep(engine, { keys, key, text: publicationText(publication) });
    const isRepeat = place.startsWith("=");
    const [epoch, offset] = place.slice(isRepeat ? 1 : 0).split(" ");
    const placed = { position: { epoch, offset: Number(offset) } };
    return isRepeat ? { ...placed, duplicate: true } : placed;
  }

  /** Appends a text to what a channel has kept, and publishes it. @returns see the script */
  #keep(
    { commands, run }: Engine,
    { keys, key, text }: Omit<Sending, "bytes"> & { readonly text: string },
  ): Promise<string> {
    const { historyMessages, historyTtlMs, historyPositionTtlMs, dedupeMs } = this.#options;
    const { position, messages, live, id } = keys;
    return commands.publishKept(
      position,
      messages,
      key === undefined ? position : id(key),
      run!,
      this.#newEpoch(),
      historyMessages,
      historyTtlMs,
      historyPositionTtlMs,
      key === undefined ? 0 : dedupeMs,
      live,
      text,
    );
  }

  async #publishUnkept(
    publication: Publication,
    { engine, keys: { id, live }, key }: Omit<Sending, "bytes"> & { readonly engine: Engine },
  ): Promise<Placed> {
    const { dedupeMs } = this.#options;
    const text = unkeptText(publication);
    if (key === undefined || dedupeMs === 0) {
      await engine.publish(live, text);
      return NOT_KEPT;
    }
    const isFirst = await engine.commands.publishOnce(id(key), dedupeMs, live, text) === 1;
    return isFirst ? NOT_KEPT : { position: undefined, duplicate: true };
  }

  /** Redis is away. */
  #publishHere(publication: Publication): Later<Placed> {
    const { channel } = publication;
    const isFull = !this.#dueGaps.has(channel) && this.#dueGaps.size >= MAX_DUE_GAPS;
    if (this.#options.isRequired || isFull) {
      return Promise.reject(new Unavailable("Redis is away"));
    }
    this.#dueGaps.add(channel);
    this.#degraded++;
    this.#deliver?.(publication);
    return { degraded: true };
  }

  /** Redis is back. */
  #restored(): void {
    this.#channels.retry();
    this.members.listener.returned();
    void this.members.repeat();
    void this.limits.repeat();
    this.#tellGaps();
  }

  #tellGaps(): void {
    const channels = [...this.#dueGaps];
    this.#dueGaps.clear();
    for (const channel of channels) {
      this.#channels.oweGap(channel);
      this.#tellGap(channel).catch(() => this.#tellLater(channel));
    }
  }

  /** Redis is away, which it will return from, or full. */
  #tellLater(channel: string): void {
    if (this.#deliver === undefined) return;
    this.#dueGaps.add(channel);
    this.#cancelGaps ??= this.#options.clock.after(GAPS_AGAIN_MS, () => {
      this.#cancelGaps = undefined;
      if (!this.isDegraded) this.#tellGaps();
    });
  }

  /** Tells all nodes of a gap; those who return later, too, where the channel keeps a history. */
  async #tellGap(channel: string): Promise<void> {
    const keys = this.#keysOf(channel);
    const engine = this.#engines.of(keys.live);
    if (!this.#options.keeps(channel)) await engine.publish(keys.live, GAP_TEXT);
    else await this.#keep(engine, { keys, key: undefined, text: GAP_TEXT });
  }

  async #readHistory(channel: string): Promise<ChannelHistory> {
    const keys = this.#keysOf(channel);
    const { epoch, first, messages, nowMs } = await this.#read(channel, keys);
    const log = new ChannelLog(channel, epoch, first - 1);
    for (const message of messages) log.add(message, nowMs);
    return log;
  }

  #keysOf(channel: string): ChannelKeys {
    return channelKeys(this.#options.prefix, channel);
  }

  /** No other node proposes it, and this one once. */
  #newEpoch(): string {
    return `${this.#node}${(++this.#epochs).toString(36)}`;
  }
}
