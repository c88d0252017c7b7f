/**
 * Brokers of nodes on the simulated Redis without the rest of a simulation, for tests of one behaviour.
 *
 * @module
 */

import { RedisBroker, type RedisBrokerOptions } from "../../../server/brokers/redis.ts";
import type { Broadcast } from "../../../server/message.ts";
import { HISTORY_BOUNDS } from "../../support/fakes/history_bounds.ts";
import { SimProcess } from "./process.ts";
import { SimRandom } from "./random.ts";
import { redisDriver } from "./redis_connection.ts";
import { SimRedis } from "./redis_server.ts";
import { Scheduler } from "./scheduler.ts";

/** Longer than what was published is on its way, ms. */
export const SETTLE_MS = 20;

/** Brokers of several nodes on a simulated Redis, in virtual time that passes by itself. */
export class RedisWorld {
  readonly scheduler = new Scheduler();
  readonly random = new SimRandom("redis");
  readonly redis = new SimRedis(this.scheduler, this.random.fork("redis"));
  readonly #brokers: RedisBroker[] = [];
  #isOver = false;
  #untilMs = 0;
  readonly #run = this.#pass();

  broker(options: Partial<RedisBrokerOptions> = {}): RedisBroker {
    const name = `node ${this.#brokers.length + 1}`;
    const random = this.random.fork(name);
    const process = new SimProcess(name, this.scheduler, random);
    const broker = new RedisBroker({
      ...HISTORY_BOUNDS,
      url: "redis://redis.test",
      prefix: "test:",
      driver: redisDriver(this.redis, process),
      isRequired: false,
      admissionPerSecond: 500,
      clock: process,
      random: () => random.number(),
      newId: () => random.uuid(),
      keeps: (channel) => !channel.startsWith("off/"),
      log: { debug() {}, info() {}, warning() {}, error() {} },
      ...options,
    });
    this.#brokers.push(broker);
    return broker;
  }

  /** Makes a broker that has started. @returns what its hub gets, too */
  async node(
    options: Partial<RedisBrokerOptions> = {},
  ): Promise<{ broker: RedisBroker; got: Broadcast[] }> {
    const broker = this.broker(options);
    const got: Broadcast[] = [];
    await broker.start((broadcast) => void got.push(broadcast));
    return { broker, got };
  }

  /** Resolves when so much time has passed. */
  async pass(ms: number): Promise<void> {
    const { nowMs } = this.scheduler;
    this.#untilMs = nowMs + ms;
    while (this.scheduler.nowMs < nowMs + ms) await new Promise((resolve) => setTimeout(resolve));
  }

  async end(): Promise<void> {
    for (const broker of this.#brokers) await broker.close();
    this.#isOver = true;
    await this.#run;
  }

  async #pass(): Promise<void> {
    while (!this.#isOver) {
      const { nowMs } = this.scheduler;
      await this.scheduler.run(Math.max(nowMs + 0.1, this.#untilMs), () => false);
    }
  }
}
