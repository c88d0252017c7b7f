/**
 * The idle ages at which the connections of one network died, and the timer behind them, if there is
 * one. Pure; bounded memory. Owns when ages are the same; must not know whose they are.
 *
 * A timer is exact and spares nobody; other disconnects come at any age. But what restarts on the way cuts
 * all at once, and at one age if a publication was the last that everybody heard. So disconnects whose
 * moments and ages agree within 0.1 % of the age (25 ms at least) are one cluster, however many: a
 * timer strikes again, at another moment. Two things show one:
 *
 * - The ages of the last three clusters agree as closely, and none that is remembered came at a
 *   greater age: who outlived the timer refutes it. Of ages spread evenly over [0, R] three are that
 *   near to each other, at the very top of the m that are remembered, with a chance of at most
 *   3 d^2 / m (d = 0.001). Over 50 disconnects, of which the last 16 are remembered, that sums up to
 *   3 d^2 (1/3 + ... + 1/16 + 34/16) = 1.2e-5, whatever R is above 25 s: in 1000 runs of 50 disconnects,
 *   0.012 false names are expected.
 * - Seven of the last 16 clusters lie within 1 % (100 ms at least) of each other: for proxies whose
 *   timers are coarse and networks where others die, too. At most C(15, 6) d^6 = 5005 * 1e-12 for
 *   each death (d = 0.01): 2.5e-4 in the same 1000 runs. A restart that takes its time stays below:
 *   its disconnects are as far apart in age as in time, so a cluster's width of 0.1 % leaves room for six.
 *
 * @module
 */

/** Deaths at one age and one moment: those of the first. */
interface IdleTimeoutCluster {
  readonly idleMs: number;
  readonly nowMs: number;
  disconnects: number;
}

/** What struck. */
export interface Timer {
  /** The mean age of its clusters, ms. */
  readonly idleMs: number;
  /** All who died of them. */
  readonly disconnects: number;
}

/** IdleTimeoutClusters that are remembered. */
const MAX_CLUSTERS = 16;
/** IdleTimeoutClusters in a row that show a timer. */
const ROW = 3;
/** IdleTimeoutClusters among those remembered that show it, too. */
const MANY = 7;
/** Of the idle age: what a millisecond timer behind a network makes of one value. */
const NARROW = 0.001;
const MIN_NARROW_MS = 25;
/** Of the idle age: what a timer that looks twice a second or so does. */
const WIDE = 0.01;
const MIN_WIDE_MS = 100;

export class IdleTimeoutClusters {
  /** The oldest first. */
  #clusters: IdleTimeoutCluster[] = [];

  /** Remembers a death. @returns whether it is a cluster of its own */
  add(idleMs: number, nowMs: number): boolean {
    const apartMs = narrowMs(idleMs);
    const same = this.#clusters.find((cluster) =>
      Math.abs(cluster.nowMs - nowMs) <= apartMs && Math.abs(cluster.idleMs - idleMs) <= apartMs
    );
    if (same !== undefined) same.disconnects++;
    else if (this.#clusters.push({ idleMs, nowMs, disconnects: 1 }) > MAX_CLUSTERS) {
      this.#clusters.shift();
    }
    return same === undefined;
  }

  /** Forgets the clusters of a timer. */
  forget(timerMs: number): void {
    this.#clusters = this.#clusters.filter(({ idleMs }) => !isNear(idleMs, timerMs));
  }

  /** The timer behind the cluster that came last. @param idleMs its age */
  timer(idleMs: number): Timer | undefined {
    const row = this.#clusters.slice(-ROW);
    const near = this.#clusters.filter((cluster) => isNear(cluster.idleMs, idleMs));
    const isOutlived = this.#clusters.some((cluster) =>
      cluster.idleMs > idleMs && !near.includes(cluster)
    );
    if (isExactRow(row) && !isOutlived) return timerOf(row);
    return near.length >= MANY ? timerOf(near) : undefined;
  }
}

/** Whether an age is that of a timer, a coarse one included. */
export function isNear(idleMs: number, timerMs: number): boolean {
  return Math.abs(idleMs - timerMs) <= Math.max(MIN_WIDE_MS, timerMs * WIDE) / 2;
}

function isExactRow(row: readonly IdleTimeoutCluster[]): boolean {
  if (row.length < ROW) return false;
  const ages = row.map(({ idleMs }) => idleMs);
  const youngestMs = Math.min(...ages);
  return Math.max(...ages) - youngestMs <= narrowMs(youngestMs);
}

function timerOf(clusters: readonly IdleTimeoutCluster[]): Timer {
  return {
    idleMs: clusters.reduce((sum, { idleMs }) => sum + idleMs, 0) / clusters.length,
    disconnects: clusters.reduce((sum, { disconnects }) => sum + disconnects, 0),
  };
}

function narrowMs(idleMs: number): number {
  return Math.max(MIN_NARROW_MS, idleMs * NARROW);
}
