/**
 * A connection of ioredis to the simulated Redis, as far as the server uses it and can see: states and
 * events, attempts, deadlines, errors, and commands that are sent together at the end of a turn.
 *
 * @module
 */

import type { Cancel } from "../../../server/base/clock.ts";
import type { Redis, RedisDriver, RedisOptions } from "../../../server/redis/connection.ts";
import type { SimProcess } from "./process.ts";
import { type Reply, ReplyError } from "./redis_data.ts";
import type { RedisPeer, RedisSession, SimRedis, WrittenCommand } from "./redis_server.ts";

type Status = "wait" | "connecting" | "connect" | "ready" | "close" | "reconnecting" | "end";

type Listener = (...args: never[]) => void;

/** A command that is written, and has no answer. */
interface Pending extends WrittenCommand {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

/** Of a command that waits for the end of the turn. */
type Queued = Omit<Pending, "isDigest"> & { readonly isScript: boolean };

const NOT_WRITTEN = "Stream isn't writeable and enableOfflineQueue options is false";
const NOT_ANSWERED =
  'Reached the max retries per request limit (which is 0). Refer to "maxRetriesPerRequest" option for details.';

/** Commands beside the scripts that are sent together. */
const COMMANDS = [
  ...["publish", "get", "getex", "mget", "pexpire", "hdel", "hkeys", "hgetall", "zrange", "lpop"],
] as const;

/** Makes connections to the simulated Redis for a process. */
export function redisDriver(
  redis: SimRedis,
  process: SimProcess,
  made: (connection: SimRedisConnection, options: RedisOptions) => void = () => {},
): RedisDriver {
  return {
    make(options) {
      const connection = new SimRedisConnection(options, redis, process);
      made(connection, options);
      return connection as unknown as Redis;
    },
    async end(connection) {
      const isIdle = connection.status === "reconnecting";
      await new Promise<void>((resolve) => {
        connection.once("end", resolve);
        connection.disconnect();
        if (isIdle) resolve();
      });
    },
  };
}

export class SimRedisConnection implements RedisPeer {
  status: Status = "wait";
  session: RedisSession | undefined;
  readonly #options: RedisOptions;
  readonly #redis: SimRedis;
  readonly #process: SimProcess;
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #pending: Pending[] = [];
  readonly #known = new Set<string>();
  #queued: Queued[] | undefined;
  #isSending = false;
  #attempts = 0;
  #isEnding = false;
  #isClosedByHand = false;
  #cancelAttempt: Cancel = () => {};
  #cancelRetry: Cancel = () => {};
  #cancelDeadline: Cancel | undefined;
  #settleConnect: ((error?: Error) => void) | undefined;

  constructor(options: RedisOptions, redis: SimRedis, process: SimProcess) {
    this.#options = options;
    this.#redis = redis;
    this.#process = process;
    const own = this as unknown as Record<string, unknown>;
    for (const name of COMMANDS) {
      own[name] = (...args: (string | number | string[])[]) =>
        this.#command(name, args.flat(), false);
    }
    for (const name of Object.keys(options.scripts ?? {})) {
      own[name] = (...args: (string | number)[]) => this.#command(name, args, true);
    }
  }

  on(event: string, listener: Listener): this {
    let listeners = this.#listeners.get(event);
    if (listeners === undefined) this.#listeners.set(event, listeners = new Set());
    listeners.add(listener);
    return this;
  }

  once(event: string, listener: Listener): this {
    const once = (...args: never[]) => {
      this.#listeners.get(event)?.delete(once);
      listener(...args);
    };
    return this.on(event, once);
  }

  connect(): Promise<void> {
    this.#setStatus("connecting");
    this.#isEnding = false;
    const { session, promise } = this.#dial();
    this.session = session;
    return promise;
  }

  /** @param reconnect whether another connection is made */
  disconnect(reconnect = false): void {
    if (!reconnect) {
      this.#isClosedByHand = true;
      this.#cancelRetry();
    }
    if (this.status === "wait") return this.#closed();
    const { session } = this;
    if (session === undefined || this.#isEnding) return;
    this.#isEnding = true;
    this.#redis.hangUp(session);
    this.#process.after(1, () => {
      if (this.session === session) this.#closed();
    });
  }

  async info(...sections: string[]): Promise<string> {
    const text = await this.#write({ name: "info", args: sections }) as string;
    this.#emit("told"); // no event of ioredis
    return text;
  }

  subscribe(...names: string[]): Promise<number> {
    return this.#write({ name: "subscribe", args: names }) as Promise<number>;
  }

  unsubscribe(...names: string[]): Promise<number> {
    return this.#write({ name: "unsubscribe", args: names }) as Promise<number>;
  }

  dialed(session: RedisSession, isAccepted: boolean): void {
    this.#read(session, () => {
      this.#cancelAttempt();
      if (!isAccepted) {
        this.#emit("error", new Error("connect ECONNREFUSED"));
        return this.#closed();
      }
      this.#setStatus("connect");
      const isReady = () => {
        if (this.session !== session || this.status !== "connect") return;
        this.#setStatus("ready");
        this.#attempts = 0;
        this.#settleConnect?.();
      };
      this.#send({ name: "info", args: [], resolve: isReady, reject: () => {} });
    });
  }

  replied(session: RedisSession, reply: Reply | Error): void {
    this.#read(session, () => {
      const command = this.#pending.shift();
      if (command === undefined) return;
      if (!(reply instanceof Error)) return command.resolve(reply);
      if (reply instanceof ReplyError && reply.message.startsWith("NOSCRIPT")) {
        this.#known.delete(command.name);
        return this.#sendAgain(command);
      }
      command.reject(reply);
    });
  }

  published(session: RedisSession, name: string, text: string): void {
    this.#read(session, () => this.#emit("message", name, text));
  }

  lost(session: RedisSession): void {
    this.#process.read(() => {
      if (this.session === session) this.#closed();
    });
  }

  #dial(): { session: RedisSession; promise: Promise<void> } {
    const promise = new Promise<void>((resolve, reject) => {
      this.#settleConnect = (error) => {
        this.#settleConnect = undefined;
        if (error === undefined) resolve();
        else reject(error);
      };
    });
    const { connectTimeout = 10_000 } = this.#options;
    const kind = this.#options.enableAutoPipelining ? "commands" : "texts";
    const session = this.#redis.dial(this.#process.name, kind, this);
    this.#cancelAttempt = this.#process.after(connectTimeout, () => {
      this.#emit("error", new Error("connect ETIMEDOUT"));
      this.#redis.hangUp(session);
      this.#closed();
    });
    return { session, promise };
  }

  /** Something has arrived on a connection; it is read where that is still the present one. */
  #read(session: RedisSession, call: () => void): void {
    this.#process.read(() => {
      if (this.session !== session) return;
      if (this.#cancelDeadline === undefined) return call();
      this.#cancelDeadline();
      this.#cancelDeadline = undefined;
      call();
      if (this.#pending.length > 0) this.#startDeadline();
    });
  }

  #startDeadline(): void {
    const { socketTimeout } = this.#options;
    if (socketTimeout === undefined) return;
    this.#cancelDeadline ??= this.#process.after(socketTimeout, () => {
      this.#cancelDeadline = undefined;
      this.#emit("error", new Error("Socket timeout."));
      this.#redis.hangUp(this.session!);
      this.#closed();
    });
  }

  #closed(): void {
    this.#cancelAttempt();
    this.#cancelDeadline?.();
    this.#cancelDeadline = undefined;
    this.session = undefined;
    this.#known.clear();
    this.#setStatus("close");
    this.#settleConnect?.(new Error("Connection is closed."));
    const { retryStrategy } = this.#options;
    const afterMs = this.#isClosedByHand ? null : retryStrategy?.(++this.#attempts);
    this.#isClosedByHand = false;
    if (typeof afterMs !== "number") {
      this.#setStatus("end");
      return this.#flush("Connection is closed.");
    }
    this.#setStatus("reconnecting");
    this.#cancelRetry = this.#process.after(afterMs, () => {
      this.connect().catch(() => {});
    });
    this.#flush(NOT_ANSWERED);
  }

  #flush(message: string): void {
    for (const { reject } of this.#pending.splice(0)) reject(new Error(message));
  }

  #setStatus(status: Status): void {
    this.status = status;
    this.#emitLater(status);
  }

  /** Events of states come after what runs now. */
  #emitLater(event: string): void {
    queueMicrotask(() => this.#emit(event));
  }

  #emit(event: string, ...args: unknown[]): void {
    for (const listener of [...this.#listeners.get(event) ?? []]) listener(...args as never[]);
  }

  /** A command is written at once, or with others at the end of the turn, one batch at a time. */
  #command(name: string, args: readonly (string | number)[], isScript: boolean): Promise<Reply> {
    const isHash = name === "hgetall";
    const reply = new Promise<Reply>((resolve, reject) => {
      const command = { name, args, isScript, resolve, reject };
      if (!this.#options.enableAutoPipelining) return this.#sendCommand(command);
      if (this.#queued === undefined) {
        this.#queued = [];
        this.#process.turn(() => this.#sendQueued());
      }
      this.#queued.push(command);
    });
    return isHash ? reply.then((pairs) => objectOf(pairs as string[])) as Promise<never> : reply;
  }

  #sendQueued(): void {
    const queued = this.#queued;
    if (this.#isSending || queued === undefined) return;
    this.#queued = undefined;
    this.#isSending = true;
    let left = queued.length;
    const settle: (() => void)[] = [];
    const answered = (at: number, call: () => void) => {
      settle[at] = call;
      if (--left > 0) return;
      this.#isSending = false;
      for (const each of settle) each();
      this.#sendQueued();
    };
    for (const [at, command] of queued.entries()) {
      this.#sendCommand({
        ...command,
        resolve: (reply) => answered(at, () => command.resolve(reply)),
        reject: (error) => answered(at, () => command.reject(error)),
      });
    }
  }

  #sendCommand({ isScript, ...command }: Queued): void {
    if (!isScript) return this.#sendIfWritable(command);
    this.#sendIfWritable({ ...command, isDigest: this.#known.has(command.name) });
  }

  #sendAgain(command: Pending): void {
    this.#sendIfWritable({ ...command, isDigest: false });
  }

  #write(command: WrittenCommand): Promise<Reply> {
    return new Promise((resolve, reject) => this.#sendIfWritable({ ...command, resolve, reject }));
  }

  #sendIfWritable(command: Pending): void {
    if (this.status === "end") return command.reject(new Error("Connection is closed."));
    if (this.status !== "ready" || this.#isEnding) return command.reject(new Error(NOT_WRITTEN));
    this.#send(command);
  }

  #send(command: Pending): void {
    if (command.isDigest !== undefined) this.#known.add(command.name);
    this.#pending.push(command);
    this.#startDeadline();
    this.#redis.send(this.session!, command);
  }
}

function objectOf(pairs: readonly string[]): Record<string, string> {
  const object: Record<string, string> = {};
  for (let i = 0; i < pairs.length; i += 2) object[pairs[i]] = pairs[i + 1];
  return object;
}
