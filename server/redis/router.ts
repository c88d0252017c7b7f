/**
 * Connections for single commands: to a Redis, or to the primaries of a cluster, which are made as
 * commands need them. A node of a cluster that does not have a slot says which one has it.
 *
 * @module
 */

import {
  type Redis,
  redisConnection,
  type RedisOptions,
  type RedisPlatform,
  serversOf,
} from "./connection.ts";
import { slotOf } from "./slot.ts";

/** How often a command is sent to another node. */
const MAX_MOVES = 8;

/** Errors of commands that were not carried out: ioredis', and those of a node that lacks the slot. */
const NOT_DONE = /^Stream isn't writeable|^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN) /;

export class RedisRouter<Commands extends Redis> {
  readonly #isCluster: boolean;
  readonly #servers: readonly RedisOptions[];
  readonly #platform: RedisPlatform;
  readonly #scripts: RedisOptions["scripts"];
  /** By address. */
  readonly #connections = new Map<string, Commands>();
  /** Where the slots are that were asked for. */
  readonly #slots = new Map<number, RedisOptions>();
  #closed: Promise<unknown> | undefined;

  constructor(
    url: string,
    platform: RedisPlatform,
    scripts: NonNullable<RedisOptions["scripts"]>,
  ) {
    const { isCluster, servers } = serversOf(url);
    this.#isCluster = isCluster;
    this.#servers = servers;
    this.#platform = platform;
    this.#scripts = scripts;
  }

  /** Makes a connection. One that fails is tried again. */
  async start(): Promise<void> {
    await this.#connectionTo(this.#servers[0]).catch(() => {});
  }

  /** Sends a command to the primary of a key. */
  async send<T>(key: string, command: (commands: Commands) => Promise<T>): Promise<T> {
    const slot = slotOf(key);
    for (let moves = 0;; moves++) {
      const server = this.#slots.get(slot) ?? this.#servers[moves % this.#servers.length];
      try {
        return await command(await this.#connectionTo(server));
      } catch (error) {
        const { message } = error as Error;
        const mayMove = this.#isCluster && moves < MAX_MOVES && this.#closed === undefined;
        if (!mayMove || !NOT_DONE.test(message)) throw error;
        const [, host, port] = /^MOVED \d+ (.*):(\d+)$/.exec(message) ?? [];
        if (port === undefined) this.#slots.delete(slot);
        else {
          this.#slots.set(slot, { ...server, host: host || server.host, port: Number(port) });
        }
      }
    }
  }

  /** Ends all connections. */
  close(): Promise<unknown> {
    const { driver } = this.#platform;
    return this.#closed ??= Promise.all(
      Array.from(this.#connections.values(), (connection) => driver.end(connection)),
    );
  }

  /** The connection to a server, made where there is none. */
  async #connectionTo(server: RedisOptions): Promise<Commands> {
    const address = `${server.host} ${server.port}`;
    let connection = this.#connections.get(address);
    if (connection === undefined) {
      const options = { scripts: this.#scripts };
      connection = redisConnection(server, this.#platform, options) as Commands;
      connection.on("error", () => {}); // who sends a command is told
      this.#connections.set(address, connection);
    }
    if (connection.status === "wait") await connection.connect();
    else if (connection.status === "connecting" || connection.status === "connect") {
      await new Promise<void>((resolve) => {
        for (const event of ["ready", "close"]) connection!.once(event, resolve);
      });
    }
    return connection;
  }
}
