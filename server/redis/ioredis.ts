/**
 * Connections of ioredis, which is loaded where Redis is used alone.
 *
 * @module
 */

import { Redis } from "ioredis";
import type { RedisDriver } from "./connection.ts";

/** The driver of a hub on Redis. */
export const IOREDIS: RedisDriver = {
  make: (options) => new Redis(options),

  async end(connection) {
    // One that waits for its next attempt has no end, but a timer of this call.
    const isIdle = connection.status === "reconnecting";
    await new Promise<void>((resolve) => {
      connection.once("end", resolve);
      connection.disconnect();
      if (isIdle) setTimeout(resolve, 1);
    });
  },
};
