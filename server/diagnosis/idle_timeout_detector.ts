/**
 * Detects idle timeouts on the path: proxies and networks that cut idle connections. The evidence is
 * several connections of one network, or through one trusted proxy, that ended without a close frame
 * at the same idle age. Pure; bounded memory. Owns what is known of each network; must not know the
 * profiles of the connections, nor when two ages are the same (idle_timeout_clusters.ts).
 *
 * It cannot distinguish a proxy from a program that always disconnects after the same time. So a
 * limit is withdrawn when three disconnects in a row have a greater idle age.
 *
 * @module
 */

import { networkOf } from "../base/subnet.ts";
import { IdleTimeoutClusters, isNear } from "./idle_timeout_clusters.ts";
import { PROXY_PERIODS_MS, type ProxyPreset } from "../liveness/timing.ts";

/** A connection that ended without a close frame, and not by us. */
export interface CutConnection {
  /** The client's address; one without a network (a unix socket) is ignored. */
  readonly address: string;
  /** The trusted proxy that it came through, if any: its limit cuts all connections through it. */
  readonly proxy?: string;
  /** Time since the last byte in either direction, pings and pongs included. */
  readonly idleMs: number;
  /** Wall-clock time, ms. */
  readonly nowMs: number;
}

/** An idle timeout on the path to a network. */
export interface IdleTimeout {
  /** The network, as CIDR: /24 of IPv4, /64 of IPv6; that of the proxy where it is a proxy's limit. */
  readonly network: string;
  /** Connections that it has cut, as far as is known. */
  readonly count: number;
  /** The idle age at which it cuts. */
  readonly idleSeconds: number;
  /** The preset with the longest period that is short enough; undefined where none is. */
  readonly preset: ProxyPreset | undefined;
  /** A ping period that is short enough: 9/10 of the idle age. */
  readonly pingPeriodMs: number;
  /** When it was detected, wall-clock ms. */
  readonly detectedMs: number;
  /** When it last cut a connection, wall-clock ms. */
  readonly lastMs: number;
  /** All this in a sentence. */
  readonly text: string;
}

/** What is known about a connection that was cut. */
export interface IdleTimeoutFinding {
  /** The limit that cut it. */
  readonly limit: IdleTimeout;
  /** Whether to log it: true when the limit is detected, and each time its count has doubled. */
  readonly shouldLog: boolean;
}

export interface IdleTimeoutDetectorOptions {
  /**
   * Below this idle age no limit is detected, ms: a disconnect that a ping itself triggers (it is
   * answered by a reset) always happens one round trip after it. Default 1000.
   */
  readonly floorMs?: number;
}

/**
 * Networks that are kept, those with a limit and those without counted separately. The one without a
 * disconnect for the longest time is removed first.
 */
export const MAX_NETWORKS = 1024;
/** Disconnects in a row at a greater age that refute a limit. */
const REFUTED_AFTER = 3;

/** What is known of one network. */
interface Path {
  readonly network: string;
  /** `from <network>`, or `through <network>` for that of a trusted proxy. */
  readonly key: string;
  readonly clusters: IdleTimeoutClusters;
  limit: Limit | undefined;
}

interface Limit {
  readonly idleMs: number;
  readonly detectedMs: number;
  count: number;
  lastMs: number;
  /** The count that was last logged. */
  loggedCount: number;
  /** Disconnects in a row at a greater age. */
  refutations: number;
}

/** The idle timeouts of all networks. */
export class IdleTimeoutDetector {
  readonly #floorMs: number;
  readonly #withoutLimit = new Map<string, Path>();
  readonly #withLimit = new Map<string, Path>();
  #cut = 0;

  constructor({ floorMs = 1_000 }: IdleTimeoutDetectorOptions = {}) {
    this.#floorMs = floorMs;
  }

  /** Connections that limits have cut; never decreases. */
  get cut(): number {
    return this.#cut;
  }

  /** Limits that are known. */
  get size(): number {
    return this.#withLimit.size;
  }

  /** Records a disconnect. @returns the limit that cut the connection, as far as is known by now */
  ended(cut: CutConnection): IdleTimeoutFinding | undefined {
    const { address, proxy } = cut;
    const byProxy = proxy === undefined ? undefined : this.#record("through", proxy, cut);
    return byProxy ?? this.#record("from", address, cut);
  }

  #record(
    side: string,
    address: string,
    { idleMs, nowMs }: CutConnection,
  ): IdleTimeoutFinding | undefined {
    const network = networkOf(address);
    if (network === undefined || !Number.isFinite(idleMs)) return undefined;
    const key = `${side} ${network}`;
    const path = this.#withLimit.get(key) ?? this.#withoutLimit.get(key) ??
      { network, key, clusters: new IdleTimeoutClusters(), limit: undefined };
    const isNew = path.clusters.add(idleMs, nowMs);
    const isCut = this.#matchesLimit(path, idleMs, nowMs);
    const counted = isCut ? 1 : isNew ? this.#detect(path, idleMs, nowMs) : 0;
    this.#cut += counted;
    this.#store(path);
    if (path.limit === undefined || counted === 0) return undefined;
    const shouldLog = path.limit.count >= 2 * path.limit.loggedCount;
    if (shouldLog) path.limit.loggedCount = path.limit.count;
    return { limit: describe(path, path.limit), shouldLog };
  }

  /** All known limits, in the order of their last disconnect. */
  list(): IdleTimeout[] {
    return [...this.#withLimit.values()].flatMap((path) =>
      path.limit === undefined ? [] : [describe(path, path.limit)]
    );
  }

  /** Whether the known limit cut this connection, too. */
  #matchesLimit(path: Path, idleMs: number, nowMs: number): boolean {
    const { limit } = path;
    if (limit === undefined) return false;
    if (isNear(idleMs, limit.idleMs)) {
      limit.count++;
      limit.lastMs = nowMs;
      limit.refutations = 0;
      return true;
    }
    if (idleMs > limit.idleMs && ++limit.refutations >= REFUTED_AFTER) {
      path.limit = undefined;
      path.clusters.forget(limit.idleMs); // they have been counted already
    }
    return false;
  }

  /** @returns how many disconnects a newly detected limit explains; 0 without one */
  #detect(path: Path, idleMs: number, nowMs: number): number {
    if (idleMs < this.#floorMs) return 0;
    const timer = path.clusters.timer(idleMs);
    if (timer === undefined) return 0;
    path.limit = {
      idleMs: timer.idleMs,
      detectedMs: nowMs,
      lastMs: nowMs,
      count: timer.disconnects,
      loggedCount: 0,
      refutations: 0,
    };
    return timer.disconnects;
  }

  /** A Map keeps the order of insertion: a path inserted again is removed last. */
  #store(path: Path): void {
    this.#withLimit.delete(path.key);
    this.#withoutLimit.delete(path.key);
    const paths = path.limit === undefined ? this.#withoutLimit : this.#withLimit;
    paths.set(path.key, path);
    if (paths.size <= MAX_NETWORKS) return;
    const [oldest] = paths.keys();
    paths.delete(oldest);
  }
}

function describe({ network, key }: Path, limit: Limit): IdleTimeout {
  const { idleMs, count, detectedMs, lastMs } = limit;
  const idleSeconds = Math.round(idleMs / 100) / 10;
  const preset = presetFor(idleMs);
  // Whole seconds for long periods, since people type it.
  const stepMs = idleMs >= 10_000 ? 1_000 : 10;
  const pingPeriodMs = Math.floor(idleSeconds * 900 / stepMs) * stepMs;
  const text = `${count} connections ${key} were cut after ${idleSeconds} s idle: ` +
    `set ${
      preset === undefined ? "" : `PROXY_PRESET=${preset} or `
    }PING_PERIOD_MS=${pingPeriodMs} ` +
    "to keep them open";
  return { network, count, idleSeconds, preset, pingPeriodMs, detectedMs, lastMs, text };
}

/** A preset's margin to its proxy's timeout is at least a twelfth; here it must be a twentieth. */
function presetFor(idleMs: number): ProxyPreset | undefined {
  let best: ProxyPreset | undefined;
  for (const preset of Object.keys(PROXY_PERIODS_MS) as ProxyPreset[]) {
    const periodMs = PROXY_PERIODS_MS[preset];
    // Deno Deploy's is about applications without traffic, not about connections.
    if (preset === "deno-deploy" || periodMs > idleMs * 19 / 20) continue;
    if (best === undefined || periodMs > PROXY_PERIODS_MS[best]) best = preset;
  }
  return best;
}
