/**
 * Carries out what clients ask for: changes of the registry, broadcasts, answers. Called by the hub
 * alone, one command at a time.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import { assertNever } from "../base/errors.ts";
import type { Broker } from "../brokers/broker.ts";
import type { Command, Denial, Position, Publication, Replay } from "../message.ts";
import type { Outcome } from "../profiles/profile.ts";
import { textFrame } from "../transport/text_frame.ts";
import { BYTES_PER_RECEIVER } from "./fan_out.ts";
import { pageOf, startOf } from "./history_page.ts";
import type { Replays } from "./replays.ts";
import type { Subscriber, SubscriptionRegistry } from "./subscription_registry.ts";

export interface CommandsOptions {
  readonly registry: SubscriptionRegistry;
  /** Time of publications, and turns of the event loop. */
  readonly clock: Clock;
  readonly broker: Broker;
  readonly replays: Replays;
  /** A subscription with a `since` has begun. @param recovered whether it gets all that followed */
  readonly onResumed: (recovered: boolean) => void;
  /** Channels that one connection may subscribe to. */
  readonly maxSubscriptions: number;
}

type CommandOf<Kind extends Command["kind"]> = Extract<Command, { kind: Kind }>;

export class Commands {
  readonly #options: CommandsOptions;

  constructor(options: CommandsOptions) {
    this.#options = options;
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
   * @returns its position, where the channel keeps a history
   */
  broadcast(
    { channel, data, by }: Pick<Publication, "channel" | "data" | "by">,
  ): Position | undefined {
    const timestamp = this.#options.clock.wall();
    const publication: Publication = {
      kind: "publication",
      channel,
      data,
      timestamp,
      by,
      offset: undefined,
    };
    return this.#options.broker.publish(publication);
  }

  /** Ends the subscription of a connection to a channel. */
  #end(subscriber: Subscriber, channel: string): void {
    this.#options.registry.unsubscribe(subscriber, channel);
    this.#options.replays.stop(subscriber, channel);
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
    const { channels, replaces, ack, ref, replay } = command;
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
    for (const channel of channels) registry.subscribe(subscriber, channel);
    if (ack === undefined) return channels.length;
    if (subscriber.session.complete !== undefined) {
      return this.#begin(subscriber, { channel: channels[0], ack, replay });
    }
    this.#send(subscriber, ack);
    return channels.length;
  }

  /** Acknowledges a subscription, and replays what it asks for. @returns how much work it was */
  #begin(
    subscriber: Subscriber,
    { channel, ack, replay }: { channel: string; ack: string; replay?: Replay },
  ): number {
    const { broker, registry, replays, onResumed } = this.#options;
    const history = broker.history(channel);
    const isResume = replay?.since !== undefined;
    const start = replay && history && startOf(history, replay);
    const recovered = isResume ? start?.recovered ?? false : undefined;
    if (recovered !== undefined) onResumed(recovered);
    // Where it is subscribed already and catches up, the next message follows that offset.
    const offset = replays.offsetOf(subscriber, channel);
    const position = history && { epoch: history.epoch, offset: offset ?? history.offset };
    this.#acknowledge(subscriber, ack, { position, recovered });
    if (history === undefined || start === undefined || start.from > history.offset) return 1;
    if (!registry.channelsOf(subscriber).has(channel)) return 1; // the connection has ended
    return 1 + replays.start(subscriber, { channel, history, from: start.from });
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
    const { channel, subscribe, ack, ref } = command;
    if (subscribe && this.#subscribe(publisher, { channels: [channel], ref }) === undefined) return;
    const position = this.broadcast(command);
    if (ack !== undefined) this.#acknowledge(publisher, ack, { position });
  }

  /** @returns how much work it was */
  #history(subscriber: Subscriber, command: CommandOf<"history">): number {
    const { channel, query, ref, whenOff } = command;
    const history = this.#options.broker.history(channel);
    const text = history === undefined
      ? whenOff
      : subscriber.session.historyPage?.(channel, { ...pageOf(history, query), ref });
    this.#send(subscriber, text);
    return 1 + (text?.length ?? 0) / BYTES_PER_RECEIVER;
  }

  #acknowledge(subscriber: Subscriber, ack: string, outcome: Outcome): void {
    this.#send(subscriber, subscriber.session.complete?.(ack, outcome) ?? ack);
  }

  #relay({ id: sender, profile }: Subscriber, text: string): void {
    this.#options.broker.publish({ kind: "relay", profile: profile.name, text, sender });
  }

  #deny(subscriber: Subscriber, denial: Denial, command: { ref?: string; channel: string }): void {
    this.#send(subscriber, subscriber.session.deny(denial, command));
  }

  #send(subscriber: Subscriber, text: string | undefined): void {
    if (text !== undefined) subscriber.writePump.answer(textFrame(text));
  }
}
