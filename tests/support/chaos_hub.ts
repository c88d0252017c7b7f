/**
 * A hub of several processes with clients of the library and publishers, while a test lets faults
 * happen: a ledger has what was published and what each client got.
 *
 * Half of the channels are published on processes that refuse publications while Redis is away
 * (`BROKER_REQUIRED`), so that nothing stays at one process and no gap is due for that. The others are
 * published on the last process, which does not.
 *
 * @module
 */

import type { Position } from "../../server/sdk/options.ts";
import { HeartbeatSocket } from "../../server/sdk/heartbeat_socket.ts";
import { channelKeys } from "../../server/redis/keys.ts";
import { Delivery, DeliveryLedger } from "./delivery_ledger.ts";
import { WatchedSockets } from "./peers/watched_sockets.ts";
import type { RedisServer } from "./server/redis_server.ts";
import { ServerProcess } from "./server/server_process.ts";
import { until } from "./until.ts";

/** How many processes the hub has. */
const NODES = 3;

/** The last one delivers publications to its own clients while Redis is away. */
const LOOSE = NODES - 1;

/** On each side. */
const PUBLISHERS = 4;

/** From one batch of publications to the next, ms. */
const TICK_MS = 20;

/** So many without an answer, and no more are published: this machine is too slow. */
const MAX_UNANSWERED = 20_000;

/** How long a condition may take to come true on a slow machine, ms. */
const PATIENCE_MS = 60_000;

/** `REDIS_PREFIX`'s default. */
export const PREFIX = "systole:";

/** Keeps a message as the script of a publication does, and publishes nothing. */
const KEEP = `
local epoch, run, offset = string.match(redis.call('GET', KEYS[1]), '^(%S+) (%S+) (%d+)$')
local place = epoch .. ' ' .. string.format('%d', offset + 1)
local text = place .. ' ' .. ARGV[1] .. ' \\n' .. ARGV[2]
redis.call('XADD', KEYS[2], string.format('%d-0', offset + 1), 'm', text)
redis.call('SET', KEYS[1], epoch .. ' ' .. run .. string.format(' %d', offset + 1), 'KEEPTTL')
return place`;

/** Where members are. */
const ROOM = "members";

export interface ChaosOptions {
  readonly redisUrl: string;
  /** Each subscribes to two channels. */
  readonly clients: number;
  /** How many of them are members of a channel. */
  readonly members: number;
  readonly channels: number;
  readonly publicationsPerSecond: number;
  /** In [0, 1). */
  readonly random: () => number;
}

/** What happened so far. */
export interface Figures {
  /** Publications that have a place. */
  readonly acknowledged: number;
  /** Messages with an offset that clients got. */
  readonly delivered: number;
  /** Publications that reached the clients of their process alone. */
  readonly degraded: number;
  /** Answers that refused a publication or a subscription for a while. */
  readonly unavailable: number;
  /** Publications that were given up. */
  readonly refused: number;
  /** How often the clients of each channel were told of a gap, each of them. */
  readonly gaps: ReadonlyMap<string, readonly number[]>;
  /** Connections that clients had. */
  readonly opened: number;
  /** Members that left. */
  readonly left: number;
  /** Log lines that say that a process is lost. */
  readonly lost: number;
}

export class ChaosHub implements AsyncDisposable {
  readonly ledger = new DeliveryLedger();
  readonly channels: readonly string[];
  readonly #options: ChaosOptions;
  readonly #clientWires = new WatchedSockets();
  readonly #publisherWires = new WatchedSockets();
  /** By their place; one that was killed stays until another one has it. */
  readonly #nodes: ServerProcess[] = [];
  readonly #alive: boolean[] = [];
  readonly #ended: ServerProcess[] = [];
  readonly #clients: HeartbeatSocket[] = [];
  readonly #publishers: HeartbeatSocket[] = [];
  readonly #deliveriesOf = new Map<string, Delivery[]>();
  /** Channels with a publication that stayed at one process, since that was asked for. */
  #stayedOn = new Set<string>();
  #published = 0;
  /** The numbers of publications without an answer. */
  readonly #unanswered = new Set<number>();
  #degraded = 0;
  #refused = 0;
  #left = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  private constructor(options: ChaosOptions) {
    this.#options = options;
    this.channels = Array.from({ length: options.channels }, (_, n) => `room {${n}}`);
  }

  /** Starts processes and clients, and publishes. */
  static async start(options: ChaosOptions): Promise<ChaosHub> {
    const hub = new ChaosHub(options);
    try {
      await Promise.all(Array.from({ length: NODES }, (_, n) => hub.startNode(n)));
      await hub.#connect();
      hub.#timer = setInterval(() => hub.#publishSome(), TICK_MS);
      return hub;
    } catch (error) {
      await hub[Symbol.asyncDispose]();
      throw error;
    }
  }

  get figures(): Figures {
    const gaps = new Map<string, number[]>();
    for (const [channel, all] of this.#deliveriesOf) {
      gaps.set(channel, all.map(({ gaps }) => gaps));
    }
    const logs = [...this.#nodes, ...this.#ended];
    return {
      acknowledged: this.ledger.acknowledged,
      delivered: this.ledger.delivered,
      degraded: this.#degraded,
      unavailable: this.#clientWires.unavailable + this.#publisherWires.unavailable,
      refused: this.#refused,
      gaps,
      opened: this.#clientWires.opened + this.#publisherWires.opened,
      left: this.#left,
      lost: logs.reduce((sum, node) => sum + node.lines("a node is lost").length, 0),
    };
  }

  /** What was wrong. */
  get faults(): readonly string[] {
    return [...this.ledger.faults, ...this.#clientWires.faults];
  }

  /** Resident memory of the process that is never killed, bytes. */
  get residentBytes(): number {
    return this.#nodes[1].residentBytes;
  }

  /** Channels with a publication that stayed at one process, since this was called last. */
  takeStayedOn(): ReadonlySet<string> {
    const stayedOn = this.#stayedOn;
    this.#stayedOn = new Set();
    return stayedOn;
  }

  /** Starts a process. @param n its place */
  async startNode(n: number): Promise<void> {
    const env = {
      REDIS_URL: this.#options.redisUrl,
      BROKER_REQUIRED: `${n !== LOOSE}`,
      HISTORY_MESSAGES: "1000",
      MAX_MESSAGES_PER_SECOND: "10000", // all that has waited is sent at once
    };
    const node = await ServerProcess.start({ env });
    if (this.#nodes[n] !== undefined) this.#ended.push(this.#nodes[n]);
    this.#nodes[n] = node;
    await node.line("connected to Redis", PATIENCE_MS);
    this.#alive[n] = true;
  }

  /** Kills a process. @param n its place; the second one is to live, for the sake of its memory */
  async killNode(n: number): Promise<void> {
    this.#alive[n] = false;
    Deno.kill(this.#nodes[n].pid, "SIGKILL");
    await this.#nodes[n].status;
  }

  /** Cuts connections of clients. @param share of them */
  cutClients(share: number): void {
    this.#clientWires.cut(share, this.#options.random);
  }

  /** Cuts connections of publishers. @param share of them */
  cutPublishers(share: number): void {
    this.#publisherWires.cut(share, this.#options.random);
  }

  /** On each channel a message is kept that pub/sub has carried to nobody. */
  async loseLive(redis: RedisServer): Promise<void> {
    await Promise.all(this.channels.map(async (channel) => {
      const number = ++this.#published;
      const { position, messages } = channelKeys(PREFIX, channel);
      const [epoch, offset] = String(
        await redis.command("EVAL", KEEP, 2, position, messages, Date.now(), number),
      ).split(" ");
      this.ledger.acknowledge({ channel, number }, { epoch, offset: Number(offset) });
    }));
  }

  /**
   * Waits until everybody has what was published before. Meanwhile others publish.
   *
   * @returns publications that have a place and that nobody got
   */
  async settle(): Promise<number[]> {
    await until("all processes reach Redis", () => this.#areAll(({ body }) => body === "ready\n"), {
      withinMs: PATIENCE_MS,
    });
    const newest = this.#published;
    const marks = await Promise.all(
      this.channels.map(async (channel, n) => ({ channel, position: await this.#mark(n) })),
    );
    for (const { channel, position } of marks) {
      const late = () => this.#deliveriesOf.get(channel)!.filter((each) => !each.has(position));
      await until("everybody has what was published", () => late().length === 0, {
        withinMs: PATIENCE_MS,
      }).catch((cause) => {
        throw new Error(`${channel}: ${position.offset} of ${position.epoch}: ${late()}`, {
          cause,
        });
      });
    }
    await until("what was published is answered", () => {
      return [...this.#unanswered].every((number) => number > newest);
    }, { withinMs: PATIENCE_MS });
    return this.ledger.takeUnseen(newest);
  }

  /** Whether each process counts all connections and members. */
  async countsAll(): Promise<boolean> {
    const stats = await this.#ask("/api/v1/stats");
    const present = await this.#ask(`/api/v1/channels/${ROOM}/presence`);
    const connections = this.#clients.length + this.#publishers.length;
    return stats.every(({ body }) => {
      return JSON.parse(body).totals.connections === connections;
    }) && present.every(({ body }) => JSON.parse(body).count === this.#options.members);
  }

  /** Ends the publications. Resolves when all are answered. */
  async stopPublishing(): Promise<void> {
    clearInterval(this.#timer);
    await until("all publications are answered", () => this.#unanswered.size === 0, {
      withinMs: PATIENCE_MS,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    for (const socket of [...this.#publishers, ...this.#clients]) socket.close();
    for (const node of [...this.#nodes, ...this.#ended]) await node?.[Symbol.asyncDispose]();
  }

  async #areAll(isSo: (answer: { readonly body: string }) => boolean): Promise<boolean> {
    return (await this.#ask("/readyz")).every(isSo);
  }

  #ask(path: string): Promise<{ readonly body: string }[]> {
    const alive = this.#nodes.filter((_, n) => this.#alive[n]);
    return Promise.all(alive.map((node) => node.ask({ path })));
  }

  /** A socket of the library. @param places where it connects */
  #socket(wires: WatchedSockets, places: readonly number[]): HeartbeatSocket {
    const url = () => {
      const alive = places.filter((n) => this.#alive[n]);
      const some = alive.length > 0 ? alive : places;
      const { port } = this.#nodes[some[Math.floor(this.#options.random() * some.length)]];
      return `ws://127.0.0.1:${port}/ws`;
    };
    return new HeartbeatSocket(url, {
      WebSocket: wires.socketClass(),
      reconnectInterval: 20,
      maxReconnectAttempts: Infinity,
      outboxMessages: Infinity,
      outboxBytes: Infinity,
    });
  }

  async #connect(): Promise<void> {
    const { clients, members } = this.#options;
    const everywhere = this.#nodes.map((_, n) => n);
    const required = everywhere.filter((n) => n !== LOOSE);
    for (let n = 0; n < PUBLISHERS; n++) {
      for (const places of [required, [LOOSE]]) {
        this.#publishers.push(this.#socket(this.#publisherWires, places));
      }
    }
    const starting = Array.from({ length: clients }, (_, n) => {
      const socket = this.#socket(this.#clientWires, everywhere);
      this.#clients.push(socket);
      if (n < members) this.#join(socket, n);
      return [2 * n, 2 * n + 1].map((place) => {
        const channel = this.channels[place % this.channels.length];
        return this.#subscribe(socket, { name: `client ${n}`, channel });
      });
    });
    await Promise.all(starting.flat());
    await until("everybody is counted", () => this.countsAll(), { withinMs: PATIENCE_MS });
  }

  async #subscribe(
    socket: HeartbeatSocket,
    { name, channel }: { readonly name: string; readonly channel: string },
  ): Promise<void> {
    const subscription = socket.subscribe(channel, null);
    const position = await until(`${name} has ${channel}`, () => subscription.position, {
      withinMs: PATIENCE_MS,
    });
    const delivery = new Delivery(this.ledger, name, { channel, ...position });
    subscription.addEventListener("message", ({ data, offset }) => {
      const position = offset === undefined ? undefined : subscription.position;
      delivery.take({ channel, number: data as number }, position);
    });
    subscription.addEventListener("gap", () => delivery.gap());
    const all = this.#deliveriesOf.get(channel) ?? [];
    this.#deliveriesOf.set(channel, all);
    all.push(delivery);
  }

  #join(socket: HeartbeatSocket, n: number): void {
    const subscription = socket.subscribe(ROOM, null, { presence: true, info: n });
    subscription.addEventListener("left", () => this.#left++);
  }

  #publishSome(): void {
    const { random, publicationsPerSecond } = this.#options;
    if (this.#unanswered.size > MAX_UNANSWERED) return;
    for (let n = publicationsPerSecond * TICK_MS / 1_000; n > 0; n--) {
      void this.#publish(Math.floor(random() * this.channels.length));
    }
  }

  /** Publishes until it has a place. @param n that of the channel */
  async #mark(n: number): Promise<Position> {
    return await until("a publication has a place", () => this.#publish(n), {
      withinMs: PATIENCE_MS,
    });
  }

  /** @returns undefined where it stayed at one process, or was given up */
  async #publish(n: number): Promise<Position | undefined> {
    const channel = this.channels[n];
    const isLoose = n % 2 === 1;
    const some = this.#publishers.filter((_, place) => (place % 2 === 1) === isLoose);
    const publisher = some[Math.floor(this.#options.random() * some.length)];
    const number = ++this.#published;
    this.#unanswered.add(number);
    try {
      const published = await publisher.publish(channel, number);
      if (published?.degraded) {
        this.#degraded++;
        this.#stayedOn.add(channel);
        if (!isLoose) this.ledger.faults.push(`${number} stayed where Redis is required`);
        return undefined;
      }
      if (published === undefined) this.ledger.faults.push(`${number} has no place`);
      else this.ledger.acknowledge({ channel, number }, published);
      return published;
    } catch {
      this.#refused++;
    } finally {
      this.#unanswered.delete(number);
    }
  }
}
