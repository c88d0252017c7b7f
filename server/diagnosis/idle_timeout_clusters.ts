/**
 * Disconnects of one network, clustered by idle age, and the idle timer behind the clusters, if there
 * is one. Pure; bounded memory. Owns when two idle ages are the same; must not know whose they are.
 *
 * A timer is exact and cuts every idle connection; other disconnects happen at any age. But a restart
 * on the path cuts many connections at once, and at one age if the same publication was the last data
 * on all of them. So disconnects whose times and ages agree within 0.1 % of the age (at least 25 ms)
 * are one cluster, however many: a timer cuts again, at another time. A timer is detected in two ways:
 *
 * - The ages of the last three clusters agree as closely, and no cluster that is kept has a greater
 *   age: a connection that was idle for longer refutes the timer. For ages spread evenly over [0, R],
 *   three are that close to each other, at the very top of the m that are kept, with a probability
 *   of at most 3 d^2 / m (d = 0.001). Over 50 disconnects, of which the last 16 are kept, this sums
 *   up to 3 d^2 (1/3 + ... + 1/16 + 34/16) = 1.2e-5, for every R above 25 s: in 1000 runs of 50
 *   disconnects, 0.012 false detections are expected.
 * - Seven of the last 16 clusters lie within 1 % (at least 100 ms) of each other: for proxies with
 *   coarse timers and networks with other disconnects, too. At most C(15, 6) d^6 = 5005 * 1e-12 for
 *   each disconnect (d = 0.01): 2.5e-4 in the same 1000 runs. A slow restart stays below: its
 *   disconnects differ in age as much as in time, so with clusters 0.1 % wide at most six fit.
 *
 * @module
 */

/** Disconnects at one age and one time; both are those of the first. */
interface IdleTimeoutCluster {
  readonly idleMs: number;
  readonly atMs: number;
  disconnects: number;
}

/** An idle timer on the path. */
export interface IdleTimer {
  /** The mean age of its clusters, ms. */
  readonly idleMs: number;
  /** Disconnects in its clusters. */
  readonly disconnects: number;
}

/** Clusters that are kept. */
const MAX_CLUSTERS = 16;
/** Consecutive clusters that show an exact timer. */
const EXACT_CLUSTERS = 3;
/** Clusters among those kept that show a coarse timer. */
const COARSE_CLUSTERS = 7;
/** Spread of a timer with ms resolution behind a network, as a share of the idle age. */
const EXACT_RATIO = 0.001;
const MIN_EXACT_MS = 25;
/** Spread of a timer that checks about twice a second, as a share of the idle age. */
const COARSE_RATIO = 0.01;
const MIN_COARSE_MS = 100;

/** The clusters of one network. */
export class IdleTimeoutClusters {
  /** The oldest first. */
  #clusters: IdleTimeoutCluster[] = [];

  /** Adds a disconnect. @returns whether it starts a new cluster */
  add(idleMs: number, nowMs: number): boolean {
    const toleranceMs = exactToleranceMs(idleMs);
    const same = this.#clusters.find((cluster) =>
      Math.abs(cluster.atMs - nowMs) <= toleranceMs &&
      Math.abs(cluster.idleMs - idleMs) <= toleranceMs
    );
    if (same !== undefined) same.disconnects++;
    else if (this.#clusters.push({ idleMs, atMs: nowMs, disconnects: 1 }) > MAX_CLUSTERS) {
      this.#clusters.shift();
    }
    return same === undefined;
  }

  /** Removes the clusters of a timer. */
  forget(timerMs: number): void {
    this.#clusters = this.#clusters.filter(({ idleMs }) => !isNear(idleMs, timerMs));
  }

  /** The timer that the newest cluster shows. @param idleMs its age */
  timer(idleMs: number): IdleTimer | undefined {
    const latest = this.#clusters.slice(-EXACT_CLUSTERS);
    const near = this.#clusters.filter((cluster) => isNear(cluster.idleMs, idleMs));
    const isRefuted = this.#clusters.some((cluster) =>
      cluster.idleMs > idleMs && !near.includes(cluster)
    );
    if (agreeExactly(latest) && !isRefuted) return timerOf(latest);
    return near.length >= COARSE_CLUSTERS ? timerOf(near) : undefined;
  }
}

/** Whether an idle age matches a timer, a coarse one included. */
export function isNear(idleMs: number, timerMs: number): boolean {
  return Math.abs(idleMs - timerMs) <= Math.max(MIN_COARSE_MS, timerMs * COARSE_RATIO) / 2;
}

function agreeExactly(clusters: readonly IdleTimeoutCluster[]): boolean {
  if (clusters.length < EXACT_CLUSTERS) return false;
  const ages = clusters.map(({ idleMs }) => idleMs);
  const youngestMs = Math.min(...ages);
  return Math.max(...ages) - youngestMs <= exactToleranceMs(youngestMs);
}

function timerOf(clusters: readonly IdleTimeoutCluster[]): IdleTimer {
  return {
    idleMs: clusters.reduce((sum, { idleMs }) => sum + idleMs, 0) / clusters.length,
    disconnects: clusters.reduce((sum, { disconnects }) => sum + disconnects, 0),
  };
}

function exactToleranceMs(idleMs: number): number {
  return Math.max(MIN_EXACT_MS, idleMs * EXACT_RATIO);
}
