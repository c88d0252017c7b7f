/**
 * The channels that this node is subscribed to in Redis: each has a log, which live messages keep up.
 * A message with an offset is checked against the newest one of the log; where one is missing, the
 * stream is read, and what comes meanwhile is held. So replay and live traffic meet without a hole and
 * without a repeat, whatever pub/sub has lost. What the stream has not any more is told as a gap.
 *
 * @module
 */

import type { Cancel, Clock } from "../base/clock.ts";
import { assertNever } from "../base/errors.ts";
import type { Position, Publication } from "../message.ts";
import { type ChannelHistory, type Deliver, type Later, Unavailable } from "./broker.ts";
import type { ChannelLog } from "./channel_log.ts";
import type { LogCache } from "./log_cache.ts";
import type { Engine, RedisEngines } from "./redis_engines.ts";
import { channelKeys } from "../redis/keys.ts";
import { type LiveMessage, parseLive } from "./redis_messages.ts";
import type { RedisMembers } from "./redis_members.ts";
import type { ReadChannel, Reading } from "./redis_reader.ts";
import { RedisSubscription } from "./redis_subscription.ts";

/** How often the newest offset of each channel is compared, ms: no other message may follow a lost one. */
const CHECK_EVERY_MS = 25_000;

/** How often a stream that could not be read is tried again, ms. */
const RETRY_EVERY_MS = 1_000;

/** Channels that are subscribed, or compared, in one request. */
const CHANNELS_PER_REQUEST = 500;

export interface RedisChannelsOptions {
  readonly clock: Clock;
  readonly engines: Pick<RedisEngines, "of" | "isMoved" | "look">;
  readonly cache: LogCache;
  readonly prefix: string;
  /** How long the position of a channel is kept after its last use, ms. */
  readonly positionTtlMs: number;
  /** Whether a channel keeps a history. */
  readonly keeps: (channel: string) => boolean;
  readonly read: ReadChannel;
  readonly members: Pick<RedisMembers, "read" | "listener">;
  readonly deliver: Deliver;
}

export class RedisChannels {
  /** Messages that pub/sub had lost and the stream had, since the start: how often. */
  holes = 0;
  /** Gaps that were told, since the start. */
  gaps = 0;
  readonly #options: RedisChannelsOptions;
  readonly #byChannel = new Map<string, RedisSubscription>();
  /** The same by the name that messages come under. */
  readonly #byName = new Map<string, RedisSubscription>();
  /** To be subscribed in the next request. */
  readonly #requested = new Set<RedisSubscription>();
  /** To be tried again: what Redis has not confirmed, or could not be read. */
  readonly #failures = new Set<RedisSubscription>();
  readonly #checkEveryMs: number;
  #cancelCheck: Cancel = () => {};
  #cancelRetry: Cancel | undefined;

  constructor(options: RedisChannelsOptions) {
    this.#options = options;
    // A check is a use of the position, which must not expire while the channel has a subscriber.
    this.#checkEveryMs = Math.min(CHECK_EVERY_MS, options.positionTtlMs / 3);
    this.#schedule();
  }

  /** See `Broker.subscribe()`. */
  subscribe(channel: string, since?: Position): Later<ChannelHistory | undefined> {
    const { cache, clock, keeps, prefix } = this.#options;
    let subscription = this.#byChannel.get(channel);
    if (subscription === undefined) {
      const keys = channelKeys(prefix, channel);
      subscription = new RedisSubscription(channel, keys, keeps(channel));
      this.#byChannel.set(channel, subscription);
      this.#byName.set(keys.live, subscription);
      this.#request(subscription);
    }
    const { state, log } = subscription;
    if (state === "live") {
      if (log === undefined || (cache.isWhole(log) && !isBehind(log, since))) {
        if (log !== undefined) cache.use(log);
        return log;
      }
      void this.#catchUp(subscription);
    }
    return subscription.live(clock);
  }

  /** See `Broker.unsubscribe()`. */
  unsubscribe(channel: string): void {
    const subscription = this.#byChannel.get(channel);
    if (subscription === undefined) return;
    const { log, keys } = subscription;
    this.#byChannel.delete(channel);
    this.#byName.delete(keys.live);
    this.#failures.delete(subscription);
    this.#void(subscription);
    subscription.state = "waiting"; // what compares offsets now leaves it alone
    subscription.settle(new Unavailable("it is not subscribed any more"));
    if (log !== undefined) this.#options.cache.close(log);
    if (!this.#requested.delete(subscription)) subscription.engine?.unsubscribe(keys.live);
  }

  /** What a channel has kept, if this node has all of it. @param since see `Broker.history()` */
  historyOf(channel: string, since?: Position): ChannelHistory | undefined {
    const { cache } = this.#options;
    const { state, log } = this.#byChannel.get(channel) ?? {};
    if (state !== "live" || log === undefined || !cache.isWhole(log)) return undefined;
    if (isBehind(log, since)) return undefined;
    cache.use(log);
    return log;
  }

  /**
   * A text was published. A primary that a replica has replaced may send what the new one sends, too: it
   * is its replica now, and its connection need not have ended. So one engine counts, the last.
   *
   * @param name under which
   * @param engine where
   */
  receive(name: string, text: string, engine: Engine): void {
    const subscription = this.#byName.get(name);
    if (subscription?.engine !== engine) return; // or its last messages, after the end
    const message = parseLive(subscription.channel, text);
    if (!subscription.isKept && message.kind === "publication") {
      this.#options.deliver(message.publication);
      return;
    }
    const isLive = subscription.state === "live";
    if (isLive && this.#take(subscription, message)) return;
    this.#options.cache.charge(subscription.hold(message, 2 * text.length));
    if (isLive) void this.#catchUp(subscription);
  }

  /** The connection of an engine is new: nothing is subscribed. */
  connected(engine: Engine): void {
    for (const subscription of this.#byChannel.values()) {
      if (this.#engineOf(subscription) === engine) this.#request(subscription);
    }
  }

  /** Channels have other engines. */
  moved(): void {
    for (const subscription of this.#byChannel.values()) {
      const { engine, keys } = subscription;
      const isSame = engine === undefined || engine === this.#engineOf(subscription);
      if (isSame || this.#requested.has(subscription)) continue;
      engine.unsubscribe(keys.live);
      this.#interrupt(subscription);
      this.#request(subscription);
    }
  }

  /** The connection of an engine is lost: all are subscribed again once it is back. */
  interrupted(engine: Engine): void {
    for (const subscription of this.#byChannel.values()) {
      if (subscription.engine === engine) this.#interrupt(subscription);
    }
  }

  #interrupt(subscription: RedisSubscription): void {
    if (subscription.state === "live") subscription.mayMiss ||= !subscription.isKept;
    subscription.knowsMembers = false;
    this.#void(subscription);
    subscription.state = "waiting";
    this.#failures.delete(subscription);
  }

  #engineOf({ keys }: RedisSubscription): Engine {
    return this.#options.engines.of(keys.live);
  }

  /** A gap is told to all nodes. Where a channel cannot hear that yet, it is told once it is live. */
  oweGap(channel: string): void {
    const subscription = this.#byChannel.get(channel);
    if (subscription === undefined || subscription.isKept) return; // what is kept is read
    subscription.mayMiss ||= subscription.state === "waiting";
  }

  /** Redis answers again. */
  retry(): void {
    const failures = [...this.#failures];
    this.#failures.clear();
    for (const subscription of failures) {
      if (subscription.state === "stale") void this.#catchUp(subscription);
      else this.#request(subscription);
    }
  }

  close(): void {
    this.#cancelCheck();
    this.#cancelRetry?.();
    for (const channel of this.#byChannel.keys()) this.unsubscribe(channel);
  }

  /** What goes on for a subscription has no effect any more. */
  #void(subscription: RedisSubscription): void {
    subscription.turn++;
    this.#options.cache.charge(-subscription.takeHeld().bytes);
  }

  /** Those that are requested in one turn are subscribed together. */
  #request(subscription: RedisSubscription): void {
    if (this.#requested.size === 0) this.#options.clock.turn(() => void this.#subscribe());
    this.#requested.add(subscription);
  }

  async #subscribe(): Promise<void> {
    const byEngine = Map.groupBy(this.#requested, (subscription) => this.#engineOf(subscription));
    this.#requested.clear();
    await Promise.all(Array.from(byEngine, ([engine, all]) => this.#subscribeAt(engine, all)));
  }

  async #subscribeAt(engine: Engine, all: readonly RedisSubscription[]): Promise<void> {
    for (const subscription of all) subscription.engine = engine;
    for (let from = 0; from < all.length; from += CHANNELS_PER_REQUEST) {
      const some = all.slice(from, from + CHANNELS_PER_REQUEST);
      const turns = some.map(({ turn }) => turn);
      try {
        await engine.subscribe(some.map(({ keys }) => keys.live));
      } catch (error) {
        if (this.#options.engines.isMoved(error)) void this.#options.engines.look();
        for (const [i, subscription] of some.entries()) {
          if (subscription.turn === turns[i]) this.#failed(subscription, "waiting");
        }
        continue;
      }
      await Promise.all(some.map((subscription, i) => {
        if (subscription.turn === turns[i]) return this.#catchUp(subscription);
      }));
    }
  }

  #begin(subscription: RedisSubscription): void {
    subscription.state = "live";
    subscription.isNew = false;
    if (subscription.mayMiss) this.#tellGap(subscription);
    subscription.mayMiss = false;
    subscription.settle();
  }

  /** Reads until nothing is missing. */
  async #catchUp(subscription: RedisSubscription): Promise<void> {
    const { cache, read, members } = this.#options;
    const turn = ++subscription.turn;
    let isAll = false;
    subscription.state = "reading";
    do {
      const { channel, keys, log, isAwaited, isKept, knowsMembers } = subscription;
      // Who waits needs all that the channel has kept, and not just what follows.
      isAll ||= log === undefined || (isAwaited && !cache.isWhole(log));
      try {
        const [reading, all] = await Promise.all([
          isKept ? read(channel, keys, isAll ? undefined : log) : undefined,
          knowsMembers ? undefined : members.read(channel),
        ]);
        if (subscription.turn !== turn) return;
        if (reading !== undefined) this.#merge(subscription, reading);
        if (all !== undefined) members.listener.known(channel, all);
        subscription.knowsMembers = true;
      } catch {
        if (subscription.turn === turn) this.#failed(subscription, "stale");
        return;
      }
    } while (!this.#takeHeld(subscription));
    this.#begin(subscription);
  }

  /** Takes what was read into the log, and delivers what the hub has not got. */
  #merge(
    subscription: RedisSubscription,
    { epoch, first, messages, beforeGap, nowMs, isWhole }: Reading,
  ): void {
    const { cache, deliver } = this.#options;
    const start = { epoch, offset: first - 1 };
    const { isNew } = subscription;
    const log = subscription.log ??= cache.open(subscription.channel, start);
    const isSameEpoch = log.epoch === epoch;
    const seen = isSameEpoch ? log.offset : 0;
    const isMissing = !isSameEpoch || first > seen + 1;
    // What follows is not kept together with it.
    if (isSameEpoch && !isNew) this.#deliverNext(beforeGap, seen);
    if (isWhole || isMissing) cache.restart(log, start);
    if (isMissing && !isNew) this.#tellGap(subscription);
    for (const message of messages) {
      cache.add(log, message, nowMs - message.timestamp);
      if (!isNew && message.offset! > seen) deliver(message);
    }
  }

  /** Delivers those that follow the newest one. */
  #deliverNext(messages: readonly Publication[], newest: number): void {
    let next = newest + 1;
    for (const message of messages) {
      if (message.offset !== next) continue;
      this.#options.deliver(message);
      next++;
    }
  }

  /** Takes what was held. @returns false when something is missing: the stream has it */
  #takeHeld(subscription: RedisSubscription): boolean {
    const { messages, bytes, isWhole } = subscription.takeHeld();
    this.#options.cache.charge(-bytes);
    subscription.knowsMembers &&= isWhole;
    let isComplete = isWhole;
    for (const message of messages) {
      if (isComplete || message.kind !== "publication") {
        isComplete = this.#take(subscription, message) && isComplete;
      }
    }
    return isComplete;
  }

  /** @returns false when a message is missing before it: then it has no effect */
  #take(subscription: RedisSubscription, message: LiveMessage): boolean {
    const { channel, log } = subscription;
    const { cache, members } = this.#options;
    switch (message.kind) {
      case "publication":
        return this.#takePublication(log, message);
      case "joined":
      case "left":
        members.listener[message.kind](channel, message.has);
        return true;
      case "cleared":
        if (message.epoch === log?.epoch) cache.removeTo(log, message.offset);
        return true;
      case "gap":
        this.#tellGap(subscription);
        return true;
      case "keptGap":
        if (!this.#follows(log, message)) return false;
        if (message.offset <= log!.offset) return true; // it was read, and told
        cache.restart(log!, message);
        this.#tellGap(subscription);
        return true;
      default:
        assertNever(message);
    }
  }

  #takePublication(
    log: ChannelLog | undefined,
    { epoch, publication }: Extract<LiveMessage, { kind: "publication" }>,
  ): boolean {
    const { cache, deliver } = this.#options;
    const offset = publication.offset ?? 0;
    if (log !== undefined && epoch !== undefined) {
      if (!this.#follows(log, { epoch, offset })) return false;
      if (offset <= log.offset) return true; // it was read
      cache.add(log, publication);
    }
    deliver(publication);
    return true;
  }

  /** Whether nothing is missing before a message, or it came before. */
  #follows(log: ChannelLog | undefined, { epoch, offset }: Position): boolean {
    const isNext = epoch === log?.epoch && offset <= log.offset + 1;
    if (!isNext) this.holes++;
    return isNext;
  }

  #tellGap({ channel, log }: RedisSubscription): void {
    this.gaps++;
    this.#options.deliver({ kind: "gap", channel, epoch: log?.epoch, offset: log?.offset });
  }

  #failed(subscription: RedisSubscription, state: "waiting" | "stale"): void {
    subscription.state = state;
    this.#failures.add(subscription);
    this.#cancelRetry ??= this.#options.clock.after(RETRY_EVERY_MS, () => {
      this.#cancelRetry = undefined;
      this.retry();
    });
  }

  #schedule(): void {
    this.#cancelCheck = this.#options.clock.after(this.#checkEveryMs, () => {
      this.#schedule();
      void this.#check();
    });
  }

  /** Finds last messages that were lost. What is missing once a probe is back was not on its way. */
  async #check(): Promise<void> {
    const kept = [...this.#byChannel.values()].filter(({ isKept }) => isKept);
    const byEngine = Map.groupBy(kept, (subscription) => this.#engineOf(subscription));
    await Promise.all(Array.from(byEngine, ([engine, all]) => this.#checkAt(engine, all)));
  }

  async #checkAt(engine: Engine, all: readonly RedisSubscription[]): Promise<void> {
    const { positionTtlMs } = this.#options;
    if (engine.run === undefined) return;
    for (let from = 0; from < all.length; from += CHANNELS_PER_REQUEST) {
      const some = all.slice(from, from + CHANNELS_PER_REQUEST);
      const getPosition = ({ keys }: RedisSubscription) =>
        engine.commands.getex(keys.position, "PX", positionTtlMs);
      const positions = await Promise.all(some.map(getPosition)).catch(() => undefined);
      if (positions === undefined || !await engine.roundTrip()) return;
      for (const [i, subscription] of some.entries()) {
        const { state, log } = subscription;
        if (state !== "live" || log === undefined) continue;
        const [epoch, run, offset] = positions[i]?.split(" ") ?? [];
        const isCurrent = run === engine.run && epoch === log.epoch && Number(offset) <= log.offset;
        if (!isCurrent) void this.#catchUp(subscription);
      }
    }
  }
}

/** Whether another node has delivered what this one has not got yet. */
function isBehind(log: ChannelLog, since: Position | undefined): boolean {
  return since !== undefined && since.epoch === log.epoch && since.offset > log.offset;
}
