/**
 * Loads what needs Redis. A hub without one does not load ioredis.
 *
 * @module
 */

import process from "node:process";
/** What needs Redis. */
export interface RedisModules {
  readonly RedisBroker: typeof import("./redis.ts").RedisBroker;
  readonly RedisStore: typeof import("../stores/redis.ts").RedisStore;
  readonly IOREDIS: typeof import("../redis/ioredis.ts").IOREDIS;
}

/** Called before anything reads the environment at the same time. */
export async function loadRedis(): Promise<RedisModules> {
  const { env } = process;
  // A package of ioredis lists the whole environment when it is loaded, which the permissions forbid.
  process.env = {};
  try {
    return {
      ...await import("../redis/ioredis.ts"),
      ...await import("./redis.ts"),
      ...await import("../stores/redis.ts"),
    };
  } finally {
    process.env = env;
  }
}
