/**
 * The thresholds of one profile's health: from the values that were given to all three, and what
 * contradicts. A default gives way to an explicit value, as in timing.ts; only explicit values are
 * checked against each other. Must not know how values are read, nor any profile by name.
 *
 * @module
 */

import { HEALTH_RULES, type HealthThresholds } from "./health.ts";

/** The three, each above the one before, with their options' names. */
const ASCENDING = [
  ["healthyMs", "HEALTHY_LATENCY_MS"],
  ["degradedMs", "DEGRADED_LATENCY_MS"],
  ["poorMs", "POOR_LATENCY_MS"],
] as const;

/**
 * Fills in what was not given.
 *
 * @param given explicit values, free of `latencyProblems()`
 */
export function chooseThresholds(given: Partial<HealthThresholds>): HealthThresholds {
  const degradedMs = given.degradedMs ??
    between(given.healthyMs ?? 0, HEALTH_RULES.degradedMs, given.poorMs ?? Infinity);
  return {
    healthyMs: given.healthyMs ?? between(0, HEALTH_RULES.healthyMs, degradedMs),
    degradedMs,
    poorMs: given.poorMs ?? between(degradedMs, HEALTH_RULES.poorMs, Infinity),
  };
}

/**
 * What contradicts among explicit values: one line at most.
 *
 * @param prefix of this profile's options; json's is empty
 */
export function latencyProblems(given: Partial<HealthThresholds>, prefix: string): string[] {
  const explicit = ASCENDING.filter(([field]) => given[field] !== undefined);
  const values = explicit.map(([field]) => given[field]!);
  if (values.every((value, i) => i === 0 || values[i - 1] < value)) return [];
  const names = explicit.map(([, name]) => prefix + name);
  return [`${names.join(" < ")} must hold, got ${values.join(" and ")}`];
}

/** The default where it fits; otherwise the middle, or twice the lower where nothing is above. */
function between(lowMs: number, fallbackMs: number, highMs: number): number {
  if (lowMs < fallbackMs && fallbackMs < highMs) return fallbackMs;
  return highMs === Infinity ? 2 * lowMs : (lowMs + highMs) / 2;
}
