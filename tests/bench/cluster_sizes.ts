/**
 * How large and how long the loads of `deno task bench:cluster` are.
 * Owns these numbers.
 *
 * @module
 */

/** The loads by the names that `--only` takes, in the order of the table. */
export const CLUSTER_LOAD_NAMES = [
  "fanout",
  "throughput",
  "latency",
  "publish",
  "resume",
] as const;

/** The name of one load. */
export type ClusterLoadName = typeof CLUSTER_LOAD_NAMES[number];

/** The sizes of all loads. */
export interface ClusterSizes {
  /** Runs of each figure; their median counts. */
  repetitions: number;
  /** Length of the data of a publication, bytes. */
  dataBytes: number;
  fanout: { subscribers: number; runMs: number; warmUpMs: number };
  /** Of each of the two load processes. */
  throughput: { subscribers: number; inFlight: number; runMs: number; warmUpMs: number };
  latency: { subscribers: number; publicationsPerSecond: number; publications: number };
  publish: { clients: number; runMs: number; warmUpMs: number };
  resume: { clients: number; messages: number; settleMs: number };
}

/** For figures. */
export const CLUSTER_FULL: ClusterSizes = {
  repetitions: 5,
  dataBytes: 128,
  fanout: { subscribers: 1_000, runMs: 1_000, warmUpMs: 700 },
  throughput: { subscribers: 500, inFlight: 4, runMs: 1_000, warmUpMs: 700 },
  // Few, so that the way to them is measured and not the fan-out.
  latency: { subscribers: 10, publicationsPerSecond: 100, publications: 200 },
  publish: { clients: 100, runMs: 1_000, warmUpMs: 1_000 },
  resume: { clients: 1_000, messages: 100, settleMs: 500 },
};

/** For counts: whether every load works with every setup, in seconds. */
export const CLUSTER_SHORT: ClusterSizes = {
  repetitions: 1,
  dataBytes: 128,
  fanout: { subscribers: 20, runMs: 30, warmUpMs: 10 },
  throughput: { subscribers: 10, inFlight: 4, runMs: 30, warmUpMs: 10 },
  latency: { subscribers: 4, publicationsPerSecond: 100, publications: 10 },
  publish: { clients: 5, runMs: 30, warmUpMs: 10 },
  resume: { clients: 10, messages: 5, settleMs: 20 },
};
