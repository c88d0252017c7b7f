/**
 * How large and how long the loads are: as measured, and in short, where only counts are checked.
 * Owns these numbers.
 *
 * @module
 */

/** The loads by the names that `--only` takes, in the order of the table. */
export const LOAD_NAMES = [
  "fanout",
  "openloop",
  "own",
  "storm",
  "idle",
  "empty",
  "growth",
  "churn",
] as const;

/** The name of one load. */
export type LoadName = typeof LOAD_NAMES[number];

/** The sizes of all loads. */
export interface Sizes {
  /** Runs of each figure; their median counts. */
  repetitions: number;
  /** Length of the data of a publication, bytes. */
  dataBytes: number;
  fanout: { subscribers: number; runMs: number; warmUpMs: number };
  openLoop: { publicationsPerSecond: number; publications: number };
  own: { clients: number; runMs: number; warmUpMs: number };
  storm: { clients: number; warmUpClients: number; settleMs: number };
  idle: {
    clients: number;
    warmUpClients: number;
    settleMs: number;
    /** While memory is read. */
    memoryPingPeriodMs: number;
    /** While CPU is measured: shorter, for enough pings within the time. */
    cpuPingPeriodMs: number;
  };
  empty: { settleMs: number; runMs: number };
  growth: { fromSubscribers: number; toSubscribers: number; runMs: number; warmUpMs: number };
  churn: { clients: number; rounds: number; settleMs: number };
}

/** 50 a second to 1000 subscribers keeps bare ws below half a core: nobody is saturated. */
const PUBLICATIONS_PER_SECOND = 50;

/** For figures: under fifteen minutes with all servers and loads. */
export const FULL: Sizes = {
  repetitions: 5,
  dataBytes: 128,
  fanout: { subscribers: 1_000, runMs: 1_000, warmUpMs: 700 },
  openLoop: { publicationsPerSecond: PUBLICATIONS_PER_SECOND, publications: 75 },
  own: { clients: 100, runMs: 1_000, warmUpMs: 1_000 },
  storm: { clients: 3_000, warmUpClients: 1_000, settleMs: 500 },
  idle: {
    clients: 5_000,
    warmUpClients: 500,
    settleMs: 1_000,
    memoryPingPeriodMs: 25_000,
    cpuPingPeriodMs: 2_000,
  },
  empty: { settleMs: 1_000, runMs: 1_000 },
  growth: { fromSubscribers: 1_000, toSubscribers: 5_000, runMs: 1_000, warmUpMs: 700 },
  churn: { clients: 5_000, rounds: 10, settleMs: 500 },
};

/** For counts: whether every load works with every server, in seconds. */
export const SHORT: Sizes = {
  repetitions: 1,
  dataBytes: 128,
  fanout: { subscribers: 20, runMs: 50, warmUpMs: 20 },
  openLoop: { publicationsPerSecond: PUBLICATIONS_PER_SECOND, publications: 5 },
  own: { clients: 5, runMs: 50, warmUpMs: 20 },
  storm: { clients: 50, warmUpClients: 10, settleMs: 20 },
  idle: {
    clients: 50,
    warmUpClients: 10,
    settleMs: 20,
    memoryPingPeriodMs: 200,
    cpuPingPeriodMs: 200,
  },
  empty: { settleMs: 20, runMs: 50 },
  growth: { fromSubscribers: 10, toSubscribers: 50, runMs: 50, warmUpMs: 20 },
  churn: { clients: 50, rounds: 2, settleMs: 20 },
};
