/**
 * The hubs that `deno task bench:cluster` compares: the same server as one process, and as several
 * processes or threads. Owns how many processes a setup has and what their environment is.
 *
 * @module
 */

import { OPTIONS } from "../../server/config/options.ts";
import { pathOf } from "../support/installed.ts";
import { startCommand } from "../support/server/server_process.ts";
import type { BenchProcesses, LoadProcess, ServerProcess } from "./bench_processes.ts";
import type { MissingServer } from "./results.ts";
import { SYSTOLE_ENV } from "./servers.ts";

/** The names by which `--servers` chooses, the one that others are compared with first. */
export const SETUP_NAMES = ["one", "two-apart", "one-redis", "two-redis", "workers"] as const;

/** The name of one setup. */
export type SetupName = typeof SETUP_NAMES[number];

/** A hub that can be started on this machine. */
export interface Setup {
  readonly name: SetupName;
  /** For people. */
  readonly label: string;
  readonly nodes: number;
  readonly usesRedis: boolean;
  /** Whether its processes are hubs of their own: what two cores cost each other, without a hub. */
  readonly isApart?: true;
  readonly env: Readonly<Record<string, string>>;
}

/** A hub under load, with the processes that drive it. */
export interface SetupSession {
  readonly server: Setup;
  readonly nodes: readonly ServerProcess[];
  readonly redis: { readonly pid: number } | undefined;
  /** The first one is the only one of most loads. */
  readonly loads: readonly LoadProcess[];
}

const SETUPS: Readonly<Record<SetupName, Omit<Setup, "name">>> = {
  one: { label: "one process", nodes: 1, usesRedis: false, env: {} },
  "two-apart": {
    label: "two processes apart",
    nodes: 2,
    usesRedis: false,
    isApart: true,
    env: {},
  },
  "one-redis": { label: "one process with Redis", nodes: 1, usesRedis: true, env: {} },
  "two-redis": { label: "two processes with Redis", nodes: 2, usesRedis: true, env: {} },
  workers: {
    label: "one process, WORKERS=2",
    nodes: 1,
    usesRedis: false,
    env: { WORKERS: "2" },
  },
};

/** Finds out which setups this machine and this server have. */
export function prepareSetups(
  names: readonly SetupName[],
): { servers: Setup[]; missing: MissingServer[] } {
  const servers: Setup[] = [];
  const missing: MissingServer[] = [];
  for (const name of names) {
    const setup = { name, ...SETUPS[name] };
    const why = whyNot(setup);
    if (why === undefined) servers.push(setup);
    else missing.push({ name, why });
  }
  return { servers, missing };
}

function whyNot({ usesRedis, env }: Setup): string | undefined {
  if (usesRedis && pathOf("redis-server") === undefined) return "redis-server is not on the PATH";
  const unknown = Object.keys(env).find((name) => !(name in OPTIONS));
  return unknown === undefined ? undefined : `this server has no option ${unknown}`;
}

/** Starts the processes of a hub, and so many that drive it. */
export async function startSetup(
  setup: Setup,
  { processes, redis, loads }: {
    processes: BenchProcesses;
    redis: { readonly pid: number; readonly port: number } | undefined;
    loads: number;
  },
): Promise<SetupSession> {
  const env: Record<string, string> = { ...SYSTOLE_ENV, HISTORY_MESSAGES: "256", ...setup.env };
  if (setup.usesRedis) {
    env.REDIS_URL = `redis://127.0.0.1:${redis!.port}`;
    env.REDIS_PREFIX = `${setup.name}:`;
  }
  const server = { name: setup.name, command: startCommand(), env };
  const starting = Array.from({ length: setup.nodes }, () => processes.startServer(server));
  return {
    server: setup,
    nodes: await Promise.all(starting),
    redis: setup.usesRedis ? redis : undefined,
    loads: Array.from({ length: loads }, () => processes.startLoad()),
  };
}
