/**
 * The hub actor: one mailbox, one loop, the only room that changes the registry. It waits for its
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
import { type Subscriber, SubscriptionRegistry } from "./hub/subscription_registry.ts";

/** Commands that wait before read pumps are asked to stop reading. */
const MAILBOX_COMMANDS = 4_096;

/**
 * Frames queued and commands carried out before other work of the process gets its turn, the end of
 * the turn included, in which sockets are written to. 16 bytes of a publication weigh as much as one
 * of its receivers: half a MiB in one turn does not fill a queue before its socket had a chance.
 */
const WORK_PER_TURN = 32_768;

/** What the hub can be told. */
export type HubMessage =
  | { readonly kind: "join"; readonly subscriber: Subscriber; readonly follows: readonly string[] }
  | { readonly kind: "leave"; readonly subscriber: Subscriber }
  | { readonly kind: "command"; readonly subscriber: Subscriber; readonly command: Command }
  /** A publication that no subscriber makes. */
  | {
    readonly kind: "publish";
    readonly channel: string;
    readonly data: unknown;
    /** Told, before the delivery, how many follow the channel here. */
    readonly taken: (followers: number) => void;
  }
  /** Looks at the registry between two commands. */
  | { readonly kind: "ask"; readonly look: (registry: SubscriptionRegistry) => void };

/** What the hub works with. */
export interface HubOptions extends Omit<CommandsOptions, "registry"> {
  /** A message could not be carried out: a bug, told and survived. */
  readonly onError: (error: unknown) => void;
}

/** See the module. */
export class Hub {
  readonly #options: HubOptions;
  readonly #mailbox = new Channel<HubMessage>(MAILBOX_COMMANDS);
  readonly #registry = new SubscriptionRegistry();
  readonly #commands: Commands;
  #work = 0;

  /** Takes letters at once, opens them once `run()` is called. */
  constructor(options: HubOptions) {
    this.#options = options;
    this.#commands = new Commands({ registry: this.#registry, ...options });
  }

  /** Letters that wait. */
  get backlog(): number {
    return this.#mailbox.length;
  }

  /** Channels that somebody follows. */
  get channelCount(): number {
    return this.#registry.channelCount;
  }

  /**
   * Puts a message into the mailbox; it is taken even when the mailbox is full.
   *
   * @returns "full" when the teller should now wait for `room()`, "closed" after `stop()`
   */
  tell(message: HubMessage): Sent {
    return this.#mailbox.send(message);
  }

  /** Resolves when the mailbox can take more, or the hub has stopped. */
  room(): Promise<void> {
    return this.#mailbox.room();
  }

  /**
   * Asks for something of the registry; fails with what `look` throws.
   *
   * @returns undefined once the hub has stopped
   */
  ask<T>(look: (registry: SubscriptionRegistry) => T): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      const answer = (registry: SubscriptionRegistry) => {
        try {
          resolve(look(registry));
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
      const message: HubMessage = { kind: "publish", channel, data, taken };
      if (this.tell(message) === "closed") taken(undefined);
    });
  }

  /** Carries out what is in the mailbox and ends. */
  stop(): void {
    this.#mailbox.close();
  }

  /** The actor's loop. Called once; resolves after `stop()`, when the mailbox is empty. */
  async run(): Promise<void> {
    const { broker, frameText } = this.#options;
    await broker.start((broadcast) => this.#spend(deliver(broadcast, this.#registry, frameText)));
    for (;;) {
      const message = this.#mailbox.tryReceive() ?? await this.#mailbox.receive();
      if (message === undefined) return;
      try {
        this.#spend(1);
        this.#dispatch(message);
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

  #dispatch(message: HubMessage): void {
    switch (message.kind) {
      case "join":
        return this.#join(message.subscriber, message.follows);
      case "leave":
        return this.#registry.remove(message.subscriber);
      case "command":
        return this.#spend(this.#commands.execute(message.subscriber, message.command));
      case "publish":
        message.taken(this.#registry.subscribersOf(message.channel).size);
        return this.#commands.broadcast(message);
      case "ask":
        return message.look(this.#registry);
      default:
        assertNever(message);
    }
  }

  #join(subscriber: Subscriber, follows: readonly string[]): void {
    this.#registry.add(subscriber);
    for (const channel of follows) this.#registry.subscribe(subscriber, channel);
  }
}
