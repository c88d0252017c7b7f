/**
 * Proxies on the way that cut idle connections, found by what they leave behind: several connections
 * of one network, or through one trusted proxy, that ended without a close frame at the same idle
 * age. Pure; bounded memory. Owns what is known of each network; must not know what the connections
 * spoke, nor when ages are the same (idle_timeout_clusters.ts).
 *
 * It cannot distinguish a proxy from a program that always disconnects after the same time. So a limit
 * is withdrawn when three disconnects in a row come at a greater age.
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
  /** The trusted proxy that it came through, if it did: what cuts all who come through it. */
  readonly proxy?: string;
  /** How long before its end the last byte went in either direction, pings and pongs included. */
  readonly idleMs: number;
  /** Wall-clock time, ms. */
  readonly nowMs: number;
}

/** An idle timeout on the way to a network. */
export interface IdleTimeout {
  /** The network, as CIDR: /24 of IPv4, /64 of IPv6; the proxy's own where it is a proxy's limit. */
  readonly network: string;
  /** Connections that it cut, as far as is known. */
  readonly count: number;
  /** The idle age at which it cuts. */
  readonly idleSeconds: number;
  /** The preset with the longest period that would hold; undefined where each is too long. */
  readonly preset: ProxyPreset | undefined;
  /** A ping period that would hold: 9/10 of the idle age. */
  readonly pingPeriodMs: number;
  /** When it was named, wall-clock ms. */
  readonly namedMs: number;
  /** When it last cut, wall-clock ms. */
  readonly lastMs: number;
  /** All this in a sentence. */
  readonly text: string;
}

/** The result for one disconnect. */
export interface IdleTimeoutFinding {
  /** The limit that ended this connection. */
  readonly limit: IdleTimeout;
  /** Whether it is worth a line of the log: when it is named, and each time its count has doubled. */
  readonly shouldLog: boolean;
}

/** How it looks. */
export interface IdleTimeoutDetectorOptions {
  /**
   * Deaths at a younger idle age are never named, ms: one that a ping itself brings out (the answer
   * to it is a reset) always comes a round trip after it. Default 1000.
   */
  readonly floorMs?: number;
}

/** Networks that are remembered, those with a limit apart from the rest; the quietest goes first. */
export const MAX_NETWORKS = 1024;
/** Deaths in a row at a greater age that refute a limit. */
const OUTLIVED = 3;

/** What is known of one network. */
interface Path {
  readonly network: string;
  /** How connections came: the key under which it is kept. */
  readonly way: string;
  readonly clusters: IdleTimeoutClusters;
  limit: Limit | undefined;
}

interface Limit {
  readonly idleMs: number;
  readonly namedMs: number;
  count: number;
  lastMs: number;
  /** The count that was last logged. */
  logged: number;
  /** Deaths in a row at a greater age. */
  outlived: number;
}

export class IdleTimeoutDetector {
  readonly #floorMs: number;
  readonly #unsuspected = new Map<string, Path>();
  readonly #limited = new Map<string, Path>();
  #cut = 0;

  /** Knows of none. */
  constructor({ floorMs = 1_000 }: IdleTimeoutDetectorOptions = {}) {
    this.#floorMs = floorMs;
  }

  /** Connections that limits have cut, for a counter: never falls. */
  get cut(): number {
    return this.#cut;
  }

  /** Limits that are known, for a gauge. */
  get size(): number {
    return this.#limited.size;
  }

  /** Adds a disconnect. @returns the limit that caused it, as far as is known by now */
  ended(cut: CutConnection): IdleTimeoutFinding | undefined {
    const { address, proxy } = cut;
    const byProxy = proxy === undefined ? undefined : this.#add("through", proxy, cut);
    return byProxy ?? this.#add("from", address, cut);
  }

  #add(
    side: string,
    address: string,
    { idleMs, nowMs }: CutConnection,
  ): IdleTimeoutFinding | undefined {
    const network = networkOf(address);
    if (network === undefined || !Number.isFinite(idleMs)) return undefined;
    const way = `${side} ${network}`;
    const path = this.#limited.get(way) ?? this.#unsuspected.get(way) ??
      { network, way, clusters: new IdleTimeoutClusters(), limit: undefined };
    const isNew = path.clusters.add(idleMs, nowMs);
    const isCut = this.#cuts(path, idleMs, nowMs);
    const counted = isCut ? 1 : isNew ? this.#name(path, idleMs, nowMs) : 0;
    this.#cut += counted;
    this.#keep(path);
    if (path.limit === undefined || counted === 0) return undefined;
    const shouldLog = path.limit.count >= 2 * path.limit.logged;
    if (shouldLog) path.limit.logged = path.limit.count;
    return { limit: described(path, path.limit), shouldLog };
  }

  /** All that are known, those that cut last at the end. */
  list(): IdleTimeout[] {
    return [...this.#limited.values()].flatMap((path) =>
      path.limit === undefined ? [] : [described(path, path.limit)]
    );
  }

  /** Whether the limit that is known cut this one, too. */
  #cuts(path: Path, idleMs: number, nowMs: number): boolean {
    const { limit } = path;
    if (limit === undefined) return false;
    if (isNear(idleMs, limit.idleMs)) {
      limit.count++;
      limit.lastMs = nowMs;
      limit.outlived = 0;
      return true;
    }
    if (idleMs > limit.idleMs && ++limit.outlived >= OUTLIVED) {
      path.limit = undefined;
      path.clusters.forget(limit.idleMs); // they have been counted
    }
    return false;
  }

  /** @returns how many disconnects a new name explains; 0 without one */
  #name(path: Path, idleMs: number, nowMs: number): number {
    if (idleMs < this.#floorMs) return 0;
    const timer = path.clusters.timer(idleMs);
    if (timer === undefined) return 0;
    path.limit = {
      idleMs: timer.idleMs,
      namedMs: nowMs,
      lastMs: nowMs,
      count: timer.disconnects,
      logged: 0,
      outlived: 0,
    };
    return timer.disconnects;
  }

  /** A Map keeps the order of entry: whoever enters anew is the last to be forgotten. */
  #keep(path: Path): void {
    this.#limited.delete(path.way);
    this.#unsuspected.delete(path.way);
    const paths = path.limit === undefined ? this.#unsuspected : this.#limited;
    paths.set(path.way, path);
    if (paths.size <= MAX_NETWORKS) return;
    const [quietest] = paths.keys();
    paths.delete(quietest);
  }
}

function described({ network, way }: Path, limit: Limit): IdleTimeout {
  const { idleMs, count, namedMs, lastMs } = limit;
  const idleSeconds = Math.round(idleMs / 100) / 10;
  const preset = presetFor(idleMs);
  // In whole seconds where it is many, since it is meant to be typed.
  const stepMs = idleMs >= 10_000 ? 1_000 : 10;
  const pingPeriodMs = Math.floor(idleSeconds * 900 / stepMs) * stepMs;
  const text = `${count} connections ${way} were cut after ${idleSeconds} s idle: ` +
    `${preset === undefined ? "" : `PROXY_PRESET=${preset} or `}PING_PERIOD_MS=${pingPeriodMs} ` +
    "would hold";
  return { network, count, idleSeconds, preset, pingPeriodMs, namedMs, lastMs, text };
}

/** The presets keep at least a twelfth of their proxy's timeout in hand; a twentieth must remain. */
function presetFor(idleMs: number): ProxyPreset | undefined {
  let best: ProxyPreset | undefined;
  for (const preset of Object.keys(PROXY_PERIODS_MS) as ProxyPreset[]) {
    const periodMs = PROXY_PERIODS_MS[preset];
    if (periodMs > idleMs * 19 / 20) continue;
    if (best === undefined || periodMs > PROXY_PERIODS_MS[best]) best = preset;
  }
  return best;
}
