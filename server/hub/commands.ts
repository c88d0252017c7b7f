/**
 * Carries out what clients ask for: changes of the registry, broadcasts, answers. Called by the hub
 * alone, one command at a time.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import { assertNever } from "../base/errors.ts";
import type { Broker, ChannelHistory, Later, Placed } from "../brokers/broker.ts";
import type { SharedMembers } from "../brokers/shared_members.ts";
import type { Command, Denial, PresenceList, Publication } from "../message.ts";
import type { Outcome } from "../profiles/profile.ts";
import { textFrame } from "../transport/text_frame.ts";
import { BYTES_PER_RECEIVER } from "./fan_out.ts";
import { pageOf, startOf } from "./history_page.ts";
import type { Join, Joins } from "./joins.ts";
import type { Presence } from "./presence.ts";
import { publicationKey } from "./publication_key.ts";
import type { Replays } from "./replays.ts";
import type { Subscriber, SubscriptionRegistry } from "./subscription_registry.ts";

export interface CommandsOptions {
  readonly registry: SubscriptionRegistry;
  /** Time of publications, and turns of the event loop. */
  readonly clock: Clock;
  readonly broker: Broker;
  readonly joins: Joins;
  readonly replays: Replays;
  readonly presence: Presence;
  /** Where the hub has several nodes. */
  readonly sharedMembers?: SharedMembers;
  readonly settle: Settle;
  /** A subscription with a `since` has begun. @param recovered whether it gets all that followed */
  readonly onResumed: (recovered: boolean) => void;
  /** Channels that one connection may subscribe to. */
  readonly maxSubscriptions: number;
}

/**
 * Takes an answer of the broker: at once if it is there, or else between two commands.
 *
 * @param take returns how much work it was
 * @param fail called instead when the broker is not available
 * @returns how much work it was so far
 */
export type Settle = <T>(later: Later<T>, take: (answer: T) => number, fail: () => void) => number;

type CommandOf<Kind extends Command["kind"]> = Extract<Command, { kind: Kind }>;

export class Commands {
  readonly #options: CommandsOptions;
  /** The last publication that waits until its publisher has joined the channel. */
  readonly #publishing = new WeakMap<Subscriber, Promise<unknown>>();
  #duplicates = 0;

  constructor(options: CommandsOptions) {
    this.#options = options;
  }

  /** Publications that were repeats, since the start. */
  get duplicates(): number {
    return this.#duplicates;
  }

  /** Carries out one command. @returns how much work it was, beside the delivery */
  execute(subscriber: Subscriber, command: Command): number {
    switch (command.kind) {
      case "reply":
        this.#reply(subscriber, command);
        return 0;
      case "subscribe":
        return this.#subscribe(subscriber, command) ?? command.channels.length;
      case "unsubscribe":
        this.#unsubscribe(subscriber, command);
        return command.channels.length;
      case "publish":
        this.#publish(subscriber, command);
        return 0;
      case "history":
        return this.#history(subscriber, command);
      case "presence":
        return this.#presence(subscriber, command);
      case "relay":
        this.#relay(subscriber, command.text);
        return 0;
      case "policyViolation":
        subscriber.close(command.reason);
        return 0;
      case "restrict":
        return this.#restrict(subscriber, command);
      default:
        assertNever(command);
    }
  }

  /** Tells a publisher that its publication is not delivered: the readers are behind. */
  refuse(subscriber: Subscriber, command: Command): void {
    const channel = command.kind === "publish" ? command.channel : "*";
    const ref = command.kind === "publish" ? command.ref : undefined;
    this.#deny(subscriber, "busy", { ref, channel });
  }

  /**
   * Hands a publication to the broker, which carries it to all hubs.
   *
   * @param key see `Broker.publish()`
   */
  broadcast(
    { channel, data, by }: Pick<Publication, "channel" | "data" | "by">,
    key: string | undefined,
  ): Later<Placed> {
    const { broker, clock } = this.#options;
    const timestamp = clock.wall();
    return broker.publish(
      { kind: "publication", channel, data, timestamp, by, offset: undefined },
      key,
    );
  }

  /** Counts what came of a publication. */
  count({ duplicate }: Placed): void {
    if (duplicate) this.#duplicates++;
  }

  /** Ends the subscription of a connection to a channel. */
  #end(subscriber: Subscriber, channel: string): void {
    const { registry, joins, replays, presence } = this.#options;
    registry.unsubscribe(subscriber, channel);
    replays.stop(subscriber, channel);
    presence.end(subscriber, channel);
    const join = joins.of(subscriber, channel);
    if (join === undefined) return;
    joins.end(join);
    this.#begin(join, undefined); // its request is answered first
  }

  #reply(subscriber: Subscriber, { text, ifSubscribed }: CommandOf<"reply">): void {
    const { registry } = this.#options;
    if (ifSubscribed !== undefined && !registry.channelsOf(subscriber).has(ifSubscribed)) return;
    this.#send(subscriber, text);
  }

  /** @returns how much work it was; undefined when it was denied */
  #subscribe(
    subscriber: Subscriber,
    command: Omit<CommandOf<"subscribe">, "kind">,
  ): number | undefined {
    const { channels, replaces, ack, ref, replay, membership } = command;
    const { registry, maxSubscriptions } = this.#options;
    const current = registry.channelsOf(subscriber);
    if (replay !== undefined && current.has(channels[0])) {
      this.#send(subscriber, replay.whenSubscribed);
      return undefined;
    }
    const added = new Set(channels.filter((channel) => !current.has(channel)));
    const freed = replaces === undefined
      ? []
      : this.#channelsWith(subscriber, [replaces]).filter((channel) => !channels.includes(channel));
    if (current.size + added.size - freed.length > maxSubscriptions) {
      this.#deny(subscriber, "too_many_subscriptions", { ref, channel: channels[0] });
      return undefined;
    }
    for (const channel of freed) this.#end(subscriber, channel);
    if (!registry.has(subscriber)) return 1;
    if (ack !== undefined && subscriber.session.complete !== undefined) {
      const [channel] = channels;
      const hasBegun = current.has(channel);
      registry.subscribe(subscriber, channel);
      const requests = [{ ack, ref, membership }];
      return this.#join({ subscriber, channel, hasBegun, replay, requests });
    }
    this.subscribe(subscriber, channels);
    this.#send(subscriber, ack);
    return channels.length;
  }

  /** Subscribes without waiting for the broker. */
  subscribe(subscriber: Subscriber, channels: readonly string[]): void {
    const { registry, broker, settle } = this.#options;
    for (const channel of channels) {
      registry.subscribe(subscriber, channel);
      settle(broker.subscribe(channel), () => 0, () => {});
    }
  }

  /** A subscription begins once the broker has joined its channel. @returns how much work it was */
  #join(join: Join): number {
    const { broker, joins, settle } = this.#options;
    const { subscriber, channel } = join;
    const earlier = joins.of(subscriber, channel);
    if (earlier !== undefined) {
      earlier.requests.push(...join.requests);
      return 1;
    }
    const joined = broker.subscribe(channel, join.replay?.since);
    if (!(joined instanceof Promise)) return this.#begin(join, joined);
    joins.begin(join);
    const take = (history: ChannelHistory | undefined) =>
      joins.end(join) ? this.#begin(join, history) : 1;
    return settle(joined, take, () => {
      if (!joins.end(join)) return;
      if (!join.hasBegun) this.#options.registry.unsubscribe(subscriber, channel);
      for (const { ref } of join.requests) this.#deny(subscriber, "unavailable", { ref, channel });
    });
  }

  /**
   * Acknowledges a subscription, lets its member join, and replays what it asks for.
   *
   * @returns how much work it was
   */
  #begin(
    { subscriber, channel, replay, requests }: Join,
    history: ChannelHistory | undefined,
  ): number {
    const { registry, replays, presence, onResumed } = this.#options;
    const isResume = replay?.since !== undefined;
    const start = replay && history && startOf(history, replay);
    const recovered = isResume ? start?.recovered ?? false : undefined;
    if (recovered !== undefined) onResumed(recovered);
    // Where it is subscribed already and catches up, the next message follows that offset.
    const offset = replays.offsetOf(subscriber, channel);
    const position = history && { epoch: history.epoch, offset: offset ?? history.offset };
    const isSubscribed = registry.channelsOf(subscriber).has(channel); // else it has ended
    let outcome: Outcome = { position, recovered };
    let work = 1;
    for (const { ack, membership } of requests) {
      this.#acknowledge(subscriber, ack, outcome);
      if (isSubscribed) work += presence.set(subscriber, channel, membership);
      outcome = { position }; // of those that repeat it
    }
    if (!isSubscribed || history === undefined || start === undefined) return work;
    if (start.from > history.offset) return work;
    return work + replays.start(subscriber, { channel, history, from: start.from });
  }

  #unsubscribe(subscriber: Subscriber, command: CommandOf<"unsubscribe">): void {
    const { channels, prefixes = [], ack } = command;
    for (const channel of channels) this.#end(subscriber, channel);
    if (prefixes.length > 0) {
      for (const channel of this.#channelsWith(subscriber, prefixes)) {
        this.#end(subscriber, channel);
      }
    }
    this.#send(subscriber, ack);
  }

  /** @returns how many channels it has looked at */
  #restrict(subscriber: Subscriber, { maySubscribe, ack }: CommandOf<"restrict">): number {
    const { registry } = this.#options;
    const channels = [...registry.channelsOf(subscriber)];
    this.#send(subscriber, ack);
    for (const channel of channels) {
      if (maySubscribe(channel)) continue;
      this.#end(subscriber, channel);
      const notice = { kind: "unsubscribed", channel, reason: "forbidden" } as const;
      this.#send(subscriber, subscriber.session.notify(notice));
    }
    return channels.length;
  }

  /** The channels of a subscriber that begin with one of the prefixes. */
  #channelsWith(subscriber: Subscriber, prefixes: readonly string[]): string[] {
    const channels = [...this.#options.registry.channelsOf(subscriber)];
    return channels.filter((channel) => prefixes.some((prefix) => channel.startsWith(prefix)));
  }

  #publish(publisher: Subscriber, command: CommandOf<"publish">): void {
    const { channel, subscribe, ref } = command;
    const { broker, settle } = this.#options;
    if (!subscribe) return this.#broadcastFor(publisher, command);
    if (this.#subscribe(publisher, { channels: [channel], ref }) === undefined) return;
    const isOpen = this.#options.registry.has(publisher);
    if (!isOpen) return this.#broadcastFor(publisher, command);
    const joined = broker.subscribe(channel); // so that it gets its own message
    if (!(joined instanceof Promise)) return this.#broadcastFor(publisher, command);
    // Answers come in any order, and what it publishes goes out in its own.
    const turn = Promise.allSettled([this.#publishing.get(publisher), joined]);
    this.#publishing.set(publisher, turn);
    const take = () => (this.#broadcastFor(publisher, command), 1);
    settle(turn, take, take);
  }

  #broadcastFor(publisher: Subscriber, command: CommandOf<"publish">): void {
    const { channel, ref } = command;
    const placed = this.broadcast(command, publicationKey(command, publisher));
    if (!(placed instanceof Promise)) return this.#placed(publisher, command, placed);
    this.#options.settle(
      placed,
      (placed) => (this.#placed(publisher, command, placed), 1),
      () => this.#deny(publisher, "unavailable", { ref, channel }),
    );
  }

  #placed(publisher: Subscriber, { ack }: CommandOf<"publish">, placed: Placed): void {
    this.count(placed);
    if (ack !== undefined) this.#acknowledge(publisher, ack, placed);
  }

  /** @returns how much work it was so far */
  #history(subscriber: Subscriber, command: CommandOf<"history">): number {
    const { channel, query, ref, whenOff } = command;
    const { broker, settle } = this.#options;
    const take = (history: ChannelHistory | undefined) => {
      const text = history === undefined
        ? whenOff
        : subscriber.session.historyPage?.(channel, { ...pageOf(history, query), ref });
      this.#send(subscriber, text);
      return 1 + (text?.length ?? 0) / BYTES_PER_RECEIVER;
    };
    const fail = () => this.#deny(subscriber, "unavailable", { ref, channel });
    return settle(broker.history(channel, query.since), take, fail);
  }

  /** @returns how much work it was */
  #presence(subscriber: Subscriber, { channel, ref }: CommandOf<"presence">): number {
    const take = (list: PresenceList) => {
      const text = subscriber.session.presenceList?.(channel, { ...list, ref });
      this.#send(subscriber, text);
      return 1 + (text?.length ?? 0) / BYTES_PER_RECEIVER;
    };
    const fail = () => this.#deny(subscriber, "unavailable", { ref, channel });
    return this.#options.settle(this.members(channel), take, fail);
  }

  /** The members of a channel. Those of other nodes are known where this one has subscribers for it. */
  members(channel: string): Later<PresenceList> {
    const { presence, registry, sharedMembers } = this.#options;
    if (sharedMembers === undefined || registry.subscribersOf(channel).size > 0) {
      return presence.list(channel);
    }
    return sharedMembers.read(channel).then((elsewhere) => presence.list(channel, elsewhere));
  }

  #acknowledge(subscriber: Subscriber, ack: string, outcome: Outcome): void {
    this.#send(subscriber, subscriber.session.complete?.(ack, outcome) ?? ack);
  }

  #relay({ id: sender, profile }: Subscriber, text: string): void {
    this.#options.broker.relay({ kind: "relay", profile: profile.name, text, sender });
  }

  #deny(subscriber: Subscriber, denial: Denial, command: { ref?: string; channel: string }): void {
    this.#send(subscriber, subscriber.session.deny(denial, command));
  }

  #send(subscriber: Subscriber, text: string | undefined): void {
    if (text !== undefined) subscriber.writePump.answer(textFrame(text));
  }
}
