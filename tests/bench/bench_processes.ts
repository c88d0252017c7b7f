/**
 * The processes of a bench: servers and the load, each a child with its own pid to measure.
 * Owns them from start to end: whatever ends the bench, `stopAll()` leaves none behind.
 *
 * @module
 */

import { get } from "node:http";
import { type LoadCalls, type LoadReply, readJsonLines } from "./load_calls.ts";
import { pathOf } from "../support/installed.ts";
import type { BenchServer } from "./servers.ts";

const ROOT = new URL("../../", import.meta.url);
const READY_WITHIN_MS = 20_000;
const READY_POLL_MS = 50;

/**
 * All that children inherit: what Deno needs to find itself, its cache and its registry. An option
 * of the server that happens to be set in the user's shell would change what is measured.
 */
const INHERITED = [
  "PATH",
  "HOME",
  "XDG_CACHE_HOME",
  "DENO_DIR",
  "DENO_CERT",
  "NPM_CONFIG_REGISTRY",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
];

/** A server drains for at most 4.5 s (SHUTDOWN_MS); the connections are gone before it is asked. */
const STOP_WITHIN_MS = 5_000;

/** A server under load, ready. */
export interface ServerProcess {
  pid: number;
  port: number;
}

/** The children of one bench. */
export class BenchProcesses {
  readonly #children: Deno.ChildProcess[] = [];

  /** When the user ends the bench: cleans up, and then ends this process. */
  onSignals(clean: () => Promise<void>): void {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      Deno.addSignalListener(signal, async () => {
        await clean();
        Deno.exit(130);
      });
    }
  }

  /** @throws Error when the server ends, or is not ready in time. */
  async startServer(
    { name, command, env }: Pick<BenchServer, "name" | "command" | "env">,
    moreEnv: Record<string, string> = {},
  ): Promise<ServerProcess> {
    const port = freePort();
    const child = this.#spawn({
      command,
      env: { ...env, ...moreEnv, PORT: String(port) },
      stdin: "null",
      // A report on stdout, JSON perhaps, is not to be mixed with what servers say there.
      stdout: "null",
    });
    await untilReady(child, { name, isReady: () => isReady(port) });
    return { pid: child.pid, port };
  }

  /** Starts a Redis that keeps its data in memory alone. @throws Error as `startServer()`. */
  async startRedis(): Promise<ServerProcess> {
    const port = freePort();
    const listens = ["--port", `${port}`, "--bind", "127.0.0.1"];
    const child = this.#spawn({
      command: [pathOf("redis-server")!, ...listens, "--save", "", "--appendonly", "no"],
      env: {},
      stdin: "null",
      stdout: "null",
    });
    await untilReady(child, { name: "redis-server", isReady: () => listensOn(port) });
    return { pid: child.pid, port };
  }

  /** Starts the load process. */
  startLoad(): LoadProcess {
    const child = this.#spawn({
      command: [Deno.execPath(), "run", "--allow-net", "tests/bench/load.ts"],
      env: {},
      stdin: "piped",
      stdout: "piped",
    });
    return new LoadProcess(child);
  }

  /** Ends one child, and waits for its end. */
  async stop({ pid }: { pid: number }): Promise<void> {
    const index = this.#children.findIndex((child) => child.pid === pid);
    if (index < 0) return;
    const [child] = this.#children.splice(index, 1);
    await endChild(child);
  }

  /** Ends all that are left; the load first, so that no server has clients to close. */
  async stopAll(): Promise<void> {
    for (const child of this.#children.splice(0).toReversed()) await endChild(child);
  }

  #spawn({ command: [program, ...args], env, stdin, stdout }: SpawnOptions): Deno.ChildProcess {
    const child = new Deno.Command(program, {
      args,
      cwd: ROOT,
      env: { ...inheritedEnv(), ...env },
      clearEnv: true,
      stdin,
      stdout,
      stderr: "inherit",
    }).spawn();
    this.#children.push(child);
    return child;
  }
}

interface SpawnOptions {
  /** Program and arguments. */
  command: string[];
  env: Record<string, string>;
  stdin: "null" | "piped";
  stdout: "null" | "piped";
}

/** The bench's handle on its load process; one call at a time. */
export class LoadProcess {
  /** For a CpuMeter: whether the load, not the server, was the bottleneck. */
  readonly pid: number;
  readonly #requests: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #replies: AsyncGenerator<LoadReply>;

  /** @param child with stdin and stdout piped. */
  constructor(child: Deno.ChildProcess) {
    this.pid = child.pid;
    this.#requests = child.stdin.getWriter();
    this.#replies = readJsonLines<LoadReply>(child.stdout);
  }

  /** @throws Error with the load's own words when it could not do what was asked. */
  async call<Call extends keyof LoadCalls>(
    call: Call,
    ask: LoadCalls[Call]["ask"],
  ): Promise<LoadCalls[Call]["answer"]> {
    await this.#requests.write(new TextEncoder().encode(JSON.stringify({ call, ask }) + "\n"));
    const { value: reply, done } = await this.#replies.next();
    if (done) throw new Error(`The load process ended during ${call}`);
    if (reply.kind === "failure") throw new Error(reply.message);
    return reply.answer as LoadCalls[Call]["answer"];
  }
}

/** @throws Error when the child ends, or is not ready in time. */
async function untilReady(
  child: Deno.ChildProcess,
  { name, isReady }: { name: string; isReady(): Promise<boolean> },
): Promise<void> {
  let hasEnded = false;
  child.status.then(() => hasEnded = true);
  for (const startMs = performance.now(); performance.now() - startMs < READY_WITHIN_MS;) {
    if (hasEnded) throw new Error(`${name} ended before it was ready`);
    if (await isReady()) return;
    await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
  }
  throw new Error(`${name} was not ready within ${READY_WITHIN_MS} ms`);
}

/** SIGTERM, and SIGKILL for whoever does not listen. Does nothing to a child that has ended. */
async function endChild(child: Deno.ChildProcess): Promise<void> {
  const tryKill = (signal: Deno.Signal) => {
    try {
      child.kill(signal);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // "Child process has already terminated"
    }
  };
  tryKill("SIGTERM");
  const timer = setTimeout(() => tryKill("SIGKILL"), STOP_WITHIN_MS);
  await child.status;
  clearTimeout(timer);
}

function inheritedEnv(): Record<string, string> {
  const set = INHERITED.map((name) => [name, Deno.env.get(name)] as const);
  return Object.fromEntries(
    set.filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

/** Somebody could take it before the server does, but then the server says so and the bench ends. */
function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

async function listensOn(port: number): Promise<boolean> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  } catch {
    return false;
  }
}

/** By `node:http`, since `fetch` would ask the proxy of an environment that has one. */
function isReady(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  get({ host: "127.0.0.1", port, path: "/readyz", agent: false }, (response) => {
    response.resume();
    resolve(response.statusCode === 200);
  }).on("error", () => resolve(false)); // nobody listens yet
  return promise;
}
