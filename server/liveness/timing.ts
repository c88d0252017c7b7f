/**
 * The timing of one profile: from the values that were given to all four, and what contradicts.
 *
 * Owns the relations between ping period, pong wait and heartbeat timeout, and the proxies' periods.
 * A default gives way to an explicit value; only explicit values are checked against each other.
 * Must not know how values are read (values.ts), nor any profile by name.
 *
 * @module
 */

import type { HealthThresholds } from "./health.ts";

/** When a connection is pinged, when it counts as dead, and which answers are slow. */
export interface Timing extends PingTiming {
  /** Latency thresholds of its health status. */
  readonly health: HealthThresholds;
}

/** When a connection is pinged and when it counts as dead. */
export interface PingTiming {
  /** From one ping to the next, in ms; less than `pongWaitMs` where that counts from life. */
  readonly pingPeriodMs: number;
  /** A connection without a sign of life for this long is dead, in ms; see `silenceFrom`. */
  readonly pongWaitMs: number;
  /** A ping is missed when this has passed without a sign of life since it was sent, in ms. */
  readonly heartbeatTimeoutMs: number;
  /** Consecutive missed pings that close the connection, if `pongWaitMs` has not passed first; 0 = never. */
  readonly missedHeartbeats: number;
}

/** Defaults of a profile, for options that are not set. */
export interface TimingDefaults {
  /** Pong wait, in ms. */
  readonly pongWaitMs: number;
  /** Longest default ping period, in ms; without it 9/10 of the pong wait. */
  readonly pingPeriodMs?: number;
  /** Missed pings that end a connection; 0 = none do. */
  readonly missedHeartbeats: number;
  /** Whether the pong wait counts from life, and so must exceed the period, or from a ping. */
  readonly silenceFrom: "life" | "ping";
}

/** A proxy in front of the server. */
export type ProxyPreset = keyof typeof PROXY_PERIODS_MS;

/**
 * The longest ping period that each proxy's idle timeout allows, in ms: the timeouts are 60 s for
 * the first three and 100 s for Cloudflare; Deno Deploy stops an application after 5 s without traffic
 * at the earliest; `default` undercuts every proxy we know.
 */
export const PROXY_PERIODS_MS = {
  "none": Infinity,
  "aws-alb": 55_000,
  "nginx": 55_000,
  "azure-app-gateway": 55_000,
  "cloudflare": 90_000,
  "deno-deploy": 4_000,
  "default": 30_000,
} as const;

/** A default timeout follows a narrow gap down to a few ticks of the wheel, not below. */
const MIN_HEARTBEAT_TIMEOUT_MS = 100;
const MAX_DEFAULT_HEARTBEAT_TIMEOUT_MS = 10_000;

/**
 * A default period leaves at least eight ticks of the wheel for the answer: with a gap of a tick or
 * less the timeout comes before an answer can count (measured: 41 of 300 that answered were lost).
 */
const MIN_GAP_MS = 200;

/**
 * Fills in what was not given.
 *
 * A default pong wait gives way to a longer ping period (the period stays 9/10 of it) and to a
 * longer heartbeat timeout; a default period follows the pong wait and the proxy. Where the pong
 * wait counts from a ping, it and the period leave each other alone.
 *
 * @param given explicit values, free of `timingProblems()`
 * @param defaults of this profile, with the proxy in front
 */
export function chooseTiming(
  given: Partial<PingTiming>,
  defaults: TimingDefaults & { readonly proxy: ProxyPreset },
): PingTiming {
  const nested = defaults.silenceFrom === "life";
  const pongWaitMs = given.pongWaitMs ?? Math.max(
    defaults.pongWaitMs,
    nested ? Math.ceil((given.pingPeriodMs ?? 0) * 10 / 9) : 0,
    (given.heartbeatTimeoutMs ?? 0) + 1,
  );
  const pingPeriodMs = given.pingPeriodMs ?? Math.min(
    defaults.pingPeriodMs ?? Infinity,
    nested ? Math.min(Math.floor(pongWaitMs * 9 / 10), pongWaitMs - MIN_GAP_MS) : Infinity,
    PROXY_PERIODS_MS[defaults.proxy],
  );
  // The time for an answer: counted from a sign of life, the period has passed when the ping is sent.
  const halfGapMs = Math.floor((pongWaitMs - (nested ? pingPeriodMs : 0)) / 2);
  return {
    pingPeriodMs,
    pongWaitMs,
    heartbeatTimeoutMs: given.heartbeatTimeoutMs ??
      Math.max(MIN_HEARTBEAT_TIMEOUT_MS, Math.min(MAX_DEFAULT_HEARTBEAT_TIMEOUT_MS, halfGapMs)),
    missedHeartbeats: given.missedHeartbeats ?? defaults.missedHeartbeats,
  };
}

/**
 * What contradicts among explicit values, one line each.
 *
 * @param given explicit values
 * @param names the prefix of this profile's options (json's is empty), what its pong wait counts
 *   from, and the proxy in front
 */
export function timingProblems(
  given: Partial<PingTiming>,
  { prefix, proxy, silenceFrom }: {
    readonly prefix: string;
    readonly proxy: ProxyPreset;
    readonly silenceFrom: TimingDefaults["silenceFrom"];
  },
): string[] {
  const { pingPeriodMs: period, pongWaitMs: wait, heartbeatTimeoutMs: timeout } = given;
  const longest = PROXY_PERIODS_MS[proxy];
  const problems: string[] = [];
  const nested = silenceFrom === "life";
  if (nested && period !== undefined && wait !== undefined && period >= wait) {
    problems.push(
      `${prefix}PING_PERIOD_MS must be < ${prefix}PONG_WAIT_MS, got ${period} and ${wait}`,
    );
  }
  if (timeout !== undefined && wait !== undefined && timeout >= wait) {
    problems.push(
      `${prefix}HEARTBEAT_TIMEOUT_MS must be < ${prefix}PONG_WAIT_MS, got ${timeout} and ${wait}`,
    );
  }
  if (period !== undefined && period > longest) {
    problems.push(
      `${prefix}PING_PERIOD_MS must be <= ${longest} for PROXY_PRESET ${proxy}, got ${period}`,
    );
  }
  return problems;
}
