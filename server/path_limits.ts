/**
 * Proxies on the way that cut idle connections, found by what they leave behind: several connections
 * of one network, or through one trusted proxy, that ended without a close frame at the same idle
 * age. Pure; bounded memory. Owns what is known of each network; must not know what the connections
 * spoke.
 *
 * A proxy's timer is exact and spares nobody; other deaths come at any age. Two things name a limit:
 *
 * - The last three deaths of a network agree within 0.1 % of their age (25 ms at least), and none
 *   that is remembered came at a greater age: who outlived the limit refutes it. Of ages spread
 *   evenly over [0, R] three are that near to each other, at the very top of the m that are
 *   remembered, with a chance of at most 3 d^2 / m (d = 0.001). Over 50 deaths, of which the last 16
 *   are remembered, that sums up to 3 d^2 (1/3 + ... + 1/16 + 34/16) = 1.2e-5, whatever R is above
 *   25 s: in 1000 runs of 50 deaths, 0.012 false names are expected.
 * - Seven of the last 16 lie within 1 % (100 ms at least) of each other: for proxies whose timers
 *   are coarse and networks where others die, too. At most
 *   C(15, 6) d^6 = 5005 * 1e-12 for each death (d = 0.01): 2.5e-4 in the same 1000 runs.
 *
 * What it cannot tell from a proxy: a program that always breaks off after the same time, and
 * connections that fell silent together and were then cut at one stroke. So a name is withdrawn
 * when three deaths in a row come at a greater age.
 *
 * @module
 */

import { networkOf } from "./network.ts";
import { PROXY_PERIODS_MS, type ProxyPreset } from "./timing.ts";

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
export interface PathLimit {
  /** The network, as CIDR: /24 of IPv4, /48 of IPv6; the proxy's own where it is a proxy's limit. */
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

/** What one death says. */
export interface PathFinding {
  /** The limit that this connection died of. */
  readonly limit: PathLimit;
  /** Whether it is worth a line of the log: when it is named, and each time its count has doubled. */
  readonly isNews: boolean;
}

/** How it looks. */
export interface PathLimitsOptions {
  /**
   * Deaths at a younger idle age are never named, ms: one that a ping itself brings out (the answer
   * to it is a reset) always comes a round trip after it. Default 1000.
   */
  readonly floorMs?: number;
}

/** Networks that are remembered, those with a limit apart from the rest; the quietest goes first. */
export const MAX_NETWORKS = 1024;
/** Deaths that are remembered of each. */
const MAX_DEATHS = 16;
/** Deaths in a row that name a limit, or refute it. */
const ROW = 3;
/** Deaths among those remembered that name it, too. */
const MANY = 7;
/** Of the idle age: what a millisecond timer behind a network makes of one value. */
const NARROW = 0.001;
const MIN_NARROW_MS = 25;
/** Of the idle age: what a timer that looks twice a second or so does. */
const WIDE = 0.01;
const MIN_WIDE_MS = 100;

/** What is known of one network. */
interface Path {
  readonly network: string;
  /** How connections came: the key under which it is kept. */
  readonly way: string;
  /** Idle ages, the oldest death first. */
  readonly ages: number[];
  limit: Limit | undefined;
}

interface Limit {
  readonly idleMs: number;
  readonly namedMs: number;
  count: number;
  lastMs: number;
  /** The count that was last told. */
  told: number;
  /** Deaths in a row at a greater age. */
  outlived: number;
}

/** See the module. */
export class PathLimits {
  readonly #floorMs: number;
  readonly #unsuspected = new Map<string, Path>();
  readonly #limited = new Map<string, Path>();
  #cut = 0;

  /** Knows of none. */
  constructor({ floorMs = 1_000 }: PathLimitsOptions = {}) {
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

  /** Learns from a death. @returns the limit that it died of, as far as is known by now */
  ended(cut: CutConnection): PathFinding | undefined {
    const { address, proxy } = cut;
    const byProxy = proxy === undefined ? undefined : this.#learn("through", proxy, cut);
    return byProxy ?? this.#learn("from", address, cut);
  }

  #learn(side: string, address: string, { idleMs, nowMs }: CutConnection): PathFinding | undefined {
    const network = networkOf(address);
    if (network === undefined || !Number.isFinite(idleMs)) return undefined;
    const way = `${side} ${network}`;
    const path = this.#limited.get(way) ?? this.#unsuspected.get(way) ??
      { network, way, ages: [], limit: undefined };
    path.ages.push(idleMs);
    if (path.ages.length > MAX_DEATHS) path.ages.shift();
    const counted = this.#cuts(path, idleMs, nowMs) ? 1 : this.#name(path, idleMs, nowMs);
    this.#cut += counted;
    this.#keep(path);
    if (path.limit === undefined || counted === 0) return undefined;
    const isNews = path.limit.count >= 2 * path.limit.told;
    if (isNews) path.limit.told = path.limit.count;
    return { limit: described(path, path.limit), isNews };
  }

  /** All that are known, those that cut last at the end. */
  list(): PathLimit[] {
    return [...this.#limited.values()].flatMap((path) =>
      path.limit === undefined ? [] : [described(path, path.limit)]
    );
  }

  /** Whether the limit that is known cut this one, too. */
  #cuts(path: Path, idleMs: number, nowMs: number): boolean {
    const { limit } = path;
    if (limit === undefined) return false;
    const apartMs = idleMs - limit.idleMs;
    if (Math.abs(apartMs) <= wideMs(limit.idleMs) / 2) {
      limit.count++;
      limit.lastMs = nowMs;
      limit.outlived = 0;
      return true;
    }
    if (apartMs > 0 && ++limit.outlived >= ROW) path.limit = undefined;
    return false;
  }

  /** @returns how many deaths a new name explains; 0 without one */
  #name(path: Path, idleMs: number, nowMs: number): number {
    if (idleMs < this.#floorMs) return 0;
    const { ages } = path;
    const row = ages.slice(-ROW);
    const agreeing = isExactRow(row) && !ages.some((age) => age > idleMs + wideMs(idleMs) / 2)
      ? row
      : ages.filter((age) => Math.abs(age - idleMs) <= wideMs(idleMs) / 2);
    if (agreeing !== row && agreeing.length < MANY) return 0;
    const count = agreeing.length;
    const meanMs = agreeing.reduce((sum, age) => sum + age, 0) / count;
    path.limit = { idleMs: meanMs, namedMs: nowMs, lastMs: nowMs, count, told: 0, outlived: 0 };
    return count;
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

function isExactRow(row: readonly number[]): boolean {
  if (row.length < ROW) return false;
  const youngestMs = Math.min(...row);
  return Math.max(...row) - youngestMs <= Math.max(MIN_NARROW_MS, youngestMs * NARROW);
}

function wideMs(idleMs: number): number {
  return Math.max(MIN_WIDE_MS, idleMs * WIDE);
}

function described({ network, way }: Path, limit: Limit): PathLimit {
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
