/**
 * Brokers of several nodes on one Redis of a test's own.
 *
 * @module
 */

import { RedisBroker, type RedisBrokerOptions } from "../../../server/brokers/redis.ts";
import type { Broadcast, Publication } from "../../../server/message.ts";
import { IOREDIS } from "../../../server/redis/ioredis.ts";
import { HISTORY_BOUNDS } from "../fakes/history_bounds.ts";
import { SkippingClock } from "../fakes/skipping_clock.ts";
import { until } from "../until.ts";
import { RedisServer } from "./redis_server.ts";

/** How much time passes at once: less than anything that is repeated while it passes. */
const STEP_MS = 2_000;

/** The same while Redis does not answer, between two looks at the machine's clock. */
const LATER_STEP_MS = 200;

/** A broker, and what its hub has got. */
export interface Node {
  readonly broker: RedisBroker;
  readonly got: readonly Broadcast[];
  /** What was published, by its data. */
  data(): string[];
}

/** Nodes on one Redis. */
export class TestNodes implements AsyncDisposable {
  /** The only one, or the first of a cluster. */
  readonly redis: RedisServer;
  readonly #url: string;
  /** All of a cluster. */
  readonly servers: readonly RedisServer[];
  readonly clock = new SkippingClock();
  /** What nodes have logged. */
  readonly log: string[] = [];
  readonly #brokers: RedisBroker[] = [];
  readonly #isOwner: boolean;
  #marks = 0;

  private constructor(servers: readonly RedisServer[], isOwner: boolean) {
    this.servers = servers;
    this.#isOwner = isOwner;
    this.redis = servers[0];
    this.#url = servers.length > 1
      ? this.redis.url.replace("redis:", "redis-cluster:")
      : this.redis.url;
  }

  /** Starts a Redis. */
  static async start(...flags: string[]): Promise<TestNodes> {
    return new TestNodes([await RedisServer.start(...flags)], true);
  }

  /** Starts a cluster of three primaries. */
  static async startCluster(): Promise<TestNodes> {
    return new TestNodes(await RedisServer.startCluster(), true);
  }

  /** On the three primaries of a cluster that others use afterwards. */
  static on(cluster: readonly RedisServer[]): TestNodes {
    return new TestNodes(cluster, false);
  }

  /** Makes a broker that has not started; it keeps a history of each channel but those below `off/`. */
  broker(options: Partial<RedisBrokerOptions> = {}): RedisBroker {
    const line = (message: string) => void this.log.push(message);
    const broker = new RedisBroker({
      ...HISTORY_BOUNDS,
      url: this.#url,
      prefix: "test:",
      driver: IOREDIS,
      isRequired: false,
      admissionPerSecond: 500,
      clock: this.clock,
      random: Math.random,
      newId: () => crypto.randomUUID(),
      keeps: (channel) => !channel.startsWith("off/"),
      log: { debug: line, info: line, warning: line, error: line },
      ...options,
    });
    this.#brokers.push(broker);
    return broker;
  }

  /** Makes a broker, which starts. */
  async node(options: Partial<RedisBrokerOptions> = {}): Promise<Node> {
    const broker = this.broker(options);
    const got: Broadcast[] = [];
    await broker.start((broadcast) => void got.push(broadcast));
    const data = () =>
      got.filter((each): each is Publication => each.kind === "publication").map((each) =>
        each.data
      );
    return { broker, got, data };
  }

  /** Resolves when all brokers that have started have got what was published so far. */
  async settle(): Promise<void> {
    const witness = await this.node();
    // Enough of them that each primary of a cluster has one.
    const count = this.servers.length === 1 ? 1 : 16;
    await Promise.all(Array.from({ length: count }, async () => {
      const channel = `off/settle/${++this.#marks}`;
      await witness.broker.subscribe(channel);
      await witness.broker.publish({ kind: "publication", channel, data: "1", timestamp: 1 });
    }));
    await until("messages of its own", () => witness.got.length === count);
    await witness.broker.close();
    // It was published last, and read by this process in the same turn as what came before, or later.
    await new Promise<void>((resolve) => this.clock.turn(() => this.clock.turn(resolve)));
  }

  /** Time passes, for Redis and for the brokers. */
  async pass(ms: number): Promise<void> {
    for (let leftMs = ms; leftMs > 0; leftMs -= STEP_MS) {
      const stepMs = Math.min(STEP_MS, leftMs);
      await Promise.all(this.servers.map((server) => server.age(stepMs)));
      this.clock.skip(stepMs);
      await this.settle();
    }
  }

  /** Waits for a condition, while time passes for the brokers and Redis does not answer. */
  async untilLater(what: string, condition: () => boolean): Promise<void> {
    await until(what, () => {
      if (condition()) return true;
      this.clock.skip(LATER_STEP_MS);
    });
  }

  /** The same, for a promise. */
  async later<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const settled = () => void (isSettled = true);
    promise.then(settled, settled);
    await this.untilLater("an answer, or none", () => isSettled);
    return await promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const broker of this.#brokers) await broker.close();
    if (!this.#isOwner) return;
    for (const server of this.servers) await server[Symbol.asyncDispose]();
  }
}
