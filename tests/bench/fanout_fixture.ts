/**
 * Subject and control side by side, each with its subscribers, and the load process on both.
 * Owns what a run of the fan-out bench costs and how it is measured; the plan is in `fanout.ts`.
 *
 * @module
 */

import type { BenchProcesses, LoadProcess, ServerProcess } from "./bench_processes.ts";
import type { LatencyFigures, RunFigures } from "./load_calls.ts";
import { CpuMeter } from "./measure.ts";

/** Subscribers of each server. */
export const SUBSCRIBERS = 1_000;

/** Length of the data of a publication; what is delivered is the frame around it. */
export const MESSAGE_BYTES = 128;

/** Both servers: Systole, and the bare `ws` loop. */
export const SIDES = ["subject", "control"] as const;

/** One of the two servers. */
export type Side = typeof SIDES[number];

/** What one run came to. */
export interface Run extends RunFigures {
  cpuUsPerDelivery: number;
  deliveriesPerSecond: number;
  /** Share of a core that the load process used: near 1, it and not the server set the pace. */
  loadBusy: number;
}

/** What one run on schedule came to. */
export type OpenLoopRun = Run & LatencyFigures;

/** Both servers with their subscribers, and the load that drives them. */
export class FanoutFixture {
  readonly #load: LoadProcess;
  readonly #servers: Record<Side, ServerProcess>;

  private constructor(load: LoadProcess, servers: Record<Side, ServerProcess>) {
    this.#load = load;
    this.#servers = servers;
  }

  /** Starts everything; resolves when all subscribers of both are subscribed. */
  static async start(processes: BenchProcesses): Promise<FanoutFixture> {
    const subject = await processes.startServer({
      program: "server/main.ts",
      env: { LOG_LEVEL: "error", MAX_MESSAGES_PER_SECOND: "0" },
    });
    const control = await processes.startServer({
      program: "tests/bench/control_server.ts",
      env: {},
    });
    const load = processes.startLoad();
    const data = "x".repeat(MESSAGE_BYTES);
    const { deliveredText } = await load.call("openTarget", {
      target: "subject",
      port: subject.port,
      subscriberPath: "/ws",
      publisherPath: "/ws",
      subscribers: SUBSCRIBERS,
      subscribeText: JSON.stringify({ type: "subscribe", channel: "c" }),
      publishText: JSON.stringify({ type: "publish", channel: "c", data }),
    });
    await load.call("openTarget", {
      target: "control",
      port: control.port,
      subscriberPath: "/",
      publisherPath: "/publish",
      subscribers: SUBSCRIBERS,
      publishText: deliveredText,
    });
    return new FanoutFixture(load, { subject, control });
  }

  /** Keeps so many publications in flight for so long. */
  async closedLoop(
    side: Side,
    { inFlight, durationMs }: { inFlight: number; durationMs: number },
  ): Promise<Run> {
    return await this.#metered(
      side,
      () => this.#load.call("closedLoop", { target: side, inFlight, durationMs }),
    );
  }

  /** Publishes on schedule. */
  async openLoop(
    side: Side,
    schedule: { publicationsPerSecond: number; publications: number },
  ): Promise<OpenLoopRun> {
    return await this.#metered(
      side,
      () => this.#load.call("openLoop", { target: side, ...schedule }),
    );
  }

  async #metered<ConnectionStats extends RunFigures>(
    side: Side,
    run: () => Promise<ConnectionStats>,
  ): Promise<ConnectionStats & Run> {
    const serverCpu = new CpuMeter(this.#servers[side].pid);
    const loadCpu = new CpuMeter(this.#load.pid);
    const figures = await run();
    const elapsedUs = figures.elapsedMs * 1_000;
    return {
      ...figures,
      cpuUsPerDelivery: serverCpu.usedUs() / figures.deliveries,
      deliveriesPerSecond: figures.deliveries / (elapsedUs / 1_000_000),
      loadBusy: loadCpu.usedUs() / elapsedUs,
    };
  }
}
