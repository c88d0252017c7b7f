/**
 * Connections to Redis. Nothing is written twice, and nothing waits for a connection: a command that was
 * written may have been carried out, so who sent it is told that it was not answered.
 *
 * Of ioredis it knows the types alone: what makes connections is given.
 *
 * @module
 */

import type { Redis, RedisOptions } from "ioredis";

export type { Redis, RedisOptions };

/** How long a connection attempt may take, and an answer, ms. */
export const DEADLINE_MS = 3_000;

/** Longest time between two attempts to connect, ms. */
const MAX_RETRY_MS = 1_000;

/** What makes connections: ioredis, or what behaves as it does. */
export interface RedisDriver {
  /** Makes a connection, which `connect()` starts. */
  make(options: RedisOptions): Redis;
  /** Ends a connection. Resolves when its socket is closed. */
  end(connection: Redis): Promise<void>;
}

/** How connections are made, and made anew. */
export interface RedisPlatform {
  readonly driver: RedisDriver;
  /** In [0, 1). */
  readonly random: () => number;
}

/** Which Redis. */
export interface RedisLocation {
  /** See `REDIS_URL` in options.md. */
  readonly url: string;
  /** What all names begin with. */
  readonly prefix: string;
}

/** Makes a connection, which `connect()` starts. */
export function redisConnection(
  server: RedisOptions,
  { driver, random }: RedisPlatform,
  options: RedisOptions = {},
): Redis {
  return driver.make({
    ...server,
    lazyConnect: true,
    connectTimeout: DEADLINE_MS,
    // A timer for each answer, and not for each command, which would cost 4 µs (measured).
    socketTimeout: DEADLINE_MS,
    disconnectTimeout: 0,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: retryAfter(random),
    reconnectOnError: ({ message }: Error) => message.startsWith("READONLY"),
    ...options,
  });
}

function retryAfter(random: () => number): (attempt: number) => number {
  return (attempt) => {
    const afterMs = Math.min(MAX_RETRY_MS, 50 * 2 ** Math.min(attempt, 10));
    return Math.round(afterMs * (0.5 + random() / 2));
  };
}

/** Where connections go. */
export interface Servers {
  /** Whether the servers are nodes of a cluster, any of which knows all others. */
  readonly isCluster: boolean;
  readonly servers: readonly RedisOptions[];
}

/**
 * Where a URL leads: to a server, to the primary that sentinels name, or to some nodes of a cluster. With
 * `rediss` all is encrypted. Sentinels have a user of their own, if any.
 */
export function serversOf(url: string): Servers {
  const [, scheme, kind, userInfo, hosts, path, sentinelUserInfo] =
    /^(rediss?)(-sentinel|-cluster)?:\/\/(?:(.*)@)?([^/]+)\/?([^?]*)(?:\?sentinel=(.*))?$/i.exec(
      url,
    )!;
  const [username, password] = userOf(userInfo);
  const tls = scheme.toLowerCase() === "rediss" ? {} : undefined;
  const shared = { username: username || undefined, password, tls };
  if (kind === "-sentinel") {
    const [name, database = ""] = path.split("/");
    const [sentinelUsername, sentinelPassword] = userOf(sentinelUserInfo);
    const server = {
      ...shared,
      sentinelUsername: sentinelUsername || undefined,
      sentinelPassword,
      name: decode(name),
      db: Number(database),
      sentinels: addressesOf(hosts, 26_379),
      enableTLSForSentinelMode: tls !== undefined,
      sentinelTLS: tls,
    };
    return { isCluster: false, servers: [server] };
  }
  const servers = addressesOf(hosts, 6_379).map((address) => ({
    ...shared,
    ...address,
    db: Number(path),
  }));
  return { isCluster: kind === "-cluster", servers };
}

function userOf(userInfo: string | undefined): string[] {
  return userInfo === undefined ? [] : userInfo.split(/:(.*)/s).map(decode);
}

/** Hosts with ports, separated by commas; an IPv6 address stands in brackets. */
function addressesOf(hosts: string, usualPort: number): { host: string; port: number }[] {
  return hosts.split(",").map((address) => {
    const [, host, port] = /^\[?(.+?)\]?(?::(\d+))?$/.exec(address)!;
    return { host, port: port === undefined ? usualPort : Number(port) };
  });
}

/** A text that is no percent-encoded UTF-8 stands for itself. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
