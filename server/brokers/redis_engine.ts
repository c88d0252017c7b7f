/**
 * The two connections of a node to Redis: one for commands, one that is subscribed. Knows whether they
 * work: the first has told the run of the primary, and what is published by it comes back through the
 * second. A connection that has stopped answering looks like a quiet one, so a probe takes that way once
 * a second; one that is late ends both connections, and others are made.
 *
 * Must not know channels, nor what is published.
 *
 * @module
 */

import type { Cancel, Clock } from "../base/clock.ts";
import type { Logger } from "../logging/logging.ts";
import {
  DEADLINE_MS,
  type Redis,
  redisConnection,
  type RedisOptions,
  type RedisPlatform,
} from "../redis/connection.ts";
import { scripts } from "./redis_scripts.ts";

/** From one probe to the next, ms. */
const PROBE_EVERY_MS = 1_000;

/** How long a lost connection may take to return before it counts as away, ms: it usually takes a tenth. */
const RETURN_MS = 1_000;

/** A connection with the scripts. */
interface Commands extends Redis {
  publishKept(...args: (string | number)[]): Promise<string>;
  publishOnce(...args: (string | number)[]): Promise<number>;
  readChannel(...args: (string | number)[]): Promise<ChannelReply>;
  clearChannel(...args: (string | number)[]): Promise<number>;
  renewLease(...args: (string | number)[]): Promise<string[]>;
  removeNode(...args: (string | number)[]): Promise<string | null>;
  putMember(...args: (string | number)[]): Promise<void>;
  removeMember(...args: (string | number)[]): Promise<void>;
  countConnections(...args: (string | number)[]): Promise<number>;
  takeMessages(...args: (string | number)[]): Promise<[granted: number, waitMs: number]>;
  admitSession(...args: (string | number)[]): Promise<number>;
  takeSlots(...args: (string | number)[]): Promise<number>;
}

/** The epoch, the offset, the time, and the texts of the stream. */
export type ChannelReply = [string, string, string, string[]];

export interface RedisEngineOptions extends RedisPlatform {
  readonly server: RedisOptions;
  /** Whether pub/sub is that of a slot, as in a cluster. */
  readonly isSharded: boolean;
  readonly clock: Clock;
  readonly log: Logger;
  /** Names that are always subscribed: where the probes of this node are published, and others. */
  readonly names: readonly [probe: string, ...others: string[]];
  /** A text was published under a name that is subscribed. */
  readonly onMessage: (name: string, text: string) => void;
  /** The subscribing connection is new: nothing is subscribed. */
  readonly onConnected: () => void;
  /** The subscribing connection is lost. */
  readonly onInterrupted: () => void;
  /** Commands are answered, and what is published comes back. */
  readonly onUp: () => void;
  /** A name that is subscribed has moved to another server. */
  readonly onMoved: () => void;
}

export class RedisEngine {
  /** The run of the primary; undefined while no command can be answered. */
  run: string | undefined;
  /** Resolves when commands are answered again, or have not been for too long; undefined: then not. */
  returning: Promise<void> | undefined;
  readonly #options: RedisEngineOptions;
  #names: RedisEngineOptions["names"];
  readonly #commands: Commands;
  readonly #subscriber: Redis;
  /** Of the probes that have not come back, by their numbers. */
  readonly #probes = new Map<string, (isBack: boolean) => void>();
  #probesSent = 0;
  /** How often a connection was lost. */
  #losses = 0;
  /** Whether the names are subscribed: a probe that is published before does not come back. */
  #isListening = false;
  #isUp = false;
  #isClosed = false;
  /** What the log has a warning of. */
  readonly #warnings = new Set<string>();
  #lastError = "";
  #cancel: Cancel = () => {};
  #onFirstUp: () => void = () => {};
  #endReturning: () => void = () => {};

  constructor(options: RedisEngineOptions) {
    this.#options = options;
    const { server, isSharded } = options;
    this.#names = options.names;
    this.#commands = redisConnection(server, options, {
      enableAutoPipelining: true,
      scripts: scripts(isSharded ? "SPUBLISH" : "PUBLISH"),
    }) as Commands;
    this.#subscriber = redisConnection(server, options);
    this.#listen();
  }

  /** Whether commands are answered, and what is published comes back. */
  get isUp(): boolean {
    return this.#isUp;
  }

  /** Whether names can be subscribed. */
  get isConnected(): boolean {
    return this.#subscriber.status === "ready";
  }

  /** Connections that were lost since the start. */
  get losses(): number {
    return this.#losses;
  }

  /** Connects. Resolves when the engine is up, or has not been for as long as a command may take. */
  start(): Promise<void> {
    for (const connection of [this.#commands, this.#subscriber]) {
      connection.connect().catch(() => {});
    }
    this.#schedule();
    this.expectReturn();
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(DEADLINE_MS, resolve);
      this.#onFirstUp = () => {
        cancel();
        resolve();
      };
    });
  }

  /** A command was not written: the connection is lost, also where that is not known yet. */
  expectReturn(): void {
    if (this.returning !== undefined || this.#isClosed) return;
    this.returning = new Promise((resolve) => {
      const cancel = this.#options.clock.after(RETURN_MS, () => this.#endReturning());
      this.#endReturning = () => {
        cancel();
        resolve();
        // What waits goes on first, in its order.
        queueMicrotask(() => this.returning = undefined);
      };
    });
  }

  /** Commands, which are sent together at the end of the turn; each rejects when it is not answered. */
  get commands(): Pick<
    Commands,
    | "getex"
    | "hdel"
    | "hgetall"
    | "hkeys"
    | "lpop"
    | "pexpire"
    | "publishKept"
    | "publishOnce"
    | "readChannel"
    | "clearChannel"
    | "renewLease"
    | "removeNode"
    | "putMember"
    | "removeMember"
    | "countConnections"
    | "takeMessages"
    | "admitSession"
    | "takeSlots"
  > {
    return this.#commands;
  }

  get server(): RedisOptions {
    return this.#options.server;
  }

  /** Publishes a text. @returns how many connections have got it */
  publish(name: string, text: string): Promise<number> {
    return this.#options.isSharded
      ? this.#commands.spublish(name, text) as Promise<number>
      : this.#commands.publish(name, text);
  }

  /** Resolves when all these names are subscribed. */
  async subscribe(names: readonly string[]): Promise<void> {
    // Names of one request would have to be in one slot.
    if (this.#options.isSharded) {
      await Promise.all(names.map((name) => this.#subscriber.ssubscribe(name)));
    } else await this.#subscriber.subscribe(...names);
  }

  unsubscribe(name: string): void {
    const ended = this.#options.isSharded
      ? this.#subscriber.sunsubscribe(name)
      : this.#subscriber.unsubscribe(name);
    ended.catch(() => {}); // a lost connection has no subscriptions
  }

  /** Other names are always subscribed from now on. */
  listenTo(names: RedisEngineOptions["names"]): void {
    if (names.join() === this.#names.join()) return;
    this.#names = names;
    if (this.isConnected) void this.#listenToNames();
  }

  /** Sends a probe. @returns whether it has come back in time: then all that was published before has */
  async roundTrip(): Promise<boolean> {
    if (this.#isClosed) return false;
    const { clock } = this.#options;
    const number = `${++this.#probesSent}`;
    const isBack = new Promise<boolean>((resolve) => {
      const answer = (isBack: boolean) => {
        this.#probes.delete(number);
        cancel();
        resolve(isBack);
      };
      const cancel = clock.after(DEADLINE_MS, () => answer(false));
      this.#probes.set(number, answer);
    });
    this.publish(this.#names[0], number).catch(() => {}); // then it does not come back
    return await isBack;
  }

  /** A command has failed: the log gets a warning where Redis has refused it, once for each kind. */
  warnOf(error: unknown): void {
    if (!(error instanceof Error) || error.name !== "ReplyError") return;
    const [kind] = error.message.split(" ");
    this.#warnOnce("Redis refuses a command", kind);
  }

  /** Ends both connections. Called once. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancel();
    this.#onFirstUp();
    this.#endReturning();
    for (const answer of this.#probes.values()) answer(false);
    const { driver } = this.#options;
    await Promise.all([driver.end(this.#commands), driver.end(this.#subscriber)]);
  }

  #listen(): void {
    const { isSharded, onMessage, onConnected, onInterrupted, onMoved } = this.#options;
    for (const connection of [this.#commands, this.#subscriber]) {
      connection.on("error", (error: Error) => void (this.#lastError = error.message));
    }
    this.#commands.on("ready", () => void this.#readRun());
    this.#commands.on("close", () => {
      if (this.run !== undefined) this.expectReturn();
      this.run = undefined;
      this.#lost();
    });
    this.#subscriber.on("ready", () => {
      void this.#listenToNames();
      onConnected();
    });
    this.#subscriber.on("close", () => {
      this.#isListening = false;
      onInterrupted();
      this.#lost();
    });
    this.#subscriber.on("moved", onMoved);
    this.#subscriber.on(isSharded ? "smessage" : "message", (name: string, text: string) => {
      if (name === this.#names[0]) this.#probes.get(text)?.(true);
      else onMessage(name, text);
    });
  }

  async #listenToNames(): Promise<void> {
    const names = this.#names;
    this.#isListening = false;
    await this.subscribe(names).catch(() => {}); // it is lost, or a probe does not come back
    if (names !== this.#names || !this.isConnected) return;
    this.#isListening = true;
    await this.#probe();
  }

  async #readRun(): Promise<void> {
    try {
      const info = await this.#commands.info("server", "memory");
      const [, run] = /^run_id:(\S+)/m.exec(info) ?? [];
      const [, policy] = /^maxmemory_policy:(\S+)/m.exec(info) ?? [];
      if (policy !== undefined && policy !== "noeviction") {
        this.#warnOnce("Redis may remove messages: its maxmemory-policy is not noeviction", policy);
      }
      this.run = run;
      this.#endReturning();
      await this.#probe();
    } catch (error) {
      this.warnOf(error);
      this.#reset(); // it accepts connections and answers nothing
    }
  }

  #warnOnce(message: string, what: string): void {
    if (this.#warnings.has(what)) return;
    this.#warnings.add(what);
    this.#options.log.warning(message, { redis: what });
  }

  #schedule(): void {
    this.#cancel = this.#options.clock.after(PROBE_EVERY_MS, () => {
      this.#schedule();
      void this.#probe();
    });
  }

  /** Both connections answer, or are made anew. */
  async #probe(): Promise<void> {
    if (this.run === undefined || !this.#isListening) return;
    const losses = this.#losses;
    const isBack = await this.roundTrip();
    if (this.#isClosed || losses !== this.#losses) return;
    if (!isBack) return this.#reset();
    if (this.#isUp) return;
    this.#isUp = true;
    this.#options.log.info("connected to Redis");
    this.#onFirstUp();
    this.#options.onUp();
  }

  #reset(): void {
    this.#lastError = "no answer in time";
    for (const connection of [this.#commands, this.#subscriber]) {
      if (connection.status === "ready") connection.disconnect(true);
    }
  }

  #lost(): void {
    this.#losses++;
    for (const answer of this.#probes.values()) answer(false);
    if (!this.#isUp || this.#isClosed) return;
    this.#isUp = false;
    const error = this.#lastError || "the connection was closed";
    this.#options.log.warning("Redis does not answer: nodes are apart", { error });
  }
}
