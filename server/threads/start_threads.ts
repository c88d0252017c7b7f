/**
 * The main thread of a process with several threads that serve clients. It serves none: it keeps what
 * belongs to the process, which therefore outlives a thread, and runs the threads.
 *
 * @module
 */

import { type Clock, sleep, systemClock } from "../base/clock.ts";
import { StartError } from "../base/errors.ts";
import type { Listen } from "../base/option_values.ts";
import {
  type AdmissionRate,
  MemoryAdmissionRate,
  UnlimitedAdmission,
} from "../brokers/admission_rate.ts";
import { MemoryHistory } from "../brokers/memory_history.ts";
import type { Config } from "../config/config.ts";
import type { Limits } from "../config/limits.ts";
import { MemoryLimits } from "../brokers/memory_limits.ts";
import { writeLine } from "../logging/logging.ts";
import type { ReadMetric } from "../metrics/exposition.ts";
import { countsOf, textOf, togetherOf } from "../metrics/sums.ts";
import { type ExternalValues, mainThreadMetrics } from "../metrics/table.ts";
import { historyOptions, type RunningServer, type ServerOptions } from "../server.ts";
import { KvStore } from "../stores/kv.ts";
import { LimitsHost } from "./hosted_limits.ts";
import { CAN_SHARE_PORT } from "../transport/upgrade_compat.ts";
import { askAll, NodesHost } from "./hosted_nodes.ts";
import { StoreHost } from "./hosted_store.ts";
import { HubHost } from "./hub_host.ts";
import type { Item } from "./port_link.ts";
import { packed, type Started } from "./start_message.ts";
import { Supervisor } from "./supervisor.ts";
import { WorkerThread } from "./worker_thread.ts";

/** How often memory of what has expired is released, ms. */
const SWEEP_MS = 1_000;

/** How often threads are asked for their metrics, ms: what one has counted since is lost with it. */
const METRICS_EVERY_MS = 5_000;

/** What the drain of a thread may take beyond `SHUTDOWN_MS`, ms. */
const LATE_MS = 500;

export interface ThreadsOptions extends ServerOptions {
  /** The module of the threads: it calls `runThread()` in a worker. */
  readonly entry: string;
  /** A thread loops and cannot be ended: the process should end, after a drain. */
  readonly onStuck: () => void;
}

/**
 * Starts `WORKERS` threads on one port.
 *
 * @throws {StartError} as `startServer()` does, and where threads cannot share a port
 */
export async function startThreads(options: ThreadsOptions): Promise<RunningServer> {
  if (Deno.build.os !== "linux" || !CAN_SHARE_PORT) {
    throw new StartError(
      "Cannot start: WORKERS must be 1 here, since threads share a port on Linux, from Deno 2.7.14 " +
        `on, got ${options.config.workers} on ${Deno.build.os}, Deno ${Deno.version.deno}`,
    );
  }
  const threads = new Threads(options, systemClock);
  return await threads.start();
}

class Threads {
  readonly #options: ThreadsOptions;
  readonly #clock: Clock;
  readonly #history: MemoryHistory;
  readonly #hub: HubHost;
  readonly #nodes: NodesHost;
  readonly #limits: LimitsHost;
  readonly #store: StoreHost;
  readonly #supervisor: Supervisor<WorkerThread>;
  /** What each thread has said last of itself. */
  readonly #metrics = new Map<WorkerThread, readonly ReadMetric[]>();
  readonly #connections = new Map<WorkerThread, number>();
  /** What threads had counted that have ended. */
  #counts: readonly ReadMetric[] = [];
  #drained: Promise<void> | undefined;
  /** Where the first thread listens. */
  #bound: Extract<Started, { kind: "listening" }> | undefined;

  constructor(options: ThreadsOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    const { config, log, onStuck } = options;
    const newId = () => crypto.randomUUID();
    this.#history = new MemoryHistory({ ...historyOptions(config), clock, newId });
    this.#hub = new HubHost({ history: this.#history, now: clock.now });
    this.#nodes = new NodesHost(clock);
    this.#limits = new LimitsHost(new MemoryLimits(clock), admissionRateOf(config, clock));
    this.#store = new StoreHost((location) => KvStore.open(location, clock));
    this.#supervisor = new Supervisor({
      threads: config.workers,
      clock,
      log,
      spawn: (about) => this.#spawn(about),
      start: (thread) => this.#start(thread),
      probe: (thread) => this.#probe(thread),
      onGone: (thread) => this.#gone(thread),
      onStuck,
    });
  }

  async start(): Promise<RunningServer> {
    await this.#supervisor.start();
    this.#sweep();
    this.#keepMetrics();
    const { address, open } = this.#bound!;
    return { address, open, drain: () => this.#drained ??= this.#drain() };
  }

  #spawn(about: { readonly thread: string; readonly node: string }): WorkerThread {
    const thread = new WorkerThread({ ...about, entry: this.#options.entry, clock: this.#clock });
    const { link } = thread;
    link.on("log", ([, line]: Item) => writeLine(line as string));
    link.serve("exposition", () => this.#exposition());
    if (!this.#hasRedis) {
      this.#hub.attach(thread);
      this.#limits.attach(thread);
      this.#store.attach(thread);
    }
    return thread;
  }

  /** The first thread may take any free port, which is then that of all. */
  async #start(running: WorkerThread): Promise<void> {
    const { link, thread, node } = running;
    const { config, files } = this.#options;
    const listen: Listen = this.#bound?.address ?? config.listen;
    const own = { ...config, listen, limits: limitsOf(config) };
    const start = packed({ thread, node, config: own, files });
    const started = await link.ask<Started>("start", start);
    if (started.kind === "failed") throw new StartError(started.problem);
    this.#bound ??= started;
    if (!this.#hasRedis) this.#nodes.attach(running);
  }

  /** An answer is a sign of life, and what is kept of the thread if it was the last one. */
  async #probe(thread: WorkerThread): Promise<void> {
    const connections = await thread.link.ask<number>("probe", undefined);
    if (this.#isServing(thread)) this.#connections.set(thread, connections);
  }

  /** Asks for what would be lost with the threads. */
  async #readMetrics(): Promise<void> {
    const asked = await askAll<ReadMetric[], WorkerThread>(
      this.#supervisor.serving,
      { topic: "metrics", data: undefined },
      this.#clock,
    );
    for (const { thread, answer } of asked) {
      if (this.#isServing(thread)) this.#metrics.set(thread, answer);
    }
  }

  /** Whether a thread that has answered is still there. */
  #isServing(thread: WorkerThread): boolean {
    return this.#supervisor.serving.includes(thread);
  }

  #gone(thread: WorkerThread): Readonly<Record<string, unknown>> {
    const metrics = this.#metrics.get(thread) ?? [];
    this.#hub.detach(thread);
    this.#limits.detach(thread);
    this.#metrics.delete(thread);
    this.#counts = togetherOf([this.#counts, countsOf(metrics)]);
    thread.link.close();
    const connections = this.#connections.get(thread) ?? 0;
    this.#connections.delete(thread);
    this.#nodes.detach(thread, connections);
    return { connections };
  }

  get #hasRedis(): boolean {
    return this.#options.config.broker.redisUrl !== undefined;
  }

  async #exposition(): Promise<string> {
    await this.#readMetrics();
    const own = mainThreadMetrics(this.#values());
    const ownNames = new Set(own.map(({ name }) => name));
    const others = [this.#counts, ...this.#metrics.values()].map((metrics) =>
      metrics.filter(({ name, together }) => together !== undefined || !ownNames.has(name))
    );
    return await textOf(togetherOf([own, ...others]));
  }

  /** What the main thread knows instead of the threads. */
  #values(): Partial<ExternalValues> {
    const values = {
      threads: () => this.#supervisor.serving.length,
      threadsLost: () => this.#supervisor.lost,
      threadMessagesSkipped: () => this.#hub.skipped,
    };
    if (this.#hasRedis) return values;
    return {
      ...values,
      historyBytes: () => this.#history.bytes,
      historyChannels: () => this.#history.channels,
      historyEvictions: () => this.#history.evicted,
      evictedIds: () => this.#history.evictedIds,
    };
  }

  #sweep(): void {
    if (this.#drained !== undefined) return;
    this.#history.onDue(0);
    this.#clock.after(SWEEP_MS, () => this.#sweep());
  }

  #keepMetrics(): void {
    if (this.#drained !== undefined) return;
    void this.#readMetrics();
    this.#clock.after(METRICS_EVERY_MS, () => this.#keepMetrics());
  }

  async #drain(): Promise<void> {
    this.#supervisor.pause();
    const { config: { shutdownMs } } = this.#options;
    const drains = this.#supervisor.serving.map(({ link }) =>
      link.ask("drain", undefined).catch(() => {})
    );
    await Promise.race([Promise.all(drains), sleep(this.#clock, shutdownMs + LATE_MS)]);
    this.#supervisor.stop();
    await this.#store.close();
  }
}

function admissionRateOf({ limits }: Config, clock: Clock): AdmissionRate {
  const { admissionPerSecond: perSecond } = limits;
  const { random } = Math;
  if (perSecond === 0) return new UnlimitedAdmission(random);
  return new MemoryAdmissionRate({ perSecond, clock, random });
}

/** The limits of one thread: what bounds the memory of the process is divided. */
function limitsOf({ limits, workers }: Config): Limits {
  const { sendQueueBytes, queueBudgetBytes } = limits;
  const share = Math.ceil(queueBudgetBytes / workers);
  return { ...limits, queueBudgetBytes: Math.max(sendQueueBytes, share) };
}
