/**
 * Loads the Redis broker, which nothing else of a hub without one needs: it takes a third of a second.
 *
 * @module
 */

import process from "node:process";
import type { RedisBroker, RedisBrokerOptions } from "./redis.ts";

/** Makes a Redis broker. */
export type MakeRedisBroker = (options: RedisBrokerOptions) => RedisBroker;

/** Called before anything reads the environment at the same time. */
export async function loadRedis(): Promise<MakeRedisBroker> {
  const { env } = process;
  // A package of ioredis lists the whole environment when it is loaded, which the permissions forbid.
  process.env = {};
  try {
    const { RedisBroker } = await import("./redis.ts");
    return (options) => new RedisBroker(options);
  } finally {
    process.env = env;
  }
}
