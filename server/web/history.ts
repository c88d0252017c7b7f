/**
 * The overviews of the last quarter of an hour: one sample a second, totals converted to rates. Pure;
 * time is an argument. A time without overviews is a gap.
 *
 * @module
 */

import type { Stats } from "../http/stats.ts";
import { countsBetween, quantile, sumCounts } from "./histogram.ts";

/** The most samples that are stored. */
export const MAX_SAMPLES = 900;

/** Samples with a longer time between them have a gap, seconds. */
const GAP_SECONDS = 5;

/** The longest gap whose disconnects are counted, seconds: after it their times are unknown. */
const DATED_SECONDS = 60;

/** The samples of a quantile: one second of a small hub has too few round trips. */
const QUANTILE_SAMPLES = 10;

/** The state of the hub at one second. */
export interface Sample {
  /** Wall-clock seconds. */
  readonly at: number;
  /** Open connections by profile. */
  readonly profiles: Readonly<Record<string, number>>;
  /** Open connections by health. */
  readonly health: Readonly<Record<string, number>>;
  /** Connections closed since the sample before, by cause; empty after a long gap. */
  readonly disconnects: Readonly<Record<string, number>>;
  /** Messages a second from clients; null after a gap. */
  readonly messagesIn: number | null;
  /** Messages a second to clients; null after a gap. */
  readonly messagesOut: number | null;
  /** Round trips since the sample before, by bucket. */
  readonly rtt: readonly number[];
  /** Median and 99th percentile of the last ten seconds, ms. */
  readonly rttMs: { readonly p50: number | null; readonly p99: number | null };
  /** The lateness of the server's heartbeat wheel, 99th percentile of the last ten seconds, ms. */
  readonly latenessMs: number | null;
  /** The time of the server's stalls since the sample before, seconds. */
  readonly stalledSeconds: number;
}

interface StoredSample extends Sample {
  readonly lateness: readonly number[];
}

/** A bounded list of samples. */
export class History {
  #samples: (StoredSample | undefined)[] = [];
  #latest: Stats | undefined;
  #latestAt = -Infinity;
  /** The newest overview by node. */
  #nodes: Readonly<Record<string, Stats>> = {};
  /** Disconnects are counted without a gap since then, wall-clock seconds. */
  #countedFrom = 0;

  /** Upper bounds of the buckets of `Sample.rtt`, seconds. */
  get bounds(): readonly number[] {
    return this.#latest?.rtt.bounds ?? [];
  }

  /** The newest overview. */
  get latest(): Stats | undefined {
    return this.#latest;
  }

  /** The oldest first; undefined is a gap. */
  get samples(): readonly (Sample | undefined)[] {
    return this.#samples;
  }

  /**
   * Adds an overview.
   *
   * @param atMs wall-clock ms of the hub
   * @param nodes what it sums up, by node: one that comes or goes is no change of the others
   */
  add(stats: Stats, atMs: number, nodes: Readonly<Record<string, Stats>> = { "": stats }): void {
    const at = atMs / 1_000;
    const seconds = at - this.#latestAt;
    if (seconds <= 0) this.#samples = []; // the clock was set back: the samples would be in the future
    const changes = Object.entries(nodes).flatMap(([node, after]) => {
      const before = this.#nodes[node];
      // A server that started after the last overview has run for less time than has passed.
      const isSame = before !== undefined &&
        after.uptimeSeconds >= Math.max(seconds, before.uptimeSeconds);
      return isSame ? [changeOf(before, after)] : [];
    });
    const isDated = changes.length > 0 && seconds > 0 && seconds <= DATED_SECONDS;
    const isJoined = isDated && seconds <= GAP_SECONDS;
    if (!isDated) this.#countedFrom = at;
    if (!isJoined && this.#samples.length > 0) this.#samples.push(undefined);
    this.#samples.push({
      ...this.#sample(stats, isJoined ? changes : [], { at, seconds }),
      disconnects: isDated ? sumNamed(changes.map(({ disconnects }) => disconnects)) : {},
      stalledSeconds: changes.reduce((sum, change) => sum + change.stalledSeconds, 0),
    });
    if (this.#samples.length > MAX_SAMPLES) this.#samples = this.#samples.slice(-MAX_SAMPLES);
    this.#latest = stats;
    this.#latestAt = at;
    this.#nodes = nodes;
  }

  /** Forgets all: what comes is of others. */
  clear(): void {
    this.#samples = [];
    this.#nodes = {};
  }

  /** For how much of the last seconds disconnects are counted, seconds. */
  countedSeconds(seconds: number): number {
    return Math.min(seconds, this.#latestAt - this.#countedFrom);
  }

  /** Connections closed in the last seconds, by cause. */
  disconnectsIn(seconds: number): Record<string, number> {
    return sumNamed(
      this.#samples.flatMap((sample) =>
        sample === undefined || sample.at <= this.#latestAt - seconds ? [] : [sample.disconnects]
      ),
    );
  }

  /** The present state, and rates; the first sample after a gap has no rates. */
  #sample(
    { profiles, health, rtt: { bounds, counts }, lateness: { bounds: latenessBounds } }: Stats,
    changes: readonly Change[],
    time: { at: number; seconds: number },
  ): Omit<StoredSample, "disconnects" | "stalledSeconds"> {
    const rtt = sumCounts([zeros(counts), ...changes.map((change) => change.rtt)]);
    const lateness = sumCounts([
      zeros([...latenessBounds, Infinity]),
      ...changes.map((change) => change.lateness),
    ]);
    const recent = this.#samples.slice(1 - QUANTILE_SAMPLES)
      .filter((sample) => sample !== undefined);
    const rtts = { bounds, counts: sumCounts([...recent.map((sample) => [...sample.rtt]), rtt]) };
    const latenesses = {
      bounds: latenessBounds,
      counts: sumCounts([...recent.map((sample) => [...sample.lateness]), lateness]),
    };
    const perSecond = (read: (of: Change) => number) =>
      changes.length > 0
        ? changes.reduce((sum, change) => sum + read(change), 0) / time.seconds
        : null;
    return {
      at: time.at,
      profiles: Object.fromEntries(
        Object.entries(profiles).map(([name, { connections }]) => [name, connections]),
      ),
      health,
      messagesIn: perSecond(({ messagesIn }) => messagesIn),
      messagesOut: perSecond(({ messagesOut }) => messagesOut),
      rtt,
      rttMs: { p50: toMs(quantile(rtts, 0.5)), p99: toMs(quantile(rtts, 0.99)) },
      lateness,
      latenessMs: toMs(quantile(latenesses, 0.99)),
    };
  }
}

/** What has happened on a node between two overviews. */
interface Change {
  readonly messagesIn: number;
  readonly messagesOut: number;
  readonly disconnects: Readonly<Record<string, number>>;
  readonly stalledSeconds: number;
  readonly rtt: number[];
  readonly lateness: number[];
}

function changeOf(before: Stats, after: Stats): Change {
  return {
    messagesIn: after.totals.messagesIn - before.totals.messagesIn,
    messagesOut: after.totals.messagesOut - before.totals.messagesOut,
    disconnects: Object.fromEntries(
      Object.entries(after.disconnects).map((
        [name, count],
      ) => [name, count - (before.disconnects[name] ?? 0)]),
    ),
    stalledSeconds: after.stalls.seconds - before.stalls.seconds,
    rtt: countsBetween(before.rtt.counts, after.rtt.counts),
    lateness: countsBetween(before.lateness.counts, after.lateness.counts),
  };
}

function sumNamed(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [name, count] of all.flatMap((counts) => Object.entries(counts))) {
    sums[name] = (sums[name] ?? 0) + count;
  }
  return sums;
}

function zeros(like: readonly number[]): number[] {
  return like.map(() => 0);
}

function toMs(seconds: number | null): number | null {
  return seconds === null ? null : seconds * 1_000;
}
