/**
 * A server under load and the process that drives it, and how the servers take turns.
 * Owns their starts and ends, and what is measured around one run; knows no load.
 *
 * Where CPU is compared, all servers are started first, and then driven in turn, one run each, never
 * two at once: a machine that gets slower meanwhile slows all. The order rotates, since each finds
 * the machine as its predecessor leaves it. Where memory is read, each server is alone.
 *
 * @module
 */

import type { BenchProcesses, LoadProcess, ServerProcess } from "./bench_processes.ts";
import { CpuMeter } from "./measure.ts";
import type { FigureName } from "./figures.ts";
import type { Results } from "./results.ts";
import type { BenchServer } from "./servers.ts";
import type { LoadName, Sizes } from "./sizes.ts";

/** What the turns of servers need. */
export interface TurnContext<Server> {
  processes: BenchProcesses;
  servers: readonly Server[];
  sizes: { readonly repetitions: number };
  results: Pick<Results<string>, "fail">;
}

/** What a load works with. */
export interface LoadContext extends TurnContext<BenchServer> {
  sizes: Sizes;
  results: Results<FigureName>;
}

/** A server under load, with the process that drives it. */
export interface Session {
  server: BenchServer;
  process: ServerProcess;
  load: LoadProcess;
}

/** What is done to servers in turn. */
export interface Turns<Session> {
  prepare(session: Session): Promise<void>;
  runs: readonly ((session: Session) => Promise<void>)[];
}

/** Starts all servers, each prepared, and then makes each run with each of them, in turn. */
export async function inTurn<Server extends { name: string }, Session extends { server: Server }>(
  context: TurnContext<Server>,
  load: string,
  { start, prepare, runs }: Turns<Session> & { start(server: Server): Promise<Session> },
): Promise<void> {
  const started: Session[] = [];
  await Promise.all(
    context.servers.map((server, index) =>
      attempt(context, { server, load }, async () => void (started[index] = await start(server)))
    ),
  );
  const sessions: Session[] = [];
  for (const session of started.filter((session) => session !== undefined)) {
    await attempt(context, { server: session.server, load }, async () => {
      await prepare(session);
      sessions.push(session);
    });
  }
  const failed = new Set<Session>();
  for (let repetition = 0; repetition < context.sizes.repetitions; repetition++) {
    const first = repetition % Math.max(1, sessions.length);
    const order = [...sessions.slice(first), ...sessions.slice(0, first)];
    for (const run of runs) {
      for (const session of order.filter((session) => !failed.has(session))) {
        const done = await attempt(
          context,
          { server: session.server, load },
          () => run(session),
        );
        if (!done) failed.add(session);
      }
    }
  }
  await context.processes.stopAll();
}

/** The same with servers of one process each. */
export function takeTurns(
  context: LoadContext,
  load: LoadName,
  turns: Turns<Session>,
): Promise<void> {
  return inTurn(context, load, { ...turns, start: (server) => start(context, { server }) });
}

/** Measures each server alone. */
export async function oneByOne(
  context: LoadContext,
  load: LoadName,
  measure: (server: BenchServer) => Promise<void>,
): Promise<void> {
  for (const server of context.servers) {
    await attempt(context, { server, load }, () => measure(server));
  }
}

/** What one server does not carry is a result, too: the others are still measured. */
async function attempt(
  { results }: Pick<TurnContext<unknown>, "results">,
  { server, load }: { server: { name: string }; load: string },
  body: () => Promise<void>,
): Promise<boolean> {
  try {
    await body();
    return true;
  } catch (error) {
    results.fail(server.name, load, error instanceof Error ? error.message : String(error));
    return false;
  }
}

/** Which server, and what its environment has beside its own. */
export interface StartOptions {
  server: BenchServer;
  env?: Record<string, string>;
}

async function start({ processes }: LoadContext, options: StartOptions): Promise<Session> {
  const { server, env } = options;
  const load = processes.startLoad();
  try {
    return { server, load, process: await processes.startServer(server, env) };
  } catch (error) {
    await processes.stop(load);
    throw error;
  }
}

/** Runs a body over one server, and ends it. */
export async function withSession(
  context: LoadContext,
  options: StartOptions,
  body: (session: Session) => Promise<void>,
): Promise<void> {
  const session = await start(context, options);
  try {
    await body(session);
  } finally {
    await context.processes.stop(session.load);
    await context.processes.stop(session.process);
  }
}

/** What one run came to. */
export interface Metered<Answer> {
  answer: Answer;
  /** CPU time of the server, all its threads. */
  cpuUs: number;
  /** Share of a core that the load process used. */
  loadBusy: number;
}

/** Measures both processes during a run. */
export async function metered<Answer extends { elapsedMs: number }>(
  { process, load }: Session,
  run: () => Promise<Answer>,
): Promise<Metered<Answer>> {
  const serverCpu = new CpuMeter(process.pid);
  const loadCpu = new CpuMeter(load.pid);
  const answer = await run();
  const cpuUs = serverCpu.usedUs();
  return { answer, cpuUs, loadBusy: loadCpu.usedUs() / (answer.elapsedMs * 1_000) };
}

/** CPU time of a process over a pause. */
export async function meteredPause(
  pid: number,
  ms: number,
): Promise<{ cpuUs: number; elapsedMs: number }> {
  const cpu = new CpuMeter(pid);
  const { elapsedMs } = await pauseMeasured(ms);
  return { cpuUs: cpu.usedUs(), elapsedMs };
}

/** A pause, and how long it was. */
export async function pauseMeasured(ms: number): Promise<{ elapsedMs: number }> {
  const startMs = performance.now();
  await pause(ms);
  return { elapsedMs: performance.now() - startMs };
}

/** Resolves after so many milliseconds. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
