/**
 * The loads: what is done to each server, and which figures come of it.
 * Owns the course of each load; how servers take turns is in `sessions.ts`.
 *
 * @module
 */

import { CpuMeter, residentBytes } from "./measure.ts";
import type { FigureName } from "./figures.ts";
import type { Sample } from "./results.ts";
import type { BenchServer } from "./servers.ts";
import {
  type LoadContext,
  metered,
  meteredPause,
  oneByOne,
  pause,
  pauseMeasured,
  type Session,
  takeTurns,
  withSession,
} from "./sessions.ts";
import type { LoadName } from "./sizes.ts";

/** Publications in flight, each with its figure. */
const LEVELS: readonly { inFlight: number; figure: FigureName }[] = [
  { inFlight: 1, figure: "fanout1" },
  { inFlight: 4, figure: "fanout4" },
  { inFlight: 16, figure: "fanout16" },
];

const GROWTH_IN_FLIGHT = 4;

/** Every client is pinged within a period and this after it, or it is an error. */
const PING_LATE_MS = 3_000;
const PING_POLL_MS = 100;

const MEMORY_SAMPLE_GAP_MS = 100;
const BYTES_PER_KIB = 1_024;

/** Each load by its name. */
export const LOADS: Record<LoadName, (context: LoadContext) => Promise<void>> = {
  fanout: measureFanout,
  openloop: measureOpenLoop,
  own: measureOwnChannels,
  storm: measureStorm,
  idle: measureIdle,
  empty: measureEmpty,
  growth: measureGrowth,
  churn: measureChurn,
};

/** CPU per delivery while so many publications are in flight to so many subscribers. */
async function measureFanout(context: LoadContext): Promise<void> {
  const { subscribers, runMs, warmUpMs } = context.sizes.fanout;
  const sizes = new Map<BenchServer, number>();
  await takeTurns(context, "fanout", {
    async prepare(session) {
      await openFanout(session, context, subscribers);
      for (const { inFlight } of LEVELS) {
        await session.load.call("closedLoop", { inFlight, durationMs: warmUpMs });
      }
    },
    runs: LEVELS.map(({ inFlight, figure }) => async (session) => {
      const { answer, cpuUs, loadBusy } = await metered(
        session,
        () => session.load.call("closedLoop", { inFlight, durationMs: runMs }),
      );
      const { deliveries, deliveryBytes } = answer;
      const { name } = session.server;
      context.results.record(name, figure, { value: cpuUs / deliveries, loadBusy });
      context.results.count(name, "fanout", { what: "deliveries", count: deliveries });
      sizes.set(session.server, deliveryBytes);
    }),
  });
  requireSameBytes(sizes);
}

/** Socket.IO has an envelope of its own; all others deliver the same, or are not comparable. */
function requireSameBytes(sizes: Map<BenchServer, number>): void {
  const same = [...sizes].filter(([{ name }]) => name !== "socketio");
  if (new Set(same.map(([, bytes]) => bytes)).size <= 1) return;
  const list = same.map(([{ name }, bytes]) => `${name} ${bytes}`).join(", ");
  throw new Error(`Deliveries differ between servers, in bytes: ${list}`);
}

/** Latency and CPU per delivery of publications that leave on schedule. */
async function measureOpenLoop(context: LoadContext): Promise<void> {
  const { sizes: { fanout, openLoop }, results } = context;
  await takeTurns(context, "openloop", {
    async prepare(session) {
      await openFanout(session, context, fanout.subscribers);
      await session.load.call("closedLoop", { inFlight: 1, durationMs: fanout.warmUpMs });
    },
    runs: [async (session) => {
      const { answer, cpuUs, loadBusy } = await metered(
        session,
        () => session.load.call("openLoop", openLoop),
      );
      const { name } = session.server;
      const { deliveries, p50Us, p99Us } = answer;
      results.record(name, "latency50", { value: p50Us / 1_000, loadBusy });
      results.record(name, "latency99", { value: p99Us / 1_000, loadBusy });
      results.record(name, "openLoop", { value: cpuUs / deliveries, loadBusy });
      results.count(name, "openloop", { what: "deliveries", count: deliveries });
    }],
  });
}

/** CPU per message of clients that publish to themselves. */
async function measureOwnChannels(context: LoadContext): Promise<void> {
  const { sizes: { own: { clients, runMs, warmUpMs }, dataBytes }, results } = context;
  await takeTurns(context, "own", {
    async prepare({ server: { wire }, process: { port }, load }) {
      await load.call("openOwn", { port, wire, clients, dataBytes });
      await load.call("runOwn", { durationMs: warmUpMs });
    },
    runs: [async (session) => {
      const { answer: { messages }, cpuUs, loadBusy } = await metered(
        session,
        () => session.load.call("runOwn", { durationMs: runMs }),
      );
      const { name } = session.server;
      results.record(name, "own", { value: cpuUs / messages, loadBusy });
      results.count(name, "own", { what: "messages", count: messages });
    }],
  });
}

/** Upgrades per second and CPU per upgrade of clients that all come at once. */
async function measureStorm(context: LoadContext): Promise<void> {
  const { sizes: { storm: { clients, warmUpClients, settleMs } }, results } = context;
  await takeTurns(context, "storm", {
    prepare: (session) => comeAndGo(session, { clients: warmUpClients, settleMs }),
    runs: [async (session) => {
      const { answer: { elapsedMs }, cpuUs, loadBusy } = await metered(
        session,
        () => openCrowd(session, clients),
      );
      await expectOpen(session, clients);
      await leave(session, settleMs);
      const { name } = session.server;
      results.record(name, "upgrades", { value: clients / (elapsedMs / 1_000), loadBusy });
      results.record(name, "upgradeCpu", { value: cpuUs / clients, loadBusy });
      results.count(name, "storm", { what: "upgrades welcomed", count: clients });
    }],
  });
}

/** Memory and CPU of connections that do nothing but stay alive. */
async function measureIdle(context: LoadContext): Promise<void> {
  const { memoryPingPeriodMs, cpuPingPeriodMs } = context.sizes.idle;
  const env = (periodMs: number) => ({ PING_PERIOD_MS: String(periodMs) });
  await oneByOne(context, "idle", async (server) => {
    await withSession(context, { server, env: env(memoryPingPeriodMs) }, async (session) => {
      await measureIdleMemory(session, context);
    });
    await withSession(context, { server, env: env(cpuPingPeriodMs) }, async (session) => {
      await measureIdleCpu(session, context);
    });
  });
}

/**
 * What the resident set has grown by, from before the clients came to a ping period after that. A
 * few hundred clients come and go first, so that code, JIT and a first heap are not charged to
 * connections. The kernel's socket buffers are in nobody's figures.
 */
async function measureIdleMemory(session: Session, context: LoadContext): Promise<void> {
  const { sizes, results } = context;
  const { clients, warmUpClients, settleMs, memoryPingPeriodMs } = sizes.idle;
  await comeAndGo(session, { clients: warmUpClients, settleMs });
  const { name } = session.server;
  const emptyBytes = residentBytes(session.process.pid);
  await openCrowd(session, clients);
  const loadCpu = new CpuMeter(session.load.pid);
  const startMs = performance.now();
  await pause(memoryPingPeriodMs); // also where the first ping comes at once
  const pings = await untilPinged(session, clients);
  const loadBusy = loadCpu.usedUs() / ((performance.now() - startMs) * 1_000);
  for (let sample = 0; sample < sizes.repetitions; sample++) {
    await pause(MEMORY_SAMPLE_GAP_MS);
    const bytes = (residentBytes(session.process.pid) - emptyBytes) / clients;
    results.record(name, "idleMemory", { value: bytes / BYTES_PER_KIB, loadBusy });
  }
  await expectOpen(session, clients);
  results.count(name, "idle", { what: "pings answered", count: pings });
}

/** CPU per ping, without what the same server used when it was empty. */
async function measureIdleCpu(session: Session, { sizes, results }: LoadContext): Promise<void> {
  const { clients, warmUpClients, settleMs, cpuPingPeriodMs } = sizes.idle;
  const { process, server: { name } } = session;
  await comeAndGo(session, { clients: warmUpClients, settleMs });
  const empty = await meteredPause(process.pid, cpuPingPeriodMs);
  await openCrowd(session, clients);
  await pause(cpuPingPeriodMs);
  for (let repetition = 0; repetition < sizes.repetitions; repetition++) {
    const { pings: before } = await session.load.call("countCrowd", {});
    const { answer: { elapsedMs }, cpuUs, loadBusy } = await metered(
      session,
      () => pauseMeasured(cpuPingPeriodMs),
    );
    const { pings: after } = await session.load.call("countCrowd", {});
    const ownUs = cpuUs - empty.cpuUs / empty.elapsedMs * elapsedMs;
    if (after === before) throw new Error(`nobody was pinged within ${cpuPingPeriodMs} ms`);
    results.record(name, "pingCpu", { value: ownUs / (after - before), loadBusy });
    results.count(name, "idle", { what: "pings answered", count: after - before });
  }
  await expectOpen(session, clients);
}

/** CPU of a server that nobody is connected to. */
async function measureEmpty(context: LoadContext): Promise<void> {
  const { sizes: { empty: { settleMs, runMs } }, results } = context;
  await takeTurns(context, "empty", {
    prepare: () => pause(settleMs),
    runs: [async ({ server: { name }, process: { pid } }) => {
      const { cpuUs, elapsedMs } = await meteredPause(pid, runMs);
      results.record(name, "empty", { value: cpuUs / elapsedMs, loadBusy: 0 });
    }],
  });
}

/** How CPU per delivery grows with the number of subscribers. */
async function measureGrowth(context: LoadContext): Promise<void> {
  const { sizes: { growth: { fromSubscribers, toSubscribers } }, results } = context;
  await oneByOne(
    context,
    "growth",
    (server) =>
      withSession(context, { server }, async (session) => {
        await openFanout(session, context, fromSubscribers);
        const few = await growthRuns(session, context);
        await session.load.call("growFanout", { subscribers: toSubscribers });
        const many = await growthRuns(session, context);
        for (const [repetition, { value, loadBusy }] of many.entries()) {
          results.record(server.name, "growth", { value: value / few[repetition].value, loadBusy });
        }
      }),
  );
}

/** CPU per delivery with the subscribers that there are. */
async function growthRuns(
  session: Session,
  { sizes: { repetitions, growth: { runMs, warmUpMs } }, results }: LoadContext,
): Promise<Sample[]> {
  const inFlight = GROWTH_IN_FLIGHT;
  await session.load.call("closedLoop", { inFlight, durationMs: warmUpMs });
  const samples: Sample[] = [];
  for (let repetition = 0; repetition < repetitions; repetition++) {
    const { answer: { deliveries }, cpuUs, loadBusy } = await metered(
      session,
      () => session.load.call("closedLoop", { inFlight, durationMs: runMs }),
    );
    samples.push({ value: cpuUs / deliveries, loadBusy });
    results.count(session.server.name, "growth", { what: "deliveries", count: deliveries });
  }
  return samples;
}

/** Whether memory still grows when clients have come and gone many times. Measured once. */
async function measureChurn(context: LoadContext): Promise<void> {
  const { sizes: { churn: { clients, rounds, settleMs } }, results } = context;
  await oneByOne(context, "churn", (server) =>
    withSession(context, { server }, async (session) => {
      const loadCpu = new CpuMeter(session.load.pid);
      const startMs = performance.now();
      const residentAfter: number[] = [];
      for (let round = 0; round < rounds; round++) {
        await comeAndGo(session, { clients, settleMs });
        residentAfter.push(residentBytes(session.process.pid));
        results.count(server.name, "churn", { what: "upgrades welcomed", count: clients });
      }
      results.record(server.name, "churn", {
        value: residentAfter[rounds - 1] / residentAfter[rounds / 2 - 1],
        loadBusy: loadCpu.usedUs() / ((performance.now() - startMs) * 1_000),
      });
    }));
}

async function openFanout(
  { server: { wire }, process: { port }, load }: Session,
  { sizes: { dataBytes } }: LoadContext,
  subscribers: number,
): Promise<void> {
  await load.call("openFanout", { port, wire, subscribers, dataBytes });
}

async function openCrowd(
  { server: { wire }, process: { port }, load }: Session,
  clients: number,
): Promise<{ elapsedMs: number }> {
  return await load.call("openCrowd", { port, wire, clients });
}

async function leave({ load }: Session, settleMs: number): Promise<void> {
  await load.call("closeCrowd", {});
  await pause(settleMs);
}

async function comeAndGo(
  session: Session,
  { clients, settleMs }: { clients: number; settleMs: number },
): Promise<void> {
  await openCrowd(session, clients);
  await pause(settleMs);
  await expectOpen(session, clients);
  await leave(session, settleMs);
}

async function expectOpen({ load }: Session, clients: number): Promise<void> {
  const { open, endings } = await load.call("countCrowd", {});
  if (open === clients) return;
  throw new Error(`lost: ${clients - open} of ${clients} clients ended: ${endings.join("; ")}`);
}

/** Resolves when there have been as many pings as clients. @returns that many */
async function untilPinged({ load }: Session, clients: number): Promise<number> {
  const startMs = performance.now();
  while (true) {
    const { pings } = await load.call("countCrowd", {});
    if (pings >= clients) return pings;
    if (performance.now() - startMs > PING_LATE_MS) {
      throw new Error(`lost: ${pings} of ${clients} clients were pinged`);
    }
    await pause(PING_POLL_MS);
  }
}
