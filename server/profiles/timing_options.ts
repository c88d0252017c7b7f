/**
 * The options of a profile's timing, from its definition: which there are, their defaults and
 * meanings. Must not know the relations between them (liveness/timing.ts).
 *
 * @module
 */

import { derived, type Option, option } from "../base/option.ts";
import { count, MAX_INT, milliseconds } from "../base/option_values.ts";
import { HEALTH_RULES, type HealthThresholds } from "../liveness/health.ts";
import type { PingTiming } from "../liveness/timing.ts";
import type { ProfileDefinition } from "./definition.ts";

/** The band above which each band of health begins. */
const BETTER = { healthy: "", degraded: "HEALTHY", poor: "DEGRADED" } as const;

/** A default pong wait grows to 10/9 of an explicit period. */
const MAX_PERIOD_MS = Math.floor(MAX_INT * 9 / 10);

/** The definition without the types of its options. */
type Definition = Pick<ProfileDefinition, "name" | "prefix" | "timing">;

/** Explicit values by the names of the options. */
type Given = Readonly<Record<string, unknown>>;

/** The options of one profile's timing, by their names. */
export function timingOptionsOf(
  definition: Definition,
): Record<string, Option<number, number | undefined>> {
  const { prefix, timing: { missedHeartbeats } } = definition;
  return {
    [`${prefix}PONG_WAIT_MS`]: pongWait(definition),
    [`${prefix}PING_PERIOD_MS`]: pingPeriod(definition),
    ...(missedHeartbeats > 0 && {
      [`${prefix}HEARTBEAT_TIMEOUT_MS`]: heartbeatTimeout(definition),
      [`${prefix}MISSED_HEARTBEATS`]: missed(definition),
    }),
    [`${prefix}HEALTHY_LATENCY_MS`]: latency(definition, "healthy"),
    [`${prefix}DEGRADED_LATENCY_MS`]: latency(definition, "degraded"),
    [`${prefix}POOR_LATENCY_MS`]: latency(definition, "poor"),
  };
}

/** The explicit values of one profile's ping timing. */
export function givenTiming(given: Given, prefix: string): Partial<PingTiming> {
  const values = given as Readonly<Record<string, number | undefined>>;
  return {
    pingPeriodMs: values[`${prefix}PING_PERIOD_MS`],
    pongWaitMs: values[`${prefix}PONG_WAIT_MS`],
    heartbeatTimeoutMs: values[`${prefix}HEARTBEAT_TIMEOUT_MS`],
    missedHeartbeats: values[`${prefix}MISSED_HEARTBEATS`],
  };
}

/** The explicit values of one profile's thresholds of health. */
export function givenThresholds(given: Given, prefix: string): Partial<HealthThresholds> {
  const values = given as Readonly<Record<string, number | undefined>>;
  return {
    healthyMs: values[`${prefix}HEALTHY_LATENCY_MS`],
    degradedMs: values[`${prefix}DEGRADED_LATENCY_MS`],
    poorMs: values[`${prefix}POOR_LATENCY_MS`],
  };
}

function pongWait({ name, timing: { pongWaitMs, silenceFrom } }: Definition): Option<number> {
  const meaning = silenceFrom === "life"
    ? "without a sign of life for this long a connection is dead"
    : "an unanswered ping for this long ends the connection";
  // A default period is at least 200 ms shorter, and never below eight ticks: see liveness/timing.ts.
  return option(milliseconds({ min: silenceFrom === "life" ? 400 : 200 }), {
    fallback: pongWaitMs,
    meaning: `${name}: ${meaning}`,
  });
}

function pingPeriod({ name, prefix, timing }: Definition): Option<number, undefined> {
  const { pingPeriodMs, silenceFrom } = timing;
  const isNested = silenceFrom === "life";
  const bounds = [isNested ? `9/10 of ${prefix}PONG_WAIT_MS` : "", "PROXY_PRESET's"];
  const others = bounds.filter((bound) => bound !== "").join(" or ");
  return derived(milliseconds({ max: MAX_PERIOD_MS }), {
    shown: `${pingPeriodMs ?? bounds[0]}, or ${pingPeriodMs ? others : bounds[1]} if smaller`,
    meaning: `${name}: from one ping to the next` +
      (isNested ? `; < ${prefix}PONG_WAIT_MS` : ""),
  });
}

function heartbeatTimeout({ name, prefix }: Definition): Option<number, undefined> {
  return derived(milliseconds({ max: MAX_INT - 1 }), {
    shown: `half of ${prefix}PONG_WAIT_MS − ${prefix}PING_PERIOD_MS, from 100 to 10000`,
    meaning: `${name}: a ping without any sign of life for this long is missed; ` +
      `< ${prefix}PONG_WAIT_MS`,
  });
}

function missed({ name, timing: { missedHeartbeats } }: Definition): Option<number> {
  return option(count({ min: 1 }), {
    fallback: missedHeartbeats,
    meaning: `${name}: so many pings missed in a row end the connection`,
  });
}

function latency({ name, prefix }: Definition, band: keyof typeof BETTER): Option<number> {
  const bound = BETTER[band] && `; > ${prefix}${BETTER[band]}_LATENCY_MS`;
  return option(milliseconds({ min: 1 }), {
    fallback: HEALTH_RULES[`${band}Ms`],
    meaning: `${name}: ${band} up to this average of 10 round trips${bound}`,
  });
}
