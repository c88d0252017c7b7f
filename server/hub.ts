/**
 * The hub actor: one mailbox, one loop, the only module that changes the subscription registry. It
 * waits for its mailbox and for nothing else, never for a client: to deliver is to queue, and a
 * connection that cannot take a frame closes itself.
 *
 * @module
 */

import { Channel, type Sent } from "./base/channel.ts";
import { assertNever } from "./base/errors.ts";
import { type Later, type Placed, Unavailable } from "./brokers/broker.ts";
import { Commands, type CommandsOptions } from "./hub/commands.ts";
import { deliver } from "./hub/fan_out.ts";
import { HeldCommands } from "./hub/held_commands.ts";
import { pageOf } from "./hub/history_page.ts";
import { Joins } from "./hub/joins.ts";
import { LeftOut } from "./hub/left_out.ts";
import { Presence, type PresenceOptions } from "./hub/presence.ts";
import { PublishGate, type PublishGateOptions } from "./hub/publish_gate.ts";
import { Replays } from "./hub/replays.ts";
import { type Subscriber, SubscriptionRegistry } from "./hub/subscription_registry.ts";
import type { Command, Denial, HistoryPage, HistoryQuery, PresenceList } from "./message.ts";

/** Commands that may wait before read pumps are asked to stop reading. */
const MAILBOX_COMMANDS = 4_096;

/**
 * Frames queued and commands carried out before other work of the process gets its turn, the end of
 * the turn included, in which sockets are written to. 16 bytes of a publication weigh as much as one
 * of its receivers: half a MiB in one turn does not fill a queue before its socket had a chance.
 */
const WORK_PER_TURN = 32_768;

/** A message to the hub. */
export type HubMessage =
  | {
    readonly kind: "join";
    readonly subscriber: Subscriber;
    /** Channels that it is subscribed to from the start. */
    readonly channels: readonly string[];
  }
  | { readonly kind: "leave"; readonly subscriber: Subscriber }
  | { readonly kind: "command"; readonly subscriber: Subscriber; readonly command: Command }
  /** A publication that does not come from a subscriber. */
  | {
    readonly kind: "publish";
    readonly channel: string;
    /** The payload, as in a publication. */
    readonly data: string;
    readonly key: string | undefined;
    /** Called once. */
    readonly onAccepted: (accepted: Accepted | Refused) => void;
  }
  /** Goes on with the replays of a subscriber, whose socket has drained. */
  | { readonly kind: "replay"; readonly subscriber: Subscriber }
  /** Runs between two commands. */
  | { readonly kind: "run"; readonly run: (registry: SubscriptionRegistry) => void };

/** A publication has its place in the channel. */
export interface Accepted extends Placed {
  /** Subscribers here at that moment. */
  readonly subscribers: number;
}

/** Why a publication is not delivered. */
export type Refused = Extract<Denial, "busy" | "unavailable">;

type Publish = Extract<HubMessage, { kind: "publish" }>;

export interface HubOptions
  extends
    Omit<CommandsOptions, "registry" | "joins" | "replays" | "presence" | "settle">,
    Pick<PublishGateOptions, "wheel" | "budget" | "onRefused">,
    Pick<PresenceOptions, "presenceGraceMs"> {
  /** A message failed: a bug, which the hub survives. */
  readonly onError: (error: unknown) => void;
}

export class Hub {
  /** Holds publishers whose readers are behind. */
  readonly gate: PublishGate;
  /** Subscriptions that catch up. */
  readonly replays: Replays;
  /** Subscribers that get nothing of a channel yet. */
  readonly leftOut: LeftOut = new LeftOut();
  /** Members of channels. */
  readonly presence: Presence;
  readonly #options: HubOptions;
  readonly #mailbox = new Channel<HubMessage>(MAILBOX_COMMANDS);
  readonly #registry: SubscriptionRegistry;
  readonly #joins = new Joins(this.leftOut);
  readonly #commands: Commands;
  readonly #heldCommands: HeldCommands;
  /** One message for all checks of the gate. */
  readonly #checkGate: HubMessage = { kind: "run", run: () => this.gate.check() };
  readonly #checkPresence: HubMessage = {
    kind: "run",
    run: () => this.#spend(this.presence.check()),
  };
  #work = 0;

  /** Accepts messages at once, handles them once `run()` is called. */
  constructor(options: HubOptions) {
    this.#options = options;
    const { clock, broker } = options;
    const { leftOut } = this;
    const registry = this.#registry = new SubscriptionRegistry((channel) => {
      broker.unsubscribe(channel);
      this.presence.forget(channel);
    });
    const requestCheck = () => void this.tell(this.#checkGate);
    const requestTurn = (subscriber: Subscriber) => void this.tell({ kind: "replay", subscriber });
    const replays = this.replays = new Replays({ clock, leftOut, requestTurn });
    const presence = this.presence = new Presence({
      ...options,
      requestCheck: () => void this.tell(this.#checkPresence),
    });
    const commands = new Commands({
      ...options,
      registry,
      joins: this.#joins,
      replays,
      presence,
      settle: (later, take, fail) => this.#settle(later, take, fail),
    });
    this.gate = new PublishGate({ registry, ...options, requestCheck });
    this.#commands = commands;
    this.#heldCommands = new HeldCommands({
      gate: this.gate,
      clock,
      execute: (subscriber, command) => this.#spend(commands.execute(subscriber, command)),
      refuse: (subscriber, command) => commands.refuse(subscriber, command),
    });
  }

  /** Messages that wait. */
  get backlog(): number {
    return this.#mailbox.length;
  }

  /** Publications that were repeats, since the start. */
  get duplicates(): number {
    return this.#commands.duplicates;
  }

  /** Channels that have a subscriber. */
  get channelCount(): number {
    return this.#registry.channelCount;
  }

  /**
   * Puts a message into the mailbox, even when the mailbox is full.
   *
   * @returns "full" when the sender should now wait for `room()`, "closed" after `stop()`
   */
  tell(message: HubMessage): Sent {
    return this.#mailbox.send(message);
  }

  /** Resolves when the mailbox can take more, or the hub has stopped. */
  room(): Promise<void> {
    return this.#mailbox.room();
  }

  /**
   * Reads something from the registry between two commands; rejects with what `query` throws.
   *
   * @returns undefined once the hub has stopped
   */
  ask<T>(query: (registry: SubscriptionRegistry) => T): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      const answer = (registry: SubscriptionRegistry) => {
        try {
          resolve(query(registry));
        } catch (error) {
          reject(error);
        }
      };
      if (this.runInHub(answer) === "closed") resolve(undefined);
    });
  }

  /** Runs something for its side effects between two commands. */
  runInHub(run: (registry: SubscriptionRegistry) => void): Sent {
    return this.tell({ kind: "run", run });
  }

  /**
   * Publishes in the order of all messages; waits while the mailbox is full, and while the channel's
   * readers are behind.
   *
   * @param data the payload, a valid JSON text
   * @param key the same for repeats
   * @returns "busy" when the readers have stayed behind; undefined once the hub has stopped
   */
  async publish(
    channel: string,
    data: string,
    key?: string,
  ): Promise<Accepted | Refused | undefined> {
    await this.room();
    return await new Promise((onAccepted) => {
      const message: HubMessage = { kind: "publish", channel, data, key, onAccepted };
      if (this.tell(message) === "closed") onAccepted(undefined);
    });
  }

  /**
   * Reads what a channel has kept, in the order of all messages.
   *
   * @returns "off" where the channel keeps nothing; undefined once the hub has stopped
   * @throws {Unavailable}
   */
  async history(channel: string, query: HistoryQuery): Promise<HistoryPage | "off" | undefined> {
    return await this.ask(async () => {
      const history = await this.#options.broker.history(channel, query.since);
      return history === undefined ? "off" : pageOf(history, query);
    });
  }

  /**
   * Lists the members of a channel.
   *
   * @returns undefined once the hub has stopped
   * @throws {Unavailable}
   */
  async members(channel: string): Promise<PresenceList | undefined> {
    return await this.ask(() => this.#commands.members(channel));
  }

  /**
   * Removes what a channel has kept; who catches up gets a gap.
   *
   * @returns false where nothing is known of the channel; undefined once the hub has stopped
   * @throws {Unavailable}
   */
  async clearHistory(channel: string): Promise<boolean | undefined> {
    return await this.ask(() => this.#options.broker.clear(channel));
  }

  /** Handles what is in the mailbox and ends. */
  stop(): void {
    this.runInHub(() => this.gate.open());
    this.#mailbox.close();
  }

  /** The actor's loop. Called once; resolves after `stop()`, when the mailbox is empty. */
  async run(): Promise<void> {
    const { broker, sharedMembers, onError } = this.#options;
    const receivers = { registry: this.#registry, gate: this.gate, leftOut: this.leftOut };
    sharedMembers?.start(this.presence);
    await broker.start((broadcast) => this.#spend(deliver(broadcast, receivers)));
    for (;;) {
      const message = this.#mailbox.tryReceive() ?? await this.#mailbox.receive();
      if (message === undefined) return;
      try {
        this.#spend(1);
        this.#dispatch(message);
      } catch (error) {
        onError(error);
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
        return this.#join(message.subscriber, message.channels);
      case "leave":
        this.#joins.remove(message.subscriber);
        this.replays.remove(message.subscriber);
        this.presence.remove(message.subscriber);
        return this.#registry.remove(message.subscriber);
      case "command":
        if (this.#heldCommands.hold(message.subscriber, message.command)) return;
        return this.#spend(this.#commands.execute(message.subscriber, message.command));
      case "publish":
        return this.gate.isHolding(message.channel) ? this.#hold(message) : this.#publish(message);
      case "replay":
        return this.#spend(this.replays.goOn(message.subscriber));
      case "run":
        return message.run(this.#registry);
      default:
        assertNever(message);
    }
  }

  #hold(message: Publish): void {
    const isHeld = this.gate.hold(message.channel, {
      sinceMs: this.#options.clock.now(),
      admit: () => this.#publish(message),
      refuse: () => message.onAccepted("busy"),
    });
    if (!isHeld) message.onAccepted("busy");
  }

  #publish(message: Publish): void {
    const { channel, key, onAccepted } = message;
    const subscribers = this.#registry.subscribersOf(channel).size;
    const take = (placed: Placed) => {
      this.#commands.count(placed);
      onAccepted({ subscribers, ...placed });
      return 0;
    };
    const fail = () => onAccepted("unavailable");
    this.#settle(this.#commands.broadcast(message, key), take, fail);
  }

  #join(subscriber: Subscriber, channels: readonly string[]): void {
    this.#registry.add(subscriber);
    this.#commands.subscribe(subscriber, channels);
  }

  /** See `Settle`. Once the hub has stopped the answer is taken at once: nobody else is at work. */
  #settle<T>(later: Later<T>, take: (answer: T) => number, fail: () => void): number {
    if (!(later instanceof Promise)) return take(later);
    const settled = (run: () => void) => {
      if (this.runInHub(run) === "closed") run();
    };
    later.then(
      (answer) => settled(() => this.#spend(take(answer))),
      (error) => {
        if (!(error instanceof Unavailable)) this.#options.onError(error);
        settled(fail);
      },
    );
    return 1;
  }
}
