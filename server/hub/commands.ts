/**
 * What the hub does when a client asks for something: changes of the roster, broadcasts, answers.
 * Called by the hub alone, one command at a time.
 *
 * @module
 */

import type { Broker } from "../brokers/broker.ts";
import type { Clock } from "../base/clock.ts";
import { assertNever } from "../base/errors.ts";
import type { Command, Denial, Publication } from "../message.ts";
import type { Member, Roster } from "./subscription_registry.ts";
import type { FrameText } from "../transport/socket.ts";

/** What the room works with. */
export interface CommandsOptions {
  /** Who follows what. */
  readonly roster: Roster;
  /** Time for publications, and turns to yield. */
  readonly clock: Clock;
  /** Carries broadcasts. */
  readonly broker: Broker;
  /** Makes frames. */
  readonly frameText: FrameText;
  /** Channels one connection may follow. */
  readonly maxSubscriptions: number;
}

type CommandOf<Kind extends Command["kind"]> = Extract<Command, { kind: Kind }>;

/** See the module. */
export class Commands {
  readonly #options: CommandsOptions;

  /** Carries out what `carryOut()` is given. */
  constructor(options: CommandsOptions) {
    this.#options = options;
  }

  /** Does what a member asks for. @returns how much work it was, beside the delivery */
  carryOut(member: Member, command: Command): number {
    switch (command.kind) {
      case "reply":
        this.#reply(member, command);
        return 0;
      case "subscribe":
        this.#subscribe(member, command);
        return command.channels.length;
      case "unsubscribe":
        this.#unsubscribe(member, command);
        return command.channels.length;
      case "publish":
        this.#publish(member, command);
        return 0;
      case "relay":
        this.#relay(member, command.text);
        return 0;
      case "offence":
        member.close(command.reason);
        return 0;
      default:
        assertNever(command);
    }
  }

  /** Hands a publication to all hubs. */
  broadcast({ channel, data, by }: Pick<Publication, "channel" | "data" | "by">): void {
    const timestamp = this.#options.clock.wall();
    this.#options.broker.publish({ kind: "publication", channel, data, timestamp, by });
  }

  #reply(member: Member, { text, ifFollows }: CommandOf<"reply">): void {
    if (ifFollows !== undefined && !this.#options.roster.channelsOf(member).has(ifFollows)) return;
    this.#send(member, text);
  }

  /** @returns false when it was denied */
  #subscribe(member: Member, command: Omit<CommandOf<"subscribe">, "kind">): boolean {
    const { channels, instead = [], ack, ref } = command;
    const { roster, maxSubscriptions } = this.#options;
    const followed = roster.channelsOf(member);
    const added = new Set(channels.filter((channel) => !followed.has(channel)));
    const freed = instead.filter((channel) => followed.has(channel) && !channels.includes(channel));
    if (followed.size + added.size - freed.length > maxSubscriptions) {
      this.#deny(member, "too_many_subscriptions", { ref, channel: channels[0] });
      return false;
    }
    for (const channel of instead) roster.unfollow(member, channel);
    for (const channel of channels) roster.follow(member, channel);
    this.#send(member, ack);
    return true;
  }

  #unsubscribe(member: Member, command: CommandOf<"unsubscribe">): void {
    const { channels, prefixes = [], ack } = command;
    const { roster } = this.#options;
    for (const channel of channels) roster.unfollow(member, channel);
    if (prefixes.length > 0) {
      for (const channel of [...roster.channelsOf(member)]) {
        if (prefixes.some((prefix) => channel.startsWith(prefix))) roster.unfollow(member, channel);
      }
    }
    this.#send(member, ack);
  }

  #publish(member: Member, command: CommandOf<"publish">): void {
    const { channel, follow, ack, ref } = command;
    if (follow && !this.#subscribe(member, { channels: [channel], ref })) return;
    this.broadcast(command);
    this.#send(member, ack);
  }

  #relay({ id: sender, profile }: Member, text: string): void {
    this.#options.broker.publish({ kind: "relay", profile: profile.name, text, sender });
  }

  #deny(member: Member, denial: Denial, command: { ref?: string; channel: string }): void {
    this.#send(member, member.dialogue.deny(denial, command));
  }

  #send(member: Member, text: string | undefined): void {
    if (text !== undefined) member.enqueue(this.#options.frameText(text));
  }
}
