/**
 * The overviews that the page has received: one sample a second for a quarter of an
 * hour, totals turned into rates. Pure; time is an argument. A time without word is a gap, not a
 * line drawn across it.
 *
 * @module
 */

import type { Stats } from "../http/stats.ts";
import { hitsBetween, quantile, together } from "./histogram.ts";

/** So many samples are kept. */
export const SAMPLES = 900;

/** Two samples further apart than this have a gap between them, seconds. */
const GAP_SECONDS = 5;

/** Ends during a longer gap between overviews have no known time, seconds. */
const DATED_SECONDS = 60;

/** Samples that a quantile is taken of: one second holds too few round trips of a small hub. */
const QUANTILE_SAMPLES = 10;

/** One second of the hub. */
export interface Sample {
  /** Wall-clock seconds. */
  readonly at: number;
  /** Open connections by profile. */
  readonly profiles: Readonly<Record<string, number>>;
  /** Open connections by health. */
  readonly health: Readonly<Record<string, number>>;
  /** Connections ended since the sample before, by cause; nothing after a long silence. */
  readonly disconnects: Readonly<Record<string, number>>;
  /** Messages a second from clients; null after a gap. */
  readonly messagesIn: number | null;
  /** Messages a second to clients; null after a gap. */
  readonly messagesOut: number | null;
  /** Round trips since the sample before, by bucket. */
  readonly rtt: readonly number[];
  /** Median and 99th percentile of the last ten seconds, ms. */
  readonly rttMs: { readonly p50: number | null; readonly p99: number | null };
  /** How late the server's clockwork came, 99th percentile of the last ten seconds, ms. */
  readonly latenessMs: number | null;
  /** How long the event loop stalled since the sample before, seconds. */
  readonly stalledSeconds: number;
}

interface StoredSample extends Sample {
  readonly lateness: readonly number[];
}

export class History {
  #samples: (StoredSample | undefined)[] = [];
  #latest: Stats | undefined;
  #latestAt = -Infinity;
  /** Deaths are counted without a break since then. */
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

  /** Remembers an overview. @param atMs wall-clock of the hub */
  add(stats: Stats, atMs: number): void {
    const at = atMs / 1_000;
    const seconds = at - this.#latestAt;
    if (seconds <= 0) this.#samples = []; // the clock was set back: their times are still to come
    // Since the last word another server has run for less time than has passed.
    const isSame = stats.uptimeSeconds >= Math.max(seconds, this.#latest?.uptimeSeconds ?? 0);
    const before = isSame ? this.#latest : undefined;
    const isDated = before !== undefined && seconds > 0 && seconds <= DATED_SECONDS;
    const isJoined = isDated && seconds <= GAP_SECONDS;
    if (!isDated) this.#countedFrom = at;
    if (!isJoined && this.#samples.length > 0) this.#samples.push(undefined);
    const happened = {
      disconnects: isDated ? more(before.disconnects, stats.disconnects) : {},
      stalledSeconds: before ? stats.stalls.seconds - before.stalls.seconds : 0,
    };
    const time = { at, seconds };
    this.#samples.push({
      ...this.#sample(stats, isJoined ? before : undefined, time),
      ...happened,
    });
    if (this.#samples.length > SAMPLES) this.#samples = this.#samples.slice(-SAMPLES);
    this.#latest = stats;
    this.#latestAt = at;
  }

  /** Of the last while, how long disconnects have been counted. @param seconds how long that is */
  countedSeconds(seconds: number): number {
    return Math.min(seconds, this.#latestAt - this.#countedFrom);
  }

  /** Connections that ended in the last while, by cause. @param seconds how long that is */
  disconnectsIn(seconds: number): Record<string, number> {
    const sums: Record<string, number> = {};
    for (const sample of this.#samples) {
      if (sample === undefined || sample.at <= this.#latestAt - seconds) continue;
      for (const [cause, count] of Object.entries(sample.disconnects)) {
        sums[cause] = (sums[cause] ?? 0) + count;
      }
    }
    return sums;
  }

  /** What is, and rates; the first sample after a gap has none. */
  #sample(
    stats: Stats,
    before: Stats | undefined,
    time: { at: number; seconds: number },
  ): Omit<StoredSample, "disconnects" | "stalledSeconds"> {
    const { profiles, health } = stats;
    const rtt = before ? hitsBetween(before.rtt.counts, stats.rtt.counts) : zeros(stats.rtt.counts);
    const lateness = before
      ? hitsBetween(before.lateness.counts, stats.lateness.counts)
      : zeros(stats.lateness.counts);
    const recent = this.#samples.slice(1 - QUANTILE_SAMPLES)
      .filter((sample) => sample !== undefined);
    const rtts = {
      bounds: stats.rtt.bounds,
      counts: together([...recent.map((sample) => [...sample.rtt]), rtt]),
    };
    const latenesses = {
      bounds: stats.lateness.bounds,
      counts: together([...recent.map((sample) => [...sample.lateness]), lateness]),
    };
    const perSecond = (read: (of: Stats) => number) =>
      before ? (read(stats) - read(before)) / time.seconds : null;
    return {
      at: time.at,
      profiles: Object.fromEntries(
        Object.entries(profiles).map(([name, { connections }]) => [name, connections]),
      ),
      health,
      messagesIn: perSecond(({ totals }) => totals.messagesIn),
      messagesOut: perSecond(({ totals }) => totals.messagesOut),
      rtt,
      rttMs: { p50: toMs(quantile(rtts, 0.5)), p99: toMs(quantile(rtts, 0.99)) },
      lateness,
      latenessMs: toMs(quantile(latenesses, 0.99)),
    };
  }
}

function more(
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)]),
  );
}

function zeros(like: readonly number[]): number[] {
  return like.map(() => 0);
}

function toMs(seconds: number | null): number | null {
  return seconds === null ? null : seconds * 1_000;
}
