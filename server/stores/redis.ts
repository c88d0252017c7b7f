/**
 * The Store on Redis: entries that all processes of the hub share. Each entry is a key that expires; an
 * index of each collection lists the ids. Redis' expiry frees space only, a little late: the time in the
 * entry decides.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import type { Redis, RedisLocation, RedisPlatform } from "../redis/connection.ts";
import { collectionKeys } from "../redis/keys.ts";
import { RedisRouter } from "../redis/router.ts";
import type { Entry, Store } from "./store.ts";

/** So much later an entry is freed than it expires, ms: the clocks of nodes differ. */
const SPARE_MS = 10_000;

const SCRIPTS = {
  /** Keys: entry, index. Arguments: the id, the value, how long it is kept, ms, its end, the time. */
  putEntry: {
    numberOfKeys: 2,
    lua: `
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
redis.call('ZADD', KEYS[2], ARGV[4], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[5])
if redis.call('PTTL', KEYS[2]) < tonumber(ARGV[3]) then
  redis.call('PEXPIRE', KEYS[2], ARGV[3])
end`,
  },
  /** Keys: entry, index. Argument: the id. Answers the value, if there is one. */
  takeEntry: {
    numberOfKeys: 2,
    lua: `
redis.call('ZREM', KEYS[2], ARGV[1])
return redis.call('GETDEL', KEYS[1])`,
  },
};

interface Commands extends Redis {
  putEntry(...args: (string | number)[]): Promise<void>;
  takeEntry(...args: (string | number)[]): Promise<string | null>;
}

type StoredValue = Omit<Entry, "id">;

export interface RedisStoreOptions extends RedisLocation, RedisPlatform {
  readonly clock: Pick<Clock, "wall">;
}

export class RedisStore implements Store {
  readonly #prefix: string;
  readonly #clock: Pick<Clock, "wall">;
  readonly #redis: RedisRouter<Commands>;

  private constructor(options: RedisStoreOptions) {
    const { url, prefix, clock } = options;
    this.#prefix = prefix;
    this.#clock = clock;
    this.#redis = new RedisRouter(url, options, SCRIPTS);
  }

  /** Connects. A Redis that is away is tried again, and its methods reject meanwhile. */
  static async open(options: RedisStoreOptions): Promise<RedisStore> {
    const store = new RedisStore(options);
    await store.#redis.start();
    return store;
  }

  async put(collection: string, { id, value, expiresAtMs }: Entry): Promise<void> {
    const wallMs = this.#clock.wall();
    const ttlMs = Math.max(1, Math.ceil(expiresAtMs - wallMs)) + SPARE_MS;
    const text = JSON.stringify({ value, expiresAtMs } satisfies StoredValue);
    const keys = this.#keys(collection, id);
    await this.#redis.send(
      keys[0],
      (redis) => redis.putEntry(...keys, id, text, ttlMs, expiresAtMs, wallMs - SPARE_MS),
    );
  }

  async get(collection: string, id: string): Promise<Entry | undefined> {
    const [entry] = this.#keys(collection, id);
    return this.#unexpired(id, await this.#redis.send(entry, (redis) => redis.get(entry)));
  }

  async take(collection: string, id: string): Promise<Entry | undefined> {
    const keys = this.#keys(collection, id);
    const text = await this.#redis.send(keys[0], (redis) => redis.takeEntry(...keys, id));
    return this.#unexpired(id, text);
  }

  async list(collection: string): Promise<Entry[]> {
    const [start, index] = this.#keys(collection, "");
    const ids = await this.#redis.send(index, (redis) => redis.zrange(index, "0", "-1"));
    if (ids.length === 0) return [];
    const entries = ids.map((id) => start + id);
    const texts = await this.#redis.send(index, (redis) => redis.mget(entries));
    return ids.flatMap((id, i) => this.#unexpired(id, texts[i]) ?? []);
  }

  async close(): Promise<void> {
    await this.#redis.close();
  }

  #keys(collection: string, id: string): [entry: string, index: string] {
    const start = collectionKeys(this.#prefix, collection);
    return [`${start}entry:${id}`, `${start}ids`];
  }

  #unexpired(id: string, text: string | null): Entry | undefined {
    if (text === null) return undefined;
    const stored: StoredValue = JSON.parse(text);
    return this.#clock.wall() < stored.expiresAtMs ? { id, ...stored } : undefined;
  }
}
