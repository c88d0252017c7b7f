/**
 * A simulated node: a process in which the real composition of the server runs, with simulated time,
 * randomness, store and sockets.
 *
 * @module
 */

import type { IncomingMessage } from "node:http";
import type { Socket as NetSocket } from "node:net";
import { openAuth } from "../../../server/auth/auth.ts";
import { MemoryBroker } from "../../../server/brokers/memory.ts";
import { RedisBroker } from "../../../server/brokers/redis.ts";
import type { MemoryHistory } from "../../../server/brokers/memory_history.ts";
import type { Config } from "../../../server/config/config.ts";
import type { CloseReason } from "../../../server/close_codes.ts";
import type { Logger, Properties } from "../../../server/logging/logging.ts";
import { compose, type Composition, type Platform } from "../../../server/server.ts";
import type { Connection } from "./connection.ts";
import { SimEngine } from "./engine.ts";
import { SimProcess } from "./process.ts";
import { redisDriver } from "./redis_connection.ts";
import { SimAcceptor } from "./server_socket.ts";
import type { Simulation } from "./simulation.ts";
import { SimStore, type StoredEntries } from "./store.ts";
import { tokenVerifier } from "./tokens.ts";

const HANDSHAKE = {
  "host": "hub.test",
  "upgrade": "websocket",
  "connection": "Upgrade",
  "sec-websocket-version": "13",
  "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
};

/** Level of a line of the log, and what it says. */
export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly properties: Properties;
}

export class SimNode {
  readonly name: string;
  /** Its name among the nodes of the hub, where there are several. */
  nodeId: string | undefined;
  /** Its place among those that serve at the same time. */
  readonly slot: number;
  readonly process: SimProcess;
  readonly config: Config;
  /** Undefined until it has started. */
  parts: Composition | undefined;
  isListening = false;
  /** The machine is gone: nothing answers any more. */
  isLost = false;
  /** When that was. */
  lostMs = -Infinity;
  /** When a drain began, and when it was done. */
  drainMs:
    | { readonly fromMs: number; readonly awakeMs: number; toMs: number | undefined }
    | undefined;
  /** What its process keeps of channels. */
  history: MemoryHistory | undefined;
  /** Undefined where publications stay in the process. */
  engine: SimEngine | undefined;
  /** Timers some time after it has drained. */
  timersLeft = 0;
  /** Connections whose handshake it has accepted, and which have not ended for it. */
  readonly connections = new Set<Connection>();
  readonly #simulation: Simulation;
  #accepting: Connection | undefined;
  readonly #byId = new Map<string, Connection>();

  constructor(
    simulation: Simulation,
    { name, slot }: { readonly name: string; readonly slot: number },
  ) {
    this.#simulation = simulation;
    this.name = name;
    this.slot = slot;
    this.config = simulation.config;
    this.process = new SimProcess(name, simulation.scheduler, simulation.random.fork(name));
  }

  /** Whether it takes connections and is not about to end. */
  get isServing(): boolean {
    return this.isListening && this.drainMs === undefined && this.process.isAlive && !this.isLost;
  }

  /** Starts the process. @param entries what its store holds */
  async start(entries: StoredEntries): Promise<void> {
    const { process, config } = this;
    const random = this.#simulation.random.fork(`${this.name} draws`);
    const log = this.#logger();
    const platform = {
      clock: process,
      random: () => random.number(),
      newId: () => random.uuid(),
      openStore: () => Promise.resolve(new SimStore(entries, process, random)),
      verifyToken: tokenVerifier(process, random),
      createBroker: (history: MemoryHistory) => {
        this.history = history;
        if (!this.#simulation.plan.hasEngine) return new MemoryBroker(history);
        this.engine = new SimEngine(history, {
          scheduler: this.#simulation.scheduler,
          process,
          random,
        });
        return this.engine.broker;
      },
      ...this.#redisOf(),
      canRejectUpgrades: true,
      createAcceptor: (options: { maxMessageBytes: number; closeWaitMs: number }) =>
        new SimAcceptor(this.#simulation, options),
    };
    const auth = await openAuth({ ...platform, config, credentials: {}, log });
    if (!process.isAlive) return;
    const http = { close() {}, closeAllConnections() {} };
    this.parts = compose({ ...platform, config, log, auth }, {
      http: http as never,
      loopbackHostOnly: false,
    });
    this.isListening = true;
    this.#simulation.note(this.name, "listens");
  }

  /** What a hub of several processes takes of Redis. */
  #redisOf(): Pick<Platform, "openBroker"> {
    const { redis, redisTruth } = this.#simulation;
    const { process } = this;
    if (redis === undefined) return {};
    return {
      openBroker: (options) => {
        const broker = new RedisBroker({
          ...options,
          url: "redis://redis.test",
          prefix: REDIS_PREFIX,
          driver: redisDriver(
            redis,
            process,
            (connection, options) => redisTruth.made(connection, process, options),
          ),
          isRequired: this.config.broker.brokerRequired,
        });
        const { nodes, members, limits, admissionRate } = broker;
        this.nodeId = nodes.id;
        return { broker, history: broker, figures: broker, nodes, members, limits, admissionRate };
      },
    };
  }

  /** A request for an upgrade has come. */
  upgrade(connection: Connection): void {
    const { request: { url, headers }, raw } = connection;
    const request = { method: "GET", url, headers: { ...HANDSHAKE, ...headers } };
    const { upgrader } = this.parts!;
    upgrader.upgrade(request as unknown as IncomingMessage, raw as unknown as NetSocket, NO_BYTES)
      .catch((error) => this.#simulation.find("no error", `upgrade() has failed: ${error}`));
  }

  /** Called by the acceptor around the start of a client. */
  accept(connection: Connection, call: () => void): void {
    this.#accepting = connection;
    call();
    this.#accepting = undefined;
  }

  /** The connection of a client's id. */
  connectionOf(id: unknown): Connection | undefined {
    return this.#byId.get(`${id}`);
  }

  /** Ends in order, as after SIGTERM. */
  drain(): void {
    if (this.drainMs !== undefined || this.parts === undefined) return;
    this.#simulation.note(this.name, "drains");
    const { nowMs } = this.#simulation;
    this.drainMs = { fromMs: nowMs, awakeMs: this.process.awakeMs, toMs: undefined };
    for (const connection of this.connections) connection.excuse("the node drains", "drain");
    this.#simulation.emit({ kind: "draining", node: this });
    this.process.run(() => {
      this.parts!.drain().then(() => {
        this.drainMs!.toMs = this.#simulation.nowMs;
        this.isListening = false;
        this.#simulation.note(this.name, "has drained");
        this.#simulation.emit({ kind: "drained", node: this });
        this.process.after(this.config.closeWaitMs + GOODBYE_MS, () => {
          this.timersLeft = this.process.timers;
          this.process.kill();
        });
      }).catch((error) => this.#simulation.find("no error", `drain() has failed: ${error}`));
    });
  }

  /** Ends at once. @param machine whether its machine is gone, which tells no peer */
  kill(machine = false): void {
    this.#simulation.note(this.name, machine ? "is lost" : "is killed");
    this.isListening = false;
    this.isLost = machine;
    this.lostMs = this.#simulation.nowMs;
    this.process.kill();
    this.#simulation.redis?.processEnded(this.name, machine);
    const hasOthers = this.#simulation.redis !== undefined;
    for (const connection of this.connections) {
      if (hasOthers) connection.client.leftNode?.(connection);
      connection.truth.endedMs ??= this.#simulation.nowMs;
      if (machine) {
        connection.up.isCut = connection.down.isCut = true;
        connection.truth.isImpaired = true;
      } else connection.resetByServer();
    }
    this.connections.clear();
    this.#simulation.emit({ kind: "killed", node: this });
  }

  #logger(): Logger {
    const level = (level: string) => (message: string, properties: Properties = {}) =>
      this.#logged({ level, message, properties });
    return {
      debug: level("debug"),
      info: level("info"),
      warning: level("warning"),
      error: level("error"),
    };
  }

  #logged(line: LogLine): void {
    const { message, properties } = line;
    const connection = message === "connection opened"
      ? this.#accepting
      : this.connectionOf(properties.id);
    if (message === "connection opened" && connection !== undefined) {
      connection.truth.id = `${properties.id}`;
      this.connections.add(connection);
      this.#byId.set(`${properties.id}`, connection);
      this.#simulation.opened(connection);
    }
    if (message === "connection closed" && connection !== undefined) {
      const { reason, cause } = properties;
      const atMs = this.#simulation.nowMs;
      this.connections.delete(connection);
      connection.client.leftNode?.(connection);
      const isFirst = connection.truth.logged === undefined;
      connection.truth.logged = { reason: reason as CloseReason, cause: `${cause}`, atMs };
      this.#simulation.note(connection.label, `closed: ${reason}, ${cause}`);
      this.#simulation.emit({ kind: "closed", node: this, connection, isFirst });
    } else if (line.level !== "debug") {
      this.#simulation.note(this.name, `${line.level} ${message}`);
    }
    this.#simulation.emit({ kind: "log", node: this, line, connection });
  }
}

/** What all names in Redis begin with. */
export const REDIS_PREFIX = "sim:";

/** Peers that were rejected in the end may stay for closeWait. */
const GOODBYE_MS = 1_000;

const NO_BYTES = new Uint8Array();
