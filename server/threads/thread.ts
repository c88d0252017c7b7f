/**
 * A thread that serves clients: a whole node, whose log, metrics and store are those of the process, and
 * whose history and members the main thread keeps, unless Redis does. It ends with the main thread's
 * word alone: it hears no signals and never exits.
 *
 * @module
 */

import { systemClock } from "../base/clock.ts";
import { StartError } from "../base/errors.ts";
import { configureLogging, type Logger } from "../logging/logging.ts";
import type { BrokerOptions, OpenBroker, Platform } from "../server.ts";
import { startNode } from "../server.ts";
import { HostedBroker } from "./hosted_broker.ts";
import { HostedAdmissionRate, HostedLimits } from "./hosted_limits.ts";
import { HostedMembers } from "./hosted_members.ts";
import { HostedNodes } from "./hosted_nodes.ts";
import { HostedStore } from "./hosted_store.ts";
import { PortLink } from "./port_link.ts";
import { type Started, type ThreadStart, unpacked } from "./start_message.ts";

/** Bytes that wait for the main thread; with more, further lines of the log are lost. */
const MAX_WAITING_BYTES = 1 << 24;

/** The scope of a worker. */
interface WorkerScope {
  onmessage: (event: MessageEvent<MessagePort>) => void;
  postMessage(message: string): void;
}

/** Waits for the port to the main thread, and for what comes over it. Called once in a worker. */
export function runThread(): void {
  const scope = globalThis as unknown as WorkerScope;
  scope.onmessage = ({ data: port }) => {
    const link = new PortLink(port, systemClock);
    link.serve("start", (start: ThreadStart) => serve(link, unpacked(start)));
  };
  scope.postMessage("ready");
}

async function serve(link: PortLink, start: ThreadStart): Promise<Started> {
  const { config, files } = start;
  const log = sentLog(link, start);
  try {
    const server = await startNode({ config, log, files }, platformOf(link, start));
    link.serve("drain", () => server.drain());
    return { kind: "listening", address: server.address, open: server.open };
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    return { kind: "failed", problem: error.message };
  }
}

/** Lines are made here, and written by the main thread. */
function sentLog(link: PortLink, { thread, config }: ThreadStart): Logger {
  let lost = 0;
  const write = (line: string) => {
    if (link.unacknowledgedBytes > MAX_WAITING_BYTES) return void lost++;
    link.send(["log", line], 2 * line.length);
    if (lost === 0) return;
    const count = lost;
    lost = 0;
    log.warning("log lines were lost: too many waited for the main thread", { count });
  };
  const log = configureLogging({
    format: config.logFormat,
    level: config.logLevel,
    write,
    properties: { thread },
  });
  return log;
}

/** What a thread takes of the process. */
function platformOf(link: PortLink, { node, config }: ThreadStart): Partial<Platform> {
  const shared: Partial<Platform> = {
    sharesPort: true,
    exposition(metrics) {
      link.serve("probe", () => metrics.open);
      link.serve("metrics", () => metrics.collect());
      return () => link.ask("exposition", undefined);
    },
  };
  if (config.broker.redisUrl !== undefined) return shared;
  return {
    ...shared,
    openStore: (location) => HostedStore.open(link, location),
    openBroker: (options) => openBroker(options, { link, node, threads: config.workers }),
  };
}

/** The logs of all threads together are as large as what the main thread keeps. */
function openBroker(
  options: BrokerOptions,
  { link, node, threads }: { link: PortLink; node: string; threads: number },
): OpenBroker {
  const members = new HostedMembers(link);
  const historyBytes = Math.ceil(options.historyBytes / threads);
  const broker = new HostedBroker({ ...options, historyBytes, link, members });
  return {
    broker,
    history: broker,
    figures: broker,
    nodes: new HostedNodes(node, link),
    members,
    limits: new HostedLimits(link),
    admissionRate: new HostedAdmissionRate(link, options.random),
  };
}
