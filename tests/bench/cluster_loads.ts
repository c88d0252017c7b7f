/**
 * The loads of `deno task bench:cluster`: what is done to each setup, and which figures come of it.
 * Owns the course of each load; how setups take turns is in `sessions.ts`.
 *
 * @module
 */

import type { BenchProcesses } from "./bench_processes.ts";
import type { ClusterFigureName } from "./cluster_figures.ts";
import type { ClusterLoadName, ClusterSizes } from "./cluster_sizes.ts";
import { CpuMeter } from "./measure.ts";
import type { Results, Sample } from "./results.ts";
import { inTurn, pause, type TurnContext, type Turns } from "./sessions.ts";
import { type Setup, type SetupName, type SetupSession, startSetup } from "./setups.ts";
import { SYSTOLE } from "./wire.ts";

/** What a load works with. */
export interface ClusterContext extends TurnContext<Setup> {
  processes: BenchProcesses;
  sizes: ClusterSizes;
  results: Results<ClusterFigureName>;
}

/** Publications in flight, each with its figure. */
const LEVELS: readonly { inFlight: number; figure: ClusterFigureName }[] = [
  { inFlight: 1, figure: "fanout1" },
  { inFlight: 4, figure: "fanout4" },
  { inFlight: 16, figure: "fanout16" },
];

/** The level of which more is measured. */
const LEVEL = 4;

const US_PER_MS = 1_000;

/** Each load by its name. */
export const CLUSTER_LOADS: Record<ClusterLoadName, (context: ClusterContext) => Promise<void>> = {
  fanout: measureFanout,
  throughput: measureThroughput,
  latency: measureLatency,
  publish: measurePublish,
  resume: measureResume,
};

/** CPU per delivery where half of the subscribers is on each process. */
async function measureFanout(context: ClusterContext): Promise<void> {
  const { sizes: { fanout, dataBytes }, results } = context;
  const { subscribers, runMs, warmUpMs } = fanout;
  await takeTurns(context, "fanout", {
    async prepare({ nodes, loads: [load] }) {
      const target = { port: nodes[0].port, wire: SYSTOLE, dataBytes };
      await load.call("openFanout", { ...target, subscribers, subscriberPorts: portsOf(nodes) });
      for (const { inFlight } of LEVELS) {
        await load.call("closedLoop", { inFlight, durationMs: warmUpMs });
      }
    },
    runs: LEVELS.map(({ inFlight, figure }) => async (session) => {
      const { answer, cpuUs, redisUs, busiestShare, loadBusy } = await metered(
        session,
        () => session.loads[0].call("closedLoop", { inFlight, durationMs: runMs }),
      );
      const { name } = session.server;
      const { deliveries, publications } = answer;
      results.count(name, "fanout", { what: "deliveries", count: deliveries });
      results.record(name, figure, { value: cpuUs / deliveries, loadBusy });
      if (inFlight !== LEVEL) return;
      results.record(name, "busiest", { value: busiestShare * 100, loadBusy });
      if (redisUs === undefined) return;
      results.record(name, "fanoutRedis", { value: redisUs / publications, loadBusy });
    }),
  });
}

/** Deliveries in a second, driven by two processes that have a channel each. */
async function measureThroughput(context: ClusterContext): Promise<void> {
  const { sizes: { throughput, dataBytes }, results } = context;
  const { subscribers, inFlight, runMs, warmUpMs } = throughput;
  const run = ({ loads }: SetupSession, durationMs: number) =>
    Promise.all(loads.map((load) => load.call("closedLoop", { inFlight, durationMs })));
  await takeTurns(context, "throughput", {
    async prepare(session) {
      const { nodes, loads, server: { isApart } } = session;
      for (const [index, load] of loads.entries()) {
        const { port } = nodes[index % nodes.length];
        await load.call("openFanout", {
          port,
          wire: SYSTOLE,
          dataBytes,
          channel: `c${index}`,
          subscribers,
          subscriberPorts: isApart ? [port] : portsOf(nodes),
        });
      }
      await run(session, warmUpMs);
    },
    runs: [async (session) => {
      const { answer, cpuUs, loadBusy } = await metered(session, async () => {
        const figures = await run(session, runMs);
        return {
          deliveries: figures.reduce((sum, { deliveries }) => sum + deliveries, 0),
          elapsedMs: Math.max(...figures.map(({ elapsedMs }) => elapsedMs)),
        };
      });
      const { name } = session.server;
      const { deliveries, elapsedMs } = answer;
      results.count(name, "throughput", { what: "deliveries", count: deliveries });
      results.record(name, "throughput", { value: deliveries / elapsedMs, loadBusy });
      results.record(name, "throughputCpu", { value: cpuUs / deliveries, loadBusy });
    }],
  }, { loads: 2 });
}

/** Latency where the publisher is on one process and all subscribers are on the other. */
async function measureLatency(context: ClusterContext): Promise<void> {
  const { sizes: { latency, dataBytes }, results } = context;
  const { subscribers, ...schedule } = latency;
  const samples = new Map<SetupName, { p50: Sample; p99: Sample }[]>();
  await takeTurns(context, "latency", {
    async prepare({ nodes, loads: [load], server }) {
      const subscriberPorts = [nodes.at(-1)!.port];
      const target = { port: nodes[0].port, wire: SYSTOLE, dataBytes };
      await load.call("openFanout", { ...target, subscribers, subscriberPorts });
      await load.call("openLoop", schedule);
      samples.set(server.name, []);
    },
    runs: [async (session) => {
      const { answer, loadBusy } = await metered(
        session,
        () => session.loads[0].call("openLoop", schedule),
      );
      const { name } = session.server;
      const { p50Us, p99Us, deliveries } = answer;
      const p50 = { value: p50Us / US_PER_MS, loadBusy };
      const p99 = { value: p99Us / US_PER_MS, loadBusy };
      results.count(name, "latency", { what: "deliveries", count: deliveries });
      results.record(name, "latency50", p50);
      results.record(name, "latency99", p99);
      samples.get(name)!.push({ p50, p99 });
    }],
  });
  recordAdded(samples, results);
}

/** What each run took longer than that of one process in the same turn. */
function recordAdded(
  samples: ReadonlyMap<SetupName, { p50: Sample; p99: Sample }[]>,
  results: Results<ClusterFigureName>,
): void {
  const alone = samples.get("one") ?? [];
  for (const [name, runs] of samples) {
    if (name === "one" || runs.length !== alone.length) continue; // it failed
    for (const [turn, { p50, p99 }] of runs.entries()) {
      const added = ({ value, loadBusy }: Sample, { value: without }: Sample) => ({
        value: value - without,
        loadBusy,
      });
      results.record(name, "added50", added(p50, alone[turn].p50));
      results.record(name, "added99", added(p99, alone[turn].p99));
    }
  }
}

/** CPU per message of clients that publish to themselves, on a channel that keeps it. */
async function measurePublish(context: ClusterContext): Promise<void> {
  const { sizes: { publish: { clients, runMs, warmUpMs }, dataBytes }, results } = context;
  await takeTurns(context, "publish", {
    async prepare({ nodes, loads: [load] }) {
      const ports = portsOf(nodes);
      await load.call("openOwn", { port: ports[0], ports, wire: SYSTOLE, clients, dataBytes });
      await load.call("runOwn", { durationMs: warmUpMs });
    },
    runs: [async (session) => {
      const { answer: { messages }, cpuUs, redisUs, loadBusy } = await metered(
        session,
        () => session.loads[0].call("runOwn", { durationMs: runMs }),
      );
      const { name } = session.server;
      results.count(name, "publish", { what: "messages", count: messages });
      results.record(name, "publish", { value: cpuUs / messages, loadBusy });
      if (redisUs === undefined) return;
      results.record(name, "publishRedis", { value: redisUs / messages, loadBusy });
    }],
  });
}

/** Time and CPU of clients that return at once. */
async function measureResume(context: ClusterContext): Promise<void> {
  const { sizes: { resume: { clients, messages, settleMs }, dataBytes }, results } = context;
  const returnTo = (
    load: 0 | 1,
    [time, cpu, redis]: readonly ClusterFigureName[],
  ) =>
  async (session: SetupSession) => {
    const { name } = session.server;
    await session.loads[load].call("connectResumes", { clients, ports: portsOf(session.nodes) });
    const { answer, cpuUs, redisUs, loadBusy } = await metered(
      session,
      () => session.loads[load].call("runResumes", {}),
    );
    results.count(name, "resume", { what: "messages", count: answer.messages });
    results.record(name, time, { value: answer.elapsedMs, loadBusy });
    results.record(name, cpu, { value: cpuUs / US_PER_MS, loadBusy });
    if (redisUs !== undefined) {
      results.record(name, redis, { value: redisUs / US_PER_MS, loadBusy });
    }
    await pause(settleMs);
  };
  await takeTurns(context, "resume", {
    async prepare({ nodes, loads }) {
      const target = { port: nodes[0].port, wire: SYSTOLE, dataBytes, messages };
      await loads[0].call("openResumes", { ...target, prefix: "one", channels: 1 });
      await loads[1].call("openResumes", { ...target, prefix: "own", channels: clients });
      await pause(settleMs);
    },
    runs: [
      returnTo(0, ["resumeTime", "resumeCpu", "resumeRedis"]),
      returnTo(1, ["resumeOwnTime", "resumeOwnCpu", "resumeOwnRedis"]),
    ],
  }, { loads: 2 });
}

function portsOf(nodes: SetupSession["nodes"]): number[] {
  return nodes.map(({ port }) => port);
}

/** Setups on one Redis take turns, each driven by so many processes. */
async function takeTurns(
  context: ClusterContext,
  load: ClusterLoadName,
  turns: Turns<SetupSession>,
  { loads } = { loads: 1 },
): Promise<void> {
  const { processes } = context;
  const servers = context.servers.filter((setup) => carries(setup, load));
  const needsRedis = servers.some(({ usesRedis }) => usesRedis);
  const redis = needsRedis ? await processes.startRedis() : undefined;
  const start = (setup: Setup) => startSetup(setup, { processes, redis, loads });
  await inTurn({ ...context, servers }, load, { ...turns, start });
}

/** Whether a setup takes part in a load: all but one need one hub. */
export function carries({ isApart }: Pick<Setup, "isApart">, load: ClusterLoadName): boolean {
  return !isApart || load === "throughput";
}

/** What one run came to. */
interface ClusterMetered<Answer> {
  answer: Answer;
  /** CPU time of all processes of the hub. */
  cpuUs: number;
  /** Of Redis. */
  redisUs: number | undefined;
  /** What the busiest thread of the hub used of `cpuUs`. */
  busiestShare: number;
  /** What the load used of a core. */
  loadBusy: number;
}

/** Measures all processes during a run. */
async function metered<Answer extends { elapsedMs: number }>(
  { nodes, redis, loads }: SetupSession,
  run: () => Promise<Answer>,
): Promise<ClusterMetered<Answer>> {
  const meters = nodes.map(({ pid }) => new CpuMeter(pid));
  const redisMeter = redis && new CpuMeter(redis.pid);
  const loadMeters = loads.map(({ pid }) => new CpuMeter(pid));
  const answer = await run();
  const threads = meters.flatMap((meter) => meter.usedUsByThread());
  const cpuUs = threads.reduce((sum, us) => sum + us, 0);
  const loadUs = loadMeters.reduce((sum, meter) => sum + meter.usedUs(), 0);
  return {
    answer,
    cpuUs,
    redisUs: redisMeter?.usedUs(),
    busiestShare: Math.max(...threads) / cpuUs,
    loadBusy: loadUs / (answer.elapsedMs * US_PER_MS),
  };
}
