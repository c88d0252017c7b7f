/**
 * The AdmissionRate of several nodes on one Redis: each admission is one script, whose time is that of
 * Redis. While Redis does not answer, each node admits its share, by the number of nodes that it has
 * last known.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import type { HubKeys } from "../redis/keys.ts";
import {
  type AdmissionRate,
  MAX_WAIT_MS,
  MemoryAdmissionRate,
  paceOf,
  slotsFrom,
  WINDOW_MS,
} from "./admission_rate.ts";
import type { Later } from "./broker.ts";
import type { Engine, RedisEngines } from "./redis_engines.ts";

/** How long Redis may take before the node decides alone, ms. */
const ANSWER_MS = 500;

/** How long a Redis that was late is not asked, ms: a node that drains cannot wait for each answer. */
const SILENT_MS = 1_000;

export interface RedisAdmissionRateOptions {
  /** Admissions a second of the whole hub; 0: it is not asked. */
  readonly perSecond: number;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly keys: HubKeys;
  readonly engines: Pick<RedisEngines, "of">;
  /** How many nodes there are, this one included. */
  readonly nodes: () => number;
}

export class RedisAdmissionRate implements AdmissionRate {
  readonly #options: RedisAdmissionRateOptions;
  readonly #share: MemoryAdmissionRate;
  /** It is not asked before. */
  #silentUntilMs = -Infinity;

  constructor(options: RedisAdmissionRateOptions) {
    this.#options = options;
    this.#share = new MemoryAdmissionRate(options);
  }

  admit(): Later<number> {
    const { perSecond, random, keys } = this.#options;
    const engine = this.#engine;
    if (!this.#answers(engine)) return this.#share.admit();
    const { stepMs, crowd } = paceOf(perSecond);
    const { admissions, nextSlot } = keys;
    const waitMs = Math.ceil(random() * MAX_WAIT_MS) || 1;
    return this.#inTime(
      engine.commands.admitSession(
        admissions,
        nextSlot,
        WINDOW_MS,
        crowd,
        stepMs,
        perSecond,
        MAX_WAIT_MS,
        waitMs,
      ),
      () => this.#share.admit(),
    );
  }

  giveBack(): void {
    const engine = this.#engine;
    if (engine.run === undefined) return this.#share.giveBack();
    engine.commands.lpop(this.#options.keys.admissions).catch(() => {}); // it is over in a second
  }

  slots(count: number): Later<readonly number[]> {
    const { perSecond, keys: { admissions, nextSlot } } = this.#options;
    const engine = this.#engine;
    if (!this.#answers(engine)) return this.#share.slots(count);
    const { stepMs, crowd } = paceOf(perSecond);
    const { commands } = engine;
    const first = commands.takeSlots(admissions, nextSlot, WINDOW_MS, crowd, stepMs, count);
    return this.#inTime(
      first.then((firstMs) => slotsFrom(firstMs, stepMs, count)),
      () => this.#share.slots(count),
    );
  }

  get #engine(): Engine {
    const { engines, keys } = this.#options;
    return engines.of(keys.admissions);
  }

  /** The answer of Redis, or another one when it has failed or is late. */
  async #inTime<T>(answer: Promise<T>, instead: () => T): Promise<T> {
    const { clock } = this.#options;
    const late = Promise.withResolvers<undefined>();
    const cancel = clock.after(ANSWER_MS, () => late.resolve(undefined));
    const answered = await Promise.race([answer.catch(() => undefined), late.promise]);
    cancel();
    if (answered === undefined) this.#silentUntilMs = clock.now() + SILENT_MS;
    return answered ?? instead();
  }

  #answers({ run }: Engine): boolean {
    return run !== undefined && this.#options.clock.now() >= this.#silentUntilMs;
  }
}
