/**
 * The engines of a node: one for a Redis, or one for each primary of a Redis Cluster, which has a part of
 * the slots. Each has its own connections, probes and run. Which primaries there are is read again when
 * a command was sent to the wrong one, while one is away, and now and then.
 *
 * @module
 */

import type { Cancel, Clock } from "../base/clock.ts";
import type { Logger } from "../logging/logging.ts";
import {
  type Redis,
  redisConnection,
  type RedisOptions,
  type RedisPlatform,
  serversOf,
} from "../redis/connection.ts";
import type { HubKeys } from "../redis/keys.ts";
import { slotOf, SLOTS } from "../redis/slot.ts";
import { Unavailable } from "./broker.ts";
import { RedisEngine } from "./redis_engine.ts";

/** How often the primaries of a cluster are read, ms. */
const LOOK_EVERY_MS = 30_000;

/** The same while one is away, ms. */
const LOOK_AGAIN_MS = 1_000;

/** From one reading to the next at least, ms. */
const MIN_LOOK_MS = 100;

/** What others need of the engine of a name. */
export type Engine = Pick<
  RedisEngine,
  | "run"
  | "returning"
  | "expectReturn"
  | "isConnected"
  | "commands"
  | "publish"
  | "subscribe"
  | "unsubscribe"
  | "roundTrip"
>;

export interface RedisEnginesOptions extends RedisPlatform {
  readonly url: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** The name of this node. */
  readonly node: string;
  readonly keys: HubKeys;
  /** Names that are always subscribed. */
  readonly names: readonly string[];
  /** A text was published under a name that is subscribed at an engine. */
  readonly onMessage: (name: string, text: string, engine: Engine) => void;
  /** The subscribing connection of an engine is new: nothing is subscribed. */
  readonly onConnected: (engine: Engine) => void;
  /** The subscribing connection of an engine is lost. */
  readonly onInterrupted: (engine: Engine) => void;
  /** All engines are up. */
  readonly onUp: () => void;
  /** Names have other engines than before. */
  readonly onMoved: () => void;
}

/** A primary, by its address, and the slots that it has. */
interface Primary {
  readonly host: string;
  readonly port: number;
  readonly ranges: (readonly [first: number, last: number])[];
}

export class RedisEngines {
  readonly #options: RedisEnginesOptions;
  readonly #isCluster: boolean;
  readonly #servers: readonly RedisOptions[];
  /** By address. */
  readonly #engines = new Map<string, RedisEngine>();
  /** Of a cluster: the engine of each slot. */
  #slots: (RedisEngine | undefined)[] = [];
  #looking: Promise<void> | undefined;
  /** What is asked now. */
  #asked: Redis | undefined;
  #lookedMs = -Infinity;
  #losses = 0;
  #isClosed = false;
  #cancel: Cancel = () => {};

  constructor(options: RedisEnginesOptions) {
    this.#options = options;
    const { isCluster, servers } = serversOf(options.url);
    this.#isCluster = isCluster;
    this.#servers = servers;
    if (!isCluster) this.#add("", servers[0], { probe: options.keys.probe, names: options.names });
  }

  /** Whether all are up, and have all slots. */
  get isUp(): boolean {
    const engines = [...this.#engines.values()];
    const isWhole = !this.#isCluster || this.#slots.filter(Boolean).length === SLOTS;
    return isWhole && engines.every(({ isUp }) => isUp);
  }

  /** Connections that were lost since the start. */
  get losses(): number {
    return [...this.#engines.values()].reduce((sum, { losses }) => sum + losses, this.#losses);
  }

  /** The engine of a name. */
  of(name: string): Engine {
    const [engine] = this.#engines.values();
    return (this.#isCluster ? this.#slots[slotOf(name)] : engine) ?? NO_ENGINE;
  }

  /** Connects. Resolves when all are up, or have not been for as long as a command may take. */
  async start(): Promise<void> {
    if (this.#isCluster) {
      await this.look();
      this.#schedule();
    } else await Promise.all(Array.from(this.#engines.values(), (engine) => engine.start()));
  }

  /** Reads which primaries a cluster has. */
  look(): Promise<void> {
    return this.#looking ??= this.#look().finally(() => this.#looking = undefined);
  }

  /** Whether Redis has answered that another primary has the slot, or none now: `look()` may help. */
  isMoved(error: unknown): boolean {
    return this.#isCluster && error instanceof Error &&
      /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN|READONLY) /.test(error.message);
  }

  /** A command has failed: the log gets a warning where Redis has refused it, once for each kind. */
  warnOf(error: unknown): void {
    const [engine] = this.#engines.values();
    engine?.warnOf(error);
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancel();
    this.#asked?.disconnect();
    await this.#looking;
    await Promise.all(Array.from(this.#engines.values(), (engine) => engine.close()));
  }

  #schedule(): void {
    const { clock } = this.#options;
    this.#cancel = clock.after(LOOK_AGAIN_MS, () => {
      this.#schedule();
      if (!this.isUp || this.#lookedMs + LOOK_EVERY_MS <= clock.now()) void this.look();
    });
  }

  async #look(): Promise<void> {
    const { clock, driver } = this.#options;
    const waitMs = this.#lookedMs + MIN_LOOK_MS - clock.now();
    if (waitMs > 0) await new Promise<void>((resolve) => clock.after(waitMs, resolve));
    this.#lookedMs = clock.now();
    const known = [...this.#engines.values()].map(({ server }) => server);
    for (const server of [...known, ...this.#servers]) {
      if (this.#isClosed) return;
      const connection = redisConnection(server, this.#options, { retryStrategy: () => null });
      connection.on("error", () => {}); // the next one is asked
      this.#asked = connection;
      const primaries = await primariesOf(connection, server).catch(() => undefined);
      this.#asked = undefined;
      if (connection.status !== "end") await driver.end(connection);
      if (primaries !== undefined) return await this.#use(primaries);
    }
  }

  async #use(primaries: ReadonlyMap<string, Primary>): Promise<void> {
    if (this.#isClosed) return;
    const { keys, names, onInterrupted, onMoved, onUp } = this.#options;
    const slots: (RedisEngine | undefined)[] = new Array(SLOTS).fill(undefined);
    const added: RedisEngine[] = [];
    const isIn = ({ ranges }: Primary, name: string) => {
      const slot = slotOf(name);
      return ranges.some(([first, last]) => first <= slot && slot <= last);
    };
    for (const [address, primary] of primaries) {
      const { host, port, ranges } = primary;
      const own = names.filter((name) => isIn(primary, name));
      let tag = 0;
      while (!isIn(primary, `${keys.probe}{${tag}}`)) tag++;
      const probe = `${keys.probe}{${tag}}`;
      let engine = this.#engines.get(address);
      if (engine === undefined) {
        const server = { ...this.#servers[0], host, port };
        added.push(engine = this.#add(address, server, { probe, names: own }));
      } else engine.listenTo([`${probe}${this.#options.node}`, ...own]);
      for (const [first, last] of ranges) slots.fill(engine, first, last + 1);
    }
    const gone = [...this.#engines].filter(([address]) => !primaries.has(address));
    const isMoved = slots.some((engine, slot) => engine !== this.#slots[slot]);
    this.#slots = slots;
    for (const [address, engine] of gone) {
      this.#engines.delete(address);
      this.#losses += engine.losses;
      void engine.close();
      onInterrupted(engine);
    }
    await Promise.all(added.map((engine) => engine.start()));
    if (!isMoved) return;
    onMoved();
    if (this.isUp) onUp();
  }

  #add(
    address: string,
    server: RedisOptions,
    { probe, names }: { readonly probe: string; readonly names: readonly string[] },
  ): RedisEngine {
    const { onMessage, onConnected, onInterrupted, onUp, node } = this.#options;
    const engine: RedisEngine = new RedisEngine({
      ...this.#options,
      server,
      isSharded: this.#isCluster,
      names: [probe + node, ...names],
      onMessage: (name, text) => onMessage(name, text, engine),
      onConnected: () => onConnected(engine),
      onInterrupted: () => onInterrupted(engine),
      onMoved: () => void this.look(),
      onUp: () => {
        if (this.isUp) onUp();
      },
    });
    this.#engines.set(address, engine);
    return engine;
  }
}

/** Of a slot that no primary has. */
const NO_ENGINE: Engine = {
  run: undefined,
  returning: undefined,
  expectReturn() {},
  isConnected: false,
  get commands(): never {
    throw new Unavailable("no primary has the slot");
  },
  publish: () => Promise.reject(new Unavailable("no primary has the slot")),
  subscribe: () => Promise.reject(new Unavailable("no primary has the slot")),
  unsubscribe() {},
  roundTrip: () => Promise.resolve(false),
};

/** The primaries that a node of a cluster knows, by address. */
async function primariesOf(
  connection: Redis,
  { host }: RedisOptions,
): Promise<ReadonlyMap<string, Primary>> {
  await connection.connect();
  const all = await connection.cluster("SLOTS") as unknown as [
    number,
    number,
    [string | null, number],
  ][];
  const primaries = new Map<string, Primary>();
  for (const [first, last, [name, port]] of all) {
    const primary = { host: name || host!, port, ranges: [] };
    const address = `${primary.host} ${port}`;
    if (!primaries.has(address)) primaries.set(address, primary);
    primaries.get(address)!.ranges.push([first, last]);
  }
  if (primaries.size === 0) throw new Unavailable("the cluster has no slots");
  return primaries;
}
