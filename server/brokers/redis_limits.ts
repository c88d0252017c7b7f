/**
 * Limits of keys that hold for all nodes on one Redis. The connections of a key are a hash with a field
 * for each node; those of nodes without a lease do not count. A node repeats what it has, so that a Redis
 * that has lost it has it again. While Redis is away, nothing is known.
 *
 * @module
 */

import type { Cancel, Clock } from "../base/clock.ts";
import { type HubKeys, quotaKey } from "../redis/keys.ts";
import type { Later } from "./broker.ts";
import type { RedisEngines } from "./redis_engines.ts";
import type { CountRequest, KeyCount, Share, SharedLimits, ShareRequest } from "./shared_limits.ts";

/** How long Redis keeps the counts of a key that no node repeats, ms. */
const KEPT_MS = 120_000;

/** How often a node repeats them, ms. */
const REPEAT_EVERY_MS = 30_000;

/** Keys that are repeated in one request. */
const KEYS_PER_REQUEST = 500;

export interface RedisLimitsOptions {
  /** The name of this node. */
  readonly node: string;
  readonly clock: Pick<Clock, "after">;
  readonly prefix: string;
  readonly keys: HubKeys;
  readonly engines: Pick<RedisEngines, "of">;
}

export class RedisLimits implements SharedLimits {
  readonly #options: RedisLimitsOptions;
  /** What this node has, by key. */
  readonly #own = new Map<string, KeyCount>();
  #isClosed = false;
  #cancel: Cancel = () => {};

  constructor(options: RedisLimitsOptions) {
    this.#options = options;
    this.#schedule();
  }

  count(key: string, request: CountRequest): Later<boolean | undefined> {
    const { counted, uncounted } = request;
    // Where it is too many, the node tells soon what it has instead.
    if (counted + uncounted > 0) this.#own.set(key, { counted, uncounted });
    else this.#own.delete(key);
    return this.#send(key, request);
  }

  take(name: string, { amount, perMinute }: ShareRequest): Later<Share | undefined> {
    const { engines, prefix } = this.#options;
    const key = quotaKey(prefix, name);
    const engine = engines.of(key);
    if (engine.run === undefined) return undefined;
    return engine.commands.takeMessages(key, amount, perMinute).then(
      ([granted, waitMs]) => ({ granted, waitMs }),
      () => undefined,
    );
  }

  /** Redis is back, or has taken this node for lost: it may have none of what this node has. */
  async repeat(): Promise<void> {
    const keys = [...this.#own.keys()];
    for (let from = 0; from < keys.length; from += KEYS_PER_REQUEST) {
      const some = keys.slice(from, from + KEYS_PER_REQUEST);
      await Promise.all(some.map((key) => {
        const own = this.#own.get(key);
        return own && this.#send(key, own);
      }));
    }
  }

  /** Others do not count this node any more, once it has no lease. */
  close(): void {
    this.#isClosed = true;
    this.#cancel();
  }

  #send(
    key: string,
    { counted, uncounted, most }: CountRequest,
  ): Later<boolean | undefined> {
    const { engines, keys, node } = this.#options;
    const engine = engines.of(keys.leases);
    if (engine.run === undefined || this.#isClosed) return undefined;
    const bounds = most === undefined ? [] : [most.counted, most.uncounted];
    const request = [node, counted, uncounted, KEPT_MS, ...bounds];
    return engine.commands.countConnections(keys.leases, keys.connections(key), ...request).then(
      (isWithin) => isWithin === 1,
      () => undefined,
    );
  }

  #schedule(): void {
    this.#cancel = this.#options.clock.after(REPEAT_EVERY_MS, () => {
      this.#schedule();
      void this.repeat();
    });
  }
}
