/**
 * The hub actor: one mailbox, one loop, the only module that changes the subscription registry. It
 * waits for its mailbox and for nothing else, never for a client: to deliver is to queue, and a
 * connection that cannot take a frame closes itself.
 *
 * @module
 */

import { Channel, type Sent } from "./base/channel.ts";
import { assertNever } from "./base/errors.ts";
import { Commands, type CommandsOptions } from "./hub/commands.ts";
import { deliver } from "./hub/fan_out.ts";
import { HeldCommands } from "./hub/held_commands.ts";
import { pageOf } from "./hub/history_page.ts";
import { PublishGate, type PublishGateOptions } from "./hub/publish_gate.ts";
import { Replays } from "./hub/replays.ts";
import { type Subscriber, SubscriptionRegistry } from "./hub/subscription_registry.ts";
import type { Command, HistoryPage, HistoryQuery, Position } from "./message.ts";

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
    /** Called once; "busy": it is not delivered. */
    readonly onAccepted: (accepted: Accepted | "busy") => void;
  }
  /** Goes on with the replays of a subscriber, whose socket has drained. */
  | { readonly kind: "replay"; readonly subscriber: Subscriber }
  /** Runs between two commands. */
  | { readonly kind: "run"; readonly run: (registry: SubscriptionRegistry) => void };

/** A publication was delivered. */
export interface Accepted {
  /** Subscribers here at that moment. */
  readonly subscribers: number;
  /** Its place, where the channel keeps a history. */
  readonly position: Position | undefined;
}

type Publish = Extract<HubMessage, { kind: "publish" }>;

export interface HubOptions
  extends
    Omit<CommandsOptions, "registry" | "replays">,
    Pick<PublishGateOptions, "wheel" | "budget" | "onRefused"> {
  /** A message failed: a bug, which the hub survives. */
  readonly onError: (error: unknown) => void;
}

export class Hub {
  /** Holds publishers whose readers are behind. */
  readonly gate: PublishGate;
  /** Subscriptions that catch up. */
  readonly replays: Replays;
  readonly #options: HubOptions;
  readonly #mailbox = new Channel<HubMessage>(MAILBOX_COMMANDS);
  readonly #registry: SubscriptionRegistry;
  readonly #commands: Commands;
  readonly #heldCommands: HeldCommands;
  /** One message for all checks of the gate. */
  readonly #checkGate: HubMessage = { kind: "run", run: () => this.gate.check() };
  #work = 0;

  /** Accepts messages at once, handles them once `run()` is called. */
  constructor(options: HubOptions) {
    this.#options = options;
    const { clock, broker } = options;
    const registry = this.#registry = new SubscriptionRegistry(broker);
    const requestCheck = () => void this.tell(this.#checkGate);
    const requestTurn = (subscriber: Subscriber) => void this.tell({ kind: "replay", subscriber });
    const replays = this.replays = new Replays({ clock, requestTurn });
    const commands = new Commands({ registry, replays, ...options });
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
   * @returns "busy" when the readers have stayed behind; undefined once the hub has stopped
   */
  async publish(channel: string, data: string): Promise<Accepted | "busy" | undefined> {
    await this.room();
    return await new Promise((onAccepted) => {
      const message: HubMessage = { kind: "publish", channel, data, onAccepted };
      if (this.tell(message) === "closed") onAccepted(undefined);
    });
  }

  /**
   * Reads what a channel has kept, in the order of all messages.
   *
   * @returns "off" where the channel keeps nothing; undefined once the hub has stopped
   */
  history(channel: string, query: HistoryQuery): Promise<HistoryPage | "off" | undefined> {
    return this.ask(() => {
      const history = this.#options.broker.history(channel);
      return history === undefined ? "off" : pageOf(history, query);
    });
  }

  /**
   * Removes what a channel has kept; who catches up gets a gap.
   *
   * @returns false where nothing is known of the channel; undefined once the hub has stopped
   */
  clearHistory(channel: string): Promise<boolean | undefined> {
    return this.ask(() => this.#options.broker.clear(channel));
  }

  /** Handles what is in the mailbox and ends. */
  stop(): void {
    this.runInHub(() => this.gate.open());
    this.#mailbox.close();
  }

  /** The actor's loop. Called once; resolves after `stop()`, when the mailbox is empty. */
  async run(): Promise<void> {
    const { broker, onError } = this.#options;
    const receivers = { registry: this.#registry, gate: this.gate, replays: this.replays };
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
        this.replays.remove(message.subscriber);
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
    const subscribers = this.#registry.subscribersOf(message.channel).size;
    const position = this.#commands.broadcast(message);
    message.onAccepted({ subscribers, position });
  }

  #join(subscriber: Subscriber, channels: readonly string[]): void {
    this.#registry.add(subscriber);
    for (const channel of channels) this.#registry.subscribe(subscriber, channel);
  }
}
