/**
 * Carries out what clients ask for: changes of the registry, broadcasts, answers. Called by the hub
 * alone, one command at a time.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import { assertNever } from "../base/errors.ts";
import type { Broker } from "../brokers/broker.ts";
import type { Command, Denial, Publication } from "../message.ts";
import { textFrame } from "../transport/text_frame.ts";
import type { Subscriber, SubscriptionRegistry } from "./subscription_registry.ts";

export interface CommandsOptions {
  readonly registry: SubscriptionRegistry;
  /** Time of publications, and turns of the event loop. */
  readonly clock: Clock;
  readonly broker: Broker;
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
        this.#subscribe(subscriber, command);
        return command.channels.length;
      case "unsubscribe":
        this.#unsubscribe(subscriber, command);
        return command.channels.length;
      case "publish":
        this.#publish(subscriber, command);
        return 0;
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

  /** Hands a publication to the broker, which carries it to all hubs. */
  broadcast({ channel, data, by }: Pick<Publication, "channel" | "data" | "by">): void {
    const timestamp = this.#options.clock.wall();
    this.#options.broker.publish({ kind: "publication", channel, data, timestamp, by });
  }

  #reply(subscriber: Subscriber, { text, ifSubscribed }: CommandOf<"reply">): void {
    const { registry } = this.#options;
    if (ifSubscribed !== undefined && !registry.channelsOf(subscriber).has(ifSubscribed)) return;
    this.#send(subscriber, text);
  }

  /** @returns false when it was denied */
  #subscribe(subscriber: Subscriber, command: Omit<CommandOf<"subscribe">, "kind">): boolean {
    const { channels, replaces, ack, ref } = command;
    const { registry, maxSubscriptions } = this.#options;
    const current = registry.channelsOf(subscriber);
    const added = new Set(channels.filter((channel) => !current.has(channel)));
    const freed = replaces === undefined
      ? []
      : this.#channelsWith(subscriber, [replaces]).filter((channel) => !channels.includes(channel));
    if (current.size + added.size - freed.length > maxSubscriptions) {
      this.#deny(subscriber, "too_many_subscriptions", { ref, channel: channels[0] });
      return false;
    }
    for (const channel of freed) registry.unsubscribe(subscriber, channel);
    for (const channel of channels) registry.subscribe(subscriber, channel);
    this.#send(subscriber, ack);
    return true;
  }

  #unsubscribe(subscriber: Subscriber, command: CommandOf<"unsubscribe">): void {
    const { channels, prefixes = [], ack } = command;
    const { registry } = this.#options;
    for (const channel of channels) registry.unsubscribe(subscriber, channel);
    if (prefixes.length > 0) {
      for (const channel of this.#channelsWith(subscriber, prefixes)) {
        registry.unsubscribe(subscriber, channel);
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
      registry.unsubscribe(subscriber, channel);
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
    if (subscribe && !this.#subscribe(publisher, { channels: [channel], ref })) return;
    this.broadcast(command);
    this.#send(publisher, ack);
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
