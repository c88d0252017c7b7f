/**
 * The hub actor: one mailbox, one loop, the only room that changes the roster. It waits for its
 * mailbox and for nothing else, never for a client: delivering is queueing, and who cannot take a
 * frame ends itself.
 *
 * @module
 */

import { Channel, type Sent } from "./base/channel.ts";
import { Commands, type CommandsOptions } from "./hub/commands.ts";
import { deliver } from "./hub/fan_out.ts";
import { assertNever } from "./base/errors.ts";
import type { Command } from "./message.ts";
import { type Member, Roster } from "./hub/subscription_registry.ts";

/** Commands that wait before read pumps are asked to stop reading. */
const MAILBOX_COMMANDS = 4_096;

/**
 * Frames queued and commands carried out before other work of the process gets its turn, the end of
 * the turn included, in which sockets are written to. 16 bytes of a publication weigh as much as one
 * of its receivers: half a MiB in one turn does not fill a queue before its socket had a chance.
 */
const WORK_PER_TURN = 32_768;

/** What the hub can be told. */
export type Letter =
  | { readonly kind: "join"; readonly member: Member; readonly follows: readonly string[] }
  | { readonly kind: "leave"; readonly member: Member }
  | { readonly kind: "command"; readonly member: Member; readonly command: Command }
  /** A publication that no member makes. */
  | {
    readonly kind: "publish";
    readonly channel: string;
    readonly data: unknown;
    /** Told, before the delivery, how many follow the channel here. */
    readonly taken: (followers: number) => void;
  }
  /** Looks at the roster between two commands. */
  | { readonly kind: "ask"; readonly look: (roster: Roster) => void };

/** What the hub works with. */
export interface HubOptions extends Omit<CommandsOptions, "roster"> {
  /** A letter could not be carried out: a bug, told and survived. */
  readonly onError: (error: unknown) => void;
}

/** See the module. */
export class Hub {
  readonly #options: HubOptions;
  readonly #mailbox = new Channel<Letter>(MAILBOX_COMMANDS);
  readonly #roster = new Roster();
  readonly #commands: Commands;
  #work = 0;

  /** Takes letters at once, opens them once `run()` is called. */
  constructor(options: HubOptions) {
    this.#options = options;
    this.#commands = new Commands({ roster: this.#roster, ...options });
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
    return this.#mailbox.send(letter);
  }

  /** Resolves when the mailbox can take more, or the hub has stopped. */
  room(): Promise<void> {
    return this.#mailbox.room();
  }

  /**
   * Asks for something of the roster; fails with what `look` throws.
   *
   * @returns undefined once the hub has stopped
   */
  ask<T>(look: (roster: Roster) => T): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      const answer = (roster: Roster) => {
        try {
          resolve(look(roster));
        } catch (error) {
          reject(error);
        }
      };
      if (this.tell({ kind: "ask", look: answer }) === "closed") resolve(undefined);
    });
  }

  /**
   * Publishes in nobody's name, in the order of all letters; waits first while the mailbox is full.
   *
   * @returns how many follow the channel here; undefined once the hub has stopped
   */
  async publish(channel: string, data: unknown): Promise<number | undefined> {
    await this.room();
    return await new Promise((taken) => {
      const letter: Letter = { kind: "publish", channel, data, taken };
      if (this.tell(letter) === "closed") taken(undefined);
    });
  }

  /** Carries out what is in the mailbox and ends. */
  stop(): void {
    this.#mailbox.close();
  }

  /** The actor's loop. Called once; resolves after `stop()`, when the mailbox is empty. */
  async run(): Promise<void> {
    const { broker, frameText } = this.#options;
    await broker.start((broadcast) => this.#spend(deliver(broadcast, this.#roster, frameText)));
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
        return this.#join(letter.member, letter.follows);
      case "leave":
        return this.#roster.leave(letter.member);
      case "command":
        return this.#spend(this.#commands.carryOut(letter.member, letter.command));
      case "publish":
        letter.taken(this.#roster.followersOf(letter.channel).size);
        return this.#commands.broadcast(letter);
      case "ask":
        return letter.look(this.#roster);
      default:
        assertNever(letter);
    }
  }

  #join(member: Member, follows: readonly string[]): void {
    this.#roster.join(member);
    for (const channel of follows) this.#roster.follow(member, channel);
  }
}
