/**
 * A Redis of a test's own, on a free port of the loopback interface and with a folder of its own. It can
 * be stopped for a while, killed, and started again with its data or without.
 *
 * @module
 */

import { Redis } from "ioredis";
import { pathOf } from "../installed.ts";
import { until, within } from "../until.ts";

const PROGRAM = "redis-server";

/** How long it may take to start or to end. */
const START_MS = 20_000;

/** Its folder for append-only files. */
const DATA = "appendonlydir";

const CLUSTER_FLAGS = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"];

/** Takes time off all that expires, and off the times in the streams: as if that time had passed. */
const AGE = `
local ms = tonumber(ARGV[1])
for _, key in ipairs(redis.call('KEYS', '*')) do
  local ttl = redis.call('PTTL', key)
  if ttl >= 0 and ttl <= ms then
    redis.call('DEL', key)
  else
    if redis.call('TYPE', key).ok == 'stream' then
      local entries = redis.call('XRANGE', key, '-', '+')
      redis.call('DEL', key)
      for _, entry in ipairs(entries) do
        local place, time, rest = string.match(entry[2][2], '^(%S+ %S+) (%d+) (.*)$')
        local text = place .. ' ' .. string.format('%.0f', time - ms) .. ' ' .. rest
        redis.call('XADD', key, entry[1], 'm', text)
      end
    end
    if ttl >= 0 then redis.call('PEXPIRE', key, ttl - ms) end
  end
end`;

export class RedisServer implements AsyncDisposable {
  readonly #folder: string;
  readonly #port: number;
  readonly #args: readonly string[];
  #password: string | undefined;
  #child!: Deno.ChildProcess;

  private constructor(folder: string, port: number, args: readonly string[]) {
    this.#folder = folder;
    this.#port = port;
    this.#args = args;
  }

  /** Starts one. @param flags beside the usual ones; the data are kept nowhere without any */
  static async start(...flags: string[]): Promise<RedisServer> {
    // Without `--save` Redis would save by itself.
    return await RedisServer.#start(await Deno.makeTempDir(), [
      ...["--save", "", "--appendonly", "no"],
      // A replica is served at once, and not 5 s after it has asked.
      ...["--repl-diskless-sync-delay", "0", ...flags],
    ]);
  }

  /**
   * Starts a replica of a primary, and a sentinel that watches both under the name `main` and decides
   * alone.
   *
   * @param password that the sentinel requires, also of its user `hub`
   */
  static async startSentinel(
    primary: RedisServer,
    password?: string,
  ): Promise<{ readonly replica: RedisServer; readonly sentinel: RedisServer }> {
    const replica = await RedisServer.start("--replicaof", "127.0.0.1", `${primary.port}`);
    await until("the replica is in step", () => replica.isInStep(), { withinMs: START_MS });
    const folder = await Deno.makeTempDir();
    const file = `${folder}/sentinel.conf`;
    await Deno.writeTextFile(
      file,
      `sentinel monitor main 127.0.0.1 ${primary.#port} 1\n` +
        "sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 5000\n" +
        (password ? `requirepass ${password}\nuser hub on >${password} &* +@all\n` : ""),
    );
    const sentinel = await RedisServer.#start(folder, [file, "--sentinel"], password);
    await until("the sentinel knows the replica", async () => {
      const replicas = await sentinel.command("SENTINEL", "REPLICAS", "main") as unknown[];
      return replicas.length === 1;
    }, { withinMs: START_MS });
    return { replica, sentinel };
  }

  /** Starts three primaries of a cluster. */
  static async startCluster(): Promise<RedisServer[]> {
    const servers = await Promise.all([1, 2, 3].map(() => RedisServer.start(...CLUSTER_FLAGS)));
    const bounds = [0, 5_461, 10_923, 16_384];
    for (const [i, server] of servers.entries()) {
      await server.command("CLUSTER", "ADDSLOTSRANGE", bounds[i], bounds[i + 1] - 1);
      if (i > 0) await server.command("CLUSTER", "MEET", "127.0.0.1", servers[0].port);
    }
    for (const server of servers) {
      await until("a whole cluster", async () => {
        const slots = await server.command("CLUSTER", "SLOTS") as unknown[];
        const info = String(await server.command("CLUSTER", "INFO"));
        return slots.length === 3 && info.includes("cluster_state:ok");
      }, { withinMs: START_MS });
    }
    return servers;
  }

  /** Moves a slot of a cluster from one primary to another, with its keys. */
  static async moveSlot(slot: number, [source, target]: readonly RedisServer[]): Promise<void> {
    const from = String(await source.command("CLUSTER", "MYID"));
    const to = String(await target.command("CLUSTER", "MYID"));
    await target.command("CLUSTER", "SETSLOT", slot, "IMPORTING", from);
    await source.command("CLUSTER", "SETSLOT", slot, "MIGRATING", to);
    const read = () => source.command("CLUSTER", "GETKEYSINSLOT", slot, 1_000) as Promise<string[]>;
    for (let keys = await read(); keys.length > 0; keys = await read()) {
      await source.command("MIGRATE", "127.0.0.1", target.port, "", 0, 5_000, "KEYS", ...keys);
    }
    for (const server of [target, source]) {
      await server.command("CLUSTER", "SETSLOT", slot, "NODE", to);
    }
  }

  /**
   * Has a cluster for all tests of the file that calls this, since one takes 2 s to start: Redis lets no
   * primary be written sooner.
   *
   * @returns gives it without data
   */
  static clusterOfFile(): () => Promise<readonly RedisServer[]> {
    let servers: readonly RedisServer[];
    Deno.test.beforeAll(async () => void (servers = await RedisServer.startCluster()));
    Deno.test.afterAll(async () => {
      for (const server of servers) await server[Symbol.asyncDispose]();
    });
    return async () => {
      await Promise.all(servers.map((server) => server.command("FLUSHALL")));
      return servers;
    };
  }

  /** Starts a replica of the first primary of a cluster. */
  static async startReplica(servers: readonly RedisServer[]): Promise<RedisServer> {
    const [primary] = servers;
    const replica = await RedisServer.start(
      ...CLUSTER_FLAGS,
      "--cluster-replica-validity-factor",
      "0",
    );
    await replica.command("CLUSTER", "MEET", "127.0.0.1", primary.port);
    const id = String(await primary.command("CLUSTER", "MYID"));
    await until(
      "a replica",
      () => replica.command("CLUSTER", "REPLICATE", id).then(() => true, () => false),
    );
    await until("a replica in step that all know", async () => {
      const knowers = await Promise.all(
        servers.map(async (server) =>
          String(await server.command("CLUSTER", "NODES")).includes(`slave ${id}`)
        ),
      );
      return await replica.isInStep() && knowers.every((knows) => knows);
    }, { withinMs: START_MS });
    return replica;
  }

  static async #start(
    folder: string,
    args: readonly string[],
    password?: string,
  ): Promise<RedisServer> {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr as Deno.NetAddr;
    listener.close();
    const server = new RedisServer(folder, port, args);
    server.#password = password;
    await server.restart();
    return server;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.#port}`;
  }

  /** Starts it again, with what its folder has. */
  async restart(): Promise<void> {
    const program = pathOf(PROGRAM);
    if (program === undefined) throw new Error(`${PROGRAM} is missing`);
    this.#child = new Deno.Command(program, {
      args: [
        ...this.#args,
        ...["--port", `${this.#port}`, "--bind", "127.0.0.1", "--dir", this.#folder],
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    await until("Redis answers", () => this.command("PING").then(() => true, () => false), {
      withinMs: START_MS,
    });
  }

  /** Sends one command. */
  async command(name: string, ...args: (string | number)[]): Promise<unknown> {
    const connection = new Redis(this.url, {
      lazyConnect: true,
      password: this.#password,
      retryStrategy: () => null,
      disableClientInfo: true,
    });
    connection.on("error", () => {}); // `connect()` rejects, too
    await connection.connect();
    try {
      return await connection.call(name, ...args);
    } finally {
      const ended = new Promise<void>((resolve) => connection.once("end", resolve));
      connection.disconnect();
      await ended;
    }
  }

  /** Whether it is a primary; false also while it does not say. */
  async isPrimary(): Promise<boolean> {
    return /role:master/.test(await this.#replication());
  }

  /** Whether it is a replica that has all data. */
  async isInStep(): Promise<boolean> {
    return /master_link_status:up/.test(await this.#replication());
  }

  /** A sentinel ends all connections of a replica that it promotes. */
  async #replication(): Promise<string> {
    return String(await this.command("INFO", "replication").catch(() => ""));
  }

  /** Time passes, for what it has kept. */
  async age(ms: number): Promise<void> {
    await this.command("EVAL", AGE, 0, ms);
  }

  /** It answers nothing more, and its connections stay open. */
  freeze(): void {
    this.#child.kill("SIGSTOP");
  }

  /** It goes on. */
  thaw(): void {
    this.#child.kill("SIGCONT");
  }

  /** Ends it at once. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await within("the end of Redis", START_MS, this.#child.status);
  }

  /** Copies its append-only files. @returns puts the copy in their place, while it does not run */
  async copyData(): Promise<() => Promise<void>> {
    const copy = `${this.#folder}/copy`;
    await copyFiles(`${this.#folder}/${DATA}`, copy);
    return async () => {
      await this.removeData();
      await Deno.rename(copy, `${this.#folder}/${DATA}`);
    };
  }

  /** Removes its append-only files, while it does not run. */
  async removeData(): Promise<void> {
    await Deno.remove(`${this.#folder}/${DATA}`, { recursive: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill().catch(() => {}); // it has ended already
    await Deno.remove(this.#folder, { recursive: true });
  }
}

async function copyFiles(from: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  for await (const { name } of Deno.readDir(from)) {
    await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}
