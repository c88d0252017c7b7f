/**
 * The hub actor: one mailbox, one loop, the only room that changes the roster. It waits for its
 * mailbox and for nothing else, never for a client: delivering is queueing, and who cannot take a
 * frame ends itself.
 *
 * @module
 */

import type { Broker } from "./brokers/broker.ts";
import { Channel, type Sent } from "./channel.ts";
import type { Clock } from "./clock.ts";
import { assertNever } from "./errors.ts";
import type { Outbound, Publication } from "./message.ts";
import type { Profile } from "./profiles/profile.ts";
import type { Command } from "./read_pump.ts";
import { type Member, Roster } from "./roster.ts";
import type { FrameText } from "./socket.ts";

/** Commands that wait before read pumps are asked to stop reading. */
export const MAILBOX_COMMANDS = 4_096;

/** Frames queued and commands carried out before other work of the process gets its turn. */
const WORK_PER_TURN = 32_768;

/** What the hub can be told. */
export type Letter =
  | { readonly kind: "join"; readonly member: Member }
  | { readonly kind: "leave"; readonly member: Member }
  | { readonly kind: "command"; readonly member: Member; readonly command: Command }
  /** All queues together are above their budget: the worst offender has to go. */
  | { readonly kind: "relieve" }
  /** Looks at the roster between two commands. */
  | { readonly kind: "ask"; readonly look: (roster: Roster) => void };

/** What the hub works with. */
export interface HubOptions {
  /** Time for publications, and turns to yield. */
  readonly clock: Clock;
  /** Carries publications. */
  readonly broker: Broker;
  /** Makes frames. */
  readonly frameText: FrameText;
  /** Channels one connection may follow. */
  readonly maxSubscriptions: number;
  /** Whether all queues together are above their budget. */
  readonly overBudget: () => boolean;
  /** A letter could not be carried out: a bug, told and survived. */
  readonly onError: (error: unknown) => void;
}

/** See the module. */
export class Hub {
  readonly #options: HubOptions;
  readonly #mailbox = new Channel<Letter>(MAILBOX_COMMANDS);
  readonly #roster = new Roster();
  #work = 0;

  /** Takes letters at once, opens them once `run()` is called. */
  constructor(options: HubOptions) {
    this.#options = options;
  }

  /** Letters that wait. */
  get backlog(): number {
    return this.#mailbox.length;
  }

  /** Channels that somebody follows. */
  get channelCount(): number {
    return this.#roster.channelCount;
  }

  /**
   * Puts a letter into the mailbox; it is taken even when the mailbox is full.
   *
   * @returns "full" when the teller should now wait for `room()`, "closed" after `stop()`
   */
  tell(letter: Letter): Sent {
    return this.#mailbox.force(letter);
  }

  /** Resolves when the mailbox can take more, or the hub has stopped. */
  room(): Promise<void> {
    return this.#mailbox.room();
  }

  /** Asks for something of the roster. @returns undefined once the hub has stopped */
  ask<T>(look: (roster: Roster) => T): Promise<T | undefined> {
    return new Promise((resolve) => {
      const letter: Letter = { kind: "ask", look: (roster) => resolve(look(roster)) };
      if (this.tell(letter) === "closed") resolve(undefined);
    });
  }

  /** Carries out what is in the mailbox and ends. */
  stop(): void {
    this.#mailbox.close();
  }

  /** The actor's loop. Called once; resolves after `stop()`, when the mailbox is empty. */
  async run(): Promise<void> {
    await this.#options.broker.start((publication) => this.#deliver(publication));
    for (;;) {
      const letter = this.#mailbox.tryReceive() ?? await this.#mailbox.receive();
      if (letter === undefined) return;
      try {
        this.#spend(1);
        this.#open(letter);
      } catch (error) {
        this.#options.onError(error);
      }
      if (this.#work >= WORK_PER_TURN) await this.#nextTurn();
    }
  }

  #spend(work: number): void {
    if (this.#work === 0) this.#options.clock.turn(this.#startTurn);
    this.#work += work;
  }

  readonly #startTurn = (): void => {
    this.#work = 0;
  };

  #nextTurn(): Promise<void> {
    return new Promise((resolve) => this.#options.clock.turn(resolve));
  }

  #open(letter: Letter): void {
    switch (letter.kind) {
      case "join":
        return this.#roster.join(letter.member);
      case "leave":
        return this.#roster.leave(letter.member);
      case "command":
        return this.#carryOut(letter.member, letter.command);
      case "relieve":
        return this.#relieve();
      case "ask":
        return letter.look(this.#roster);
      default:
        assertNever(letter);
    }
  }

  #carryOut(member: Member, command: Command): void {
    switch (command.kind) {
      case "reply":
        return member.enqueue(this.#options.frameText(command.text));
      case "subscribe":
        return this.#subscribe(member, command.channel, command.ref);
      case "unsubscribe":
        this.#roster.unfollow(member, command.channel);
        return this.#send(member, { ...command, kind: "unsubscribed" });
      case "publish": {
        const { channel, ref } = command;
        const timestamp = this.#options.clock.wall();
        this.#options.broker.publish({
          kind: "publication",
          channel,
          data: command.data,
          timestamp,
        });
        if (ref !== undefined) this.#send(member, { kind: "published", channel, ref });
        return;
      }
      default:
        assertNever(command);
    }
  }

  #subscribe(member: Member, channel: string, ref: string | undefined): void {
    const followed = this.#roster.channelsOf(member);
    const { maxSubscriptions } = this.#options;
    if (followed.size >= maxSubscriptions && !followed.has(channel)) {
      const message = `cannot subscribe: ${maxSubscriptions} channels is the most a connection ` +
        "may follow; unsubscribe from one first";
      return this.#send(member, { kind: "refused", code: "too_many_subscriptions", message, ref });
    }
    this.#roster.follow(member, channel);
    this.#send(member, { kind: "subscribed", channel, ref });
  }

  /** One frame per publication and profile, shared by all its followers. */
  #deliver(publication: Publication): void {
    const followers = this.#roster.followersOf(publication.channel);
    this.#spend(followers.size);
    let profile: Profile | undefined;
    let frame: Uint8Array | undefined;
    let frames: Map<Profile, Uint8Array | undefined> | undefined;
    for (const member of followers) {
      if (member.profile !== profile) {
        profile = member.profile;
        frames ??= new Map();
        if (!frames.has(profile)) frames.set(profile, this.#frame(profile, publication));
        frame = frames.get(profile);
      }
      if (frame !== undefined) member.enqueue(frame);
    }
  }

  #send(member: Member, outbound: Outbound): void {
    const frame = this.#frame(member.profile, outbound);
    if (frame !== undefined) member.enqueue(frame);
  }

  #frame(profile: Profile, outbound: Outbound): Uint8Array | undefined {
    const text = profile.encode(outbound);
    return text === undefined ? undefined : this.#options.frameText(text);
  }

  #relieve(): void {
    if (!this.#options.overBudget()) return; // an earlier letter has relieved it
    let worst: Member | undefined;
    for (const member of this.#roster.members) {
      if (worst === undefined || member.pendingBytes > worst.pendingBytes) worst = member;
    }
    worst?.close("overload");
  }
}
