/**
 * What the simulation knows of the five systems, from their manuals and not from the server's code: how
 * a client connects, what counts as a sign of life, and when silence is a timeout.
 *
 * @module
 */

import type { Config } from "../../../server/config/config.ts";
import type { Connection } from "./connection.ts";
import type { UpItem } from "./frames.ts";

export type ProfileName = keyof Config["timing"];

/** How often clients of a system send the heartbeat that it wants of them, ms. */
export const HEARTBEAT_MS = { "infoway": 30_000, "talo": 45_000, "events-hub": 50_000 } as const;

const TEXT = new TextDecoder();

/** By URL. */
export function profileOf(url: string): ProfileName {
  if (url.includes("business=") || url.startsWith("/news")) return "infoway";
  if (url.startsWith("/api/v1/ws/subscribe")) return "events-hub";
  if (url.includes("user_id=")) return "tank";
  if (url.includes("ticket=") || url.startsWith("/ws/talo")) return "talo";
  return "json";
}

/** Whether what a client sends is a sign of life: see server/docs/liveness.md. */
export function isLife(profile: string, url: string, item: UpItem): boolean {
  if (item.kind === "close" || item.kind === "bad" || item.kind === "fin") return false;
  if (profile === "infoway") {
    if (url.startsWith("/news") && (item.kind === "ping" || item.kind === "pong")) return true;
    return item.kind === "message" && /"code": ?10010\b/.test(TEXT.decode(item.data));
  }
  if (profile === "talo") {
    return item.kind === "pong" ||
      (item.kind === "message" && TEXT.decode(item.data) === "v1.heartbeat");
  }
  return true;
}

/** What a wheel of 25 ms with ticks up to 70 ms late may add, and 5 ms for timers in whole ms. */
const WHEEL_MS = 100;

/** Silence that ends a connection, ms: at least, and at most. */
export interface SilenceBounds {
  /** From the last sign of life or, in talo, from the first ping that was not answered. */
  readonly staleMs: number;
  /** Less silence is never a matter of missed heartbeats; Infinity: they end no connection. */
  readonly missedMs: number;
  /** From the last sign of life: the published bound. */
  readonly boundMs: number;
  readonly from: "life" | "ping";
}

/** The timing of a system: see server/docs/options.md. */
interface Timing {
  readonly pongWaitMs: number;
  readonly pingPeriodMs: number;
  readonly heartbeatTimeoutMs: number;
  readonly missedHeartbeats: number;
}

/** Prefixes of options, and the documented defaults. */
const DEFAULTS: Readonly<
  Record<ProfileName, { prefix: string; pongWaitMs: number; pingPeriodMs?: number; missed: number }>
> = {
  "json": { prefix: "", pongWaitMs: 60_000, missed: 3 },
  "events-hub": { prefix: "EVENTS_HUB_", pongWaitMs: 65_000, pingPeriodMs: 30_000, missed: 7 },
  "infoway": { prefix: "INFOWAY_", pongWaitMs: 60_000, pingPeriodMs: 30_000, missed: 0 },
  "tank": { prefix: "TANK_", pongWaitMs: 15_000, pingPeriodMs: 5_000, missed: 3 },
  "talo": { prefix: "TALO_", pongWaitMs: 30_000, pingPeriodMs: 30_000, missed: 0 },
};

/** Read once for each environment. */
const TIMINGS = new WeakMap<object, Map<string, Timing>>();

/** The timing that an environment gives a system, as the manual says it. */
export function timingOf(profile: string, env: Readonly<Record<string, string>>): Timing {
  let timings = TIMINGS.get(env);
  if (timings === undefined) TIMINGS.set(env, timings = new Map());
  let timing = timings.get(profile);
  if (timing === undefined) timings.set(profile, timing = readTiming(profile, env));
  return timing;
}

function readTiming(profile: string, env: Readonly<Record<string, string>>): Timing {
  const defaults = DEFAULTS[profile as ProfileName];
  const given = (name: string) =>
    env[defaults.prefix + name] === undefined ? undefined : Number(env[defaults.prefix + name]);
  const isNested = profile !== "talo"; // there the period is no part of the wait
  const pongWaitMs = given("PONG_WAIT_MS") ?? defaults.pongWaitMs;
  const shorter = Math.min(Math.floor(pongWaitMs * 9 / 10), pongWaitMs - 200);
  const pingPeriodMs = given("PING_PERIOD_MS") ??
    Math.min(defaults.pingPeriodMs ?? Infinity, isNested ? shorter : Infinity);
  const half = Math.floor((pongWaitMs - (isNested ? pingPeriodMs : 0)) / 2);
  return {
    pongWaitMs,
    pingPeriodMs,
    heartbeatTimeoutMs: Math.max(100, Math.min(10_000, half)),
    missedHeartbeats: given("MISSED_HEARTBEATS") ?? defaults.missed,
  };
}

/**
 * How long a healthy peer may be kept from answering, ms: what its system leaves between two signs of
 * life and the deadline, without its way.
 */
export function toleranceMs(
  { truth: { profile }, request: { way }, client: { isLazy } }: Connection,
  env: Readonly<Record<string, string>>,
): number {
  if (isLazy) return 0;
  const { staleMs, missedMs } = silenceBoundsOf(profile, env);
  const wayMs = 2 * way.delayMs + 2 * way.jitterMs + 200;
  if (profile === "talo") return staleMs - wayMs;
  const heartbeatMs = profile === "infoway"
    ? HEARTBEAT_MS.infoway
    : timingOf(profile, env).pingPeriodMs;
  return Math.min(staleMs, missedMs) - heartbeatMs - wayMs;
}

/** By the configuration. */
export function silenceBoundsOf(
  profile: string,
  env: Readonly<Record<string, string>>,
): SilenceBounds {
  const { pongWaitMs, pingPeriodMs, heartbeatTimeoutMs, missedHeartbeats } = timingOf(profile, env);
  const from = profile === "talo" ? "ping" : "life";
  const canMiss = missedHeartbeats > 0 && profile !== "talo" && profile !== "infoway";
  return {
    from,
    staleMs: pongWaitMs,
    missedMs: canMiss ? pingPeriodMs + missedHeartbeats * heartbeatTimeoutMs : Infinity,
    boundMs: pongWaitMs + WHEEL_MS + (from === "ping" ? pingPeriodMs + WHEEL_MS : 0),
  };
}
