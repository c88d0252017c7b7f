/**
 * The timing of every profile as options: the published defaults, and which options there are.
 *
 * Owns the defaults by profile. Must not know the relations between them (timing.ts).
 *
 * @module
 */

import { HEALTH_RULES } from "../liveness/health.ts";
import { derived, type Option, option } from "../base/option.ts";
import type { TimingDefaults } from "../liveness/timing.ts";
import { count, MAX_INT, milliseconds } from "../base/option_values.ts";

/** The profiles that `DEFAULT_PROFILE` may name. */
export const PROFILE_NAMES = ["json", "events-hub", "infoway", "tank", "talo"] as const;
/** A profile by name. */
export type ProfileName = (typeof PROFILE_NAMES)[number];

/** What the option of each band of health stands above. */
const BETTER = { healthy: "", degraded: "HEALTHY", poor: "DEGRADED" } as const;

/** A pong wait that gives way to the period is 10/9 of it. */
const MAX_PERIOD_MS = Math.floor(MAX_INT * 9 / 10);

/** What each profile's options begin with, and what holds without them (PROTOCOLS.md). */
export const PROFILE_TIMING: Readonly<
  Record<ProfileName, TimingDefaults & { readonly prefix: string }>
> = {
  "json": { prefix: "", pongWaitMs: 60_000, missedHeartbeats: 3, silenceFrom: "life" },
  "events-hub": {
    prefix: "EVENTS_HUB_",
    pongWaitMs: 45_000,
    pingPeriodMs: 30_000,
    missedHeartbeats: 3,
    silenceFrom: "life",
  },
  // Its control pings measure the way and no more: only its own heartbeats count as life.
  "infoway": {
    prefix: "INFOWAY_",
    pongWaitMs: 60_000,
    pingPeriodMs: 30_000,
    missedHeartbeats: 0,
    silenceFrom: "life",
  },
  "tank": {
    prefix: "TANK_",
    pongWaitMs: 15_000,
    pingPeriodMs: 5_000,
    missedHeartbeats: 3,
    silenceFrom: "life",
  },
  // Its deadline is one unanswered ping.
  "talo": {
    prefix: "TALO_",
    pongWaitMs: 30_000,
    pingPeriodMs: 30_000,
    missedHeartbeats: 0,
    silenceFrom: "ping",
  },
};

/** Each option of timing, profile by profile. */
export const TIMING_OPTIONS = {
  PONG_WAIT_MS: wait("json"),
  PING_PERIOD_MS: period("json"),
  HEARTBEAT_TIMEOUT_MS: timeout("json"),
  MISSED_HEARTBEATS: misses("json"),
  HEALTHY_LATENCY_MS: latency("json", "healthy"),
  DEGRADED_LATENCY_MS: latency("json", "degraded"),
  POOR_LATENCY_MS: latency("json", "poor"),
  EVENTS_HUB_PONG_WAIT_MS: wait("events-hub"),
  EVENTS_HUB_PING_PERIOD_MS: period("events-hub"),
  EVENTS_HUB_HEARTBEAT_TIMEOUT_MS: timeout("events-hub"),
  EVENTS_HUB_MISSED_HEARTBEATS: misses("events-hub"),
  EVENTS_HUB_HEALTHY_LATENCY_MS: latency("events-hub", "healthy"),
  EVENTS_HUB_DEGRADED_LATENCY_MS: latency("events-hub", "degraded"),
  EVENTS_HUB_POOR_LATENCY_MS: latency("events-hub", "poor"),
  INFOWAY_PONG_WAIT_MS: wait("infoway"),
  INFOWAY_PING_PERIOD_MS: period("infoway"),
  INFOWAY_HEALTHY_LATENCY_MS: latency("infoway", "healthy"),
  INFOWAY_DEGRADED_LATENCY_MS: latency("infoway", "degraded"),
  INFOWAY_POOR_LATENCY_MS: latency("infoway", "poor"),
  TANK_PONG_WAIT_MS: wait("tank"),
  TANK_PING_PERIOD_MS: period("tank"),
  TANK_HEARTBEAT_TIMEOUT_MS: timeout("tank"),
  TANK_MISSED_HEARTBEATS: misses("tank"),
  TANK_HEALTHY_LATENCY_MS: latency("tank", "healthy"),
  TANK_DEGRADED_LATENCY_MS: latency("tank", "degraded"),
  TANK_POOR_LATENCY_MS: latency("tank", "poor"),
  TALO_PONG_WAIT_MS: wait("talo"),
  TALO_PING_PERIOD_MS: period("talo"),
  TALO_HEALTHY_LATENCY_MS: latency("talo", "healthy"),
  TALO_DEGRADED_LATENCY_MS: latency("talo", "degraded"),
  TALO_POOR_LATENCY_MS: latency("talo", "poor"),
};

function wait(profile: ProfileName): Option<number> {
  const { pongWaitMs, silenceFrom } = PROFILE_TIMING[profile];
  const meaning = silenceFrom === "life"
    ? "without a sign of life for this long a connection is dead"
    : "an unanswered ping for this long is death";
  // A default period is at least 200 ms shorter, and never below eight ticks: see timing.ts.
  return option(milliseconds({ min: silenceFrom === "life" ? 400 : 200 }), {
    fallback: pongWaitMs,
    meaning: `${profile}: ${meaning}`,
  });
}

function period(profile: ProfileName): Option<number, undefined> {
  const { prefix, pingPeriodMs, silenceFrom } = PROFILE_TIMING[profile];
  const nested = silenceFrom === "life";
  const bounds = [nested ? `9/10 of ${prefix}PONG_WAIT_MS` : "", "PROXY_PRESET's"];
  const others = bounds.filter((bound) => bound !== "").join(" or ");
  return derived(milliseconds({ max: MAX_PERIOD_MS }), {
    shown: `${pingPeriodMs ?? bounds[0]}, or ${pingPeriodMs ? others : bounds[1]} if smaller`,
    meaning: `${profile}: from one ping to the next` +
      (nested ? `; < ${prefix}PONG_WAIT_MS` : ""),
  });
}

function timeout(profile: ProfileName): Option<number, undefined> {
  const { prefix } = PROFILE_TIMING[profile];
  return derived(milliseconds({ max: MAX_INT - 1 }), {
    shown: `half of ${prefix}PONG_WAIT_MS − ${prefix}PING_PERIOD_MS, from 100 to 10000`,
    meaning: `${profile}: a ping without any sign of life for this long is missed; ` +
      `< ${prefix}PONG_WAIT_MS`,
  });
}

function misses(profile: ProfileName): Option<number> {
  return option(count({ min: 1 }), {
    fallback: PROFILE_TIMING[profile].missedHeartbeats,
    meaning: `${profile}: so many pings missed in a row are death; see Liveness`,
  });
}

function latency(profile: ProfileName, band: keyof typeof BETTER): Option<number> {
  const { prefix } = PROFILE_TIMING[profile];
  const bound = BETTER[band] && `; > ${prefix}${BETTER[band]}_LATENCY_MS`;
  return option(milliseconds({ min: 1 }), {
    fallback: HEALTH_RULES[`${band}Ms`],
    meaning: `${profile}: ${band} up to this average of 10 round trips${bound}`,
  });
}
