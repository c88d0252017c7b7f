/**
 * What `deno task bench:cluster` measures of each setup, and what several threads are to reach.
 * Owns these figures and targets; pure.
 *
 * @module
 */

import { CLUSTER_FULL } from "./cluster_sizes.ts";
import type { FigureDescription, Suite, Target } from "./results.ts";

const count = (value: number) => value.toLocaleString("en");
const { fanout, throughput, latency, publish, resume } = CLUSTER_FULL;
const FANOUT = `fan-out to ${count(fanout.subscribers)}`;
const THROUGHPUT = `2 × ${count(throughput.subscribers)} subscribers`;
const LATENCY = `${latency.publicationsPerSecond} publications/s to ${latency.subscribers}`;
const PUBLISH = `${publish.clients} clients publish with history`;
const RESUME = `${count(resume.clients)} return to`;

const DESCRIPTIONS = {
  fanout1: {
    load: "fanout",
    label: `${FANOUT}, 1 in flight: CPU of the hub per delivery`,
    unit: "µs",
    digits: 2,
  },
  fanout4: {
    load: "fanout",
    label: `${FANOUT}, 4 in flight: CPU of the hub per delivery`,
    unit: "µs",
    digits: 2,
  },
  fanout16: {
    load: "fanout",
    label: `${FANOUT}, 16 in flight: CPU of the hub per delivery`,
    unit: "µs",
    digits: 2,
  },
  fanoutRedis: {
    load: "fanout",
    label: `${FANOUT}, 4 in flight: CPU of Redis per publication`,
    unit: "µs",
    digits: 1,
  },
  busiest: {
    load: "fanout",
    label: `${FANOUT}, 4 in flight: share of the busiest thread`,
    unit: "%",
    digits: 1,
  },
  throughput: {
    load: "throughput",
    label: `${THROUGHPUT}, ${throughput.inFlight} in flight: deliveries`,
    unit: "per ms",
    digits: 0,
  },
  throughputCpu: {
    load: "throughput",
    label: `${THROUGHPUT}, ${throughput.inFlight} in flight: CPU of the hub per delivery`,
    unit: "µs",
    digits: 2,
  },
  latency50: { load: "latency", label: `${LATENCY}: p50`, unit: "ms", digits: 2 },
  latency99: { load: "latency", label: `${LATENCY}: p99`, unit: "ms", digits: 2 },
  added50: { load: "latency", label: `${LATENCY}: added p50`, unit: "ms", digits: 2 },
  added99: { load: "latency", label: `${LATENCY}: added p99`, unit: "ms", digits: 2 },
  publish: { load: "publish", label: `${PUBLISH}: CPU of the hub`, unit: "µs", digits: 1 },
  publishRedis: { load: "publish", label: `${PUBLISH}: CPU of Redis`, unit: "µs", digits: 1 },
  resumeTime: { load: "resume", label: `${RESUME} one channel: time`, unit: "ms", digits: 0 },
  resumeCpu: {
    load: "resume",
    label: `${RESUME} one channel: CPU of the hub`,
    unit: "ms",
    digits: 0,
  },
  resumeRedis: {
    load: "resume",
    label: `${RESUME} one channel: CPU of Redis`,
    unit: "ms",
    digits: 1,
  },
  resumeOwnTime: {
    load: "resume",
    label: `${RESUME} a channel each: time`,
    unit: "ms",
    digits: 0,
  },
  resumeOwnCpu: {
    load: "resume",
    label: `${RESUME} a channel each: CPU of the hub`,
    unit: "ms",
    digits: 0,
  },
  resumeOwnRedis: {
    load: "resume",
    label: `${RESUME} a channel each: CPU of Redis`,
    unit: "ms",
    digits: 1,
  },
} satisfies Record<string, FigureDescription>;

/** The name of one figure. */
export type ClusterFigureName = keyof typeof DESCRIPTIONS;

/** All figures, in the order of the table. */
export const CLUSTER_FIGURES: Readonly<Record<ClusterFigureName, FigureDescription>> = DESCRIPTIONS;

const WORKERS = { server: "workers", control: "one" } as const;

/** What two threads are to reach. */
export const CLUSTER_TARGETS: readonly Target[] = [
  { figure: "fanout1", ...WORKERS, bound: "at most", limit: 1.15 },
  { figure: "fanout4", ...WORKERS, bound: "at most", limit: 1.15 },
  { figure: "busiest", server: "workers", bound: "at most", limit: 60 },
];

/** Two cores are busy with one thread and the load. */
export const THROUGHPUT_TARGET: Target = {
  figure: "throughput",
  ...WORKERS,
  bound: "at least",
  limit: 1.6,
};

/** The cores from which `THROUGHPUT_TARGET` counts. */
export const THROUGHPUT_CORES = 4;

/** One hub of several processes or threads beside one of one process. */
export function clusterSuite(cores: number): Suite<ClusterFigureName> {
  return {
    figures: CLUSTER_FIGURES,
    targets: cores >= THROUGHPUT_CORES ? [...CLUSTER_TARGETS, THROUGHPUT_TARGET] : CLUSTER_TARGETS,
    subject: "one",
    ratio: "server / subject",
  };
}
