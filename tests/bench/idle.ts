/**
 * `deno task bench:idle`: what a connection costs that does nothing but stay alive, beside a bare
 * `ws` server with a ping timer for each client. Owns the course of a measurement and the target.
 *
 * Memory is what the server's resident set has grown by, from before the clients came to while they
 * are held and pinged. A few hundred clients come and go first, so that code, JIT and a first heap
 * are not charged to connections. What V8's young generation still grows by is: 16 MiB of it are
 * 3 KiB a connection here, and it grows with the load, not with what a connection keeps. The
 * kernel's socket buffers are in nobody's figures.
 *
 * @module
 */

import { BenchProcesses, type LoadProcess, type ServerOptions } from "./bench_processes.ts";
import { CpuMeter, residentBytes, type Spread, spreadOf } from "./measure.ts";
import { countText, type Result, resultOf, runBench, tableText } from "./report.ts";

const CLIENTS = 5_000;
const WARM_UP_CLIENTS = 500;

/** Two ping periods: the warm-up clients have been pinged, the idle ones have their state. */
const SETTLE_MS = 2_000;

const PING_PERIOD_MS = 1_000;
const HOLD_MS = 15_000;
const MEMORY_SAMPLES = 5;

/** At most 16 KiB, heartbeat state included (issue 2). */
const TARGET_BYTES_PER_CONNECTION = 16 * 1_024;

const SERVERS: Record<"subject" | "control", ServerOptions> = {
  subject: {
    program: "server/main.ts",
    env: {
      LOG_LEVEL: "error",
      MAX_MESSAGES_PER_SECOND: "0",
      PING_PERIOD_MS: String(PING_PERIOD_MS),
      // Ten periods: on a busy machine the load process may answer late, and nobody is to be lost.
      PONG_WAIT_MS: "10000",
    },
  },
  control: {
    program: "tests/bench/control_server.ts",
    env: { PING_PERIOD_MS: String(PING_PERIOD_MS) },
  },
};

interface IdleRow {
  bytesPerConnection: Spread;
  emptyServerBytes: number;
  cpuShareOfCore: number;
  pingsPerSecond: number;
  /** A ping is a control ping with its pong; the subject's has an app ping with it. */
  cpuUsPerPing: number;
  textsPerSecond: number;
  connectMs: number;
}

interface IdleOutcome {
  clients: number;
  pingPeriodMs: number;
  holdMs: number;
  targetBytesPerConnection: number;
  result: Result;
  subject: IdleRow;
  control: IdleRow;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** One server at a time: two with 5000 clients each would need both cores and get in the way. */
async function measureServer(
  processes: BenchProcesses,
  options: ServerOptions,
): Promise<IdleRow> {
  const server = await processes.startServer(options);
  const load = processes.startLoad();
  await load.call("openIdle", { port: server.port, clients: WARM_UP_CLIENTS });
  await pause(SETTLE_MS);
  await load.call("closeIdle", {});
  await pause(SETTLE_MS);

  const emptyServerBytes = residentBytes(server.pid);
  const { tookMs: connectMs } = await load.call("openIdle", {
    port: server.port,
    clients: CLIENTS,
  });
  await pause(SETTLE_MS);
  const row = await hold({ load, pid: server.pid, emptyServerBytes });

  await load.call("closeIdle", {});
  await processes.stop(load);
  await processes.stop(server);
  return { ...row, connectMs };
}

async function hold(
  { load, pid, emptyServerBytes }: { load: LoadProcess; pid: number; emptyServerBytes: number },
): Promise<Omit<IdleRow, "connectMs">> {
  const before = await load.call("countIdle", {});
  const cpu = new CpuMeter(pid);
  const startMs = performance.now();
  const bytes: number[] = [];
  for (let sample = 0; sample < MEMORY_SAMPLES; sample++) {
    await pause(HOLD_MS / MEMORY_SAMPLES);
    bytes.push((residentBytes(pid) - emptyServerBytes) / CLIENTS);
  }
  const cpuUs = cpu.usedUs();
  const elapsedMs = performance.now() - startMs;
  const after = await load.call("countIdle", {});
  if (after.open !== CLIENTS) {
    const reasons = after.endings.join("; ");
    throw new Error(`lost: ${CLIENTS - after.open} of ${CLIENTS} idle clients ended: ${reasons}`);
  }
  const pings = after.controlPings - before.controlPings;
  const elapsedSeconds = elapsedMs / 1_000;
  return {
    bytesPerConnection: spreadOf(bytes),
    emptyServerBytes,
    cpuShareOfCore: cpuUs / (elapsedMs * 1_000),
    pingsPerSecond: pings / elapsedSeconds,
    cpuUsPerPing: cpuUs / pings,
    textsPerSecond: (after.texts - before.texts) / elapsedSeconds,
  };
}

async function measure(say: (progress: string) => void): Promise<IdleOutcome> {
  const processes = new BenchProcesses();
  processes.stopOnSignals();
  try {
    say(`idle: ${CLIENTS} clients on the subject, then on the control; under 90 seconds`);
    const subject = await measureServer(processes, SERVERS.subject);
    say("subject measured");
    const control = await measureServer(processes, SERVERS.control);
    return {
      clients: CLIENTS,
      pingPeriodMs: PING_PERIOD_MS,
      holdMs: HOLD_MS,
      targetBytesPerConnection: TARGET_BYTES_PER_CONNECTION,
      result: resultOf(subject.bytesPerConnection.median, TARGET_BYTES_PER_CONNECTION),
      subject,
      control,
    };
  } finally {
    await processes.stopAll();
  }
}

function describe(outcome: IdleOutcome): string {
  const { subject, control, result } = outcome;
  return [
    `${outcome.clients} idle clients, pinged every ${outcome.pingPeriodMs} ms, ` +
    `held for ${outcome.holdMs / 1_000} s`,
    `control = bare ws, a setInterval per client; memory: median of ${MEMORY_SAMPLES} ` +
    "(lowest..highest)",
    "",
    tableText([
      [
        "",
        "KiB/connection",
        "MiB empty",
        "MiB held",
        "CPU",
        "us/ping",
        "pings/s",
        "app pings/s",
        "connected in",
      ],
      ["subject", ...rowCells(subject)],
      ["control", ...rowCells(control)],
    ]),
    "",
    `${kibText(subject.bytesPerConnection.median)} KiB a connection, ` +
    `target at most ${kibText(outcome.targetBytesPerConnection)}: ${result}`,
  ].join("\n");
}

function rowCells(row: IdleRow): string[] {
  const { median, min, max } = row.bytesPerConnection;
  return [
    `${kibText(median)} (${kibText(min)}..${kibText(max)})`,
    mibText(row.emptyServerBytes),
    mibText(row.emptyServerBytes + median * CLIENTS),
    `${(row.cpuShareOfCore * 100).toFixed(1)} %`,
    row.cpuUsPerPing.toFixed(1),
    countText(row.pingsPerSecond),
    countText(row.textsPerSecond),
    `${(row.connectMs / 1_000).toFixed(1)} s`,
  ];
}

function kibText(bytes: number): string {
  return (bytes / 1_024).toFixed(1);
}

function mibText(bytes: number): string {
  return (bytes / 1_024 ** 2).toFixed(0);
}

await runBench({ measure, describe });
