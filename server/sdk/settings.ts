/**
 * The options with their defaults filled in. Owns the defaults and the check of what was given.
 *
 * @module
 */

import { DIALECTS } from "./dialects.ts";
import type { HeartbeatSocketOptions, ProfileName } from "./options.ts";

/** Every option has a value. */
export type Settings = Required<HeartbeatSocketOptions>;

/** The longest time that a timer of a browser can wait: 2^31 - 1 ms, 24.8 days. */
const MAX_TIMER_MS = 0x7fffffff;

/** Options that timers are set to; the other numbers may be 0 or without end. */
const TIMES = /(Interval|Timeout)$/;

/**
 * Fills in what was not given.
 *
 * @throws {TypeError} if the profile is unknown or the platform has no WebSocket
 * @throws {RangeError} if a number is out of range
 */
export function settingsOf(given: HeartbeatSocketOptions): Settings {
  const profile = given.profile ?? "json";
  if (!Object.hasOwn(DIALECTS, profile)) {
    throw new TypeError(problem("profile", `one of ${Object.keys(DIALECTS)}`, profile));
  }
  const defaults = defaultsOf(profile);
  const settings: Record<string, unknown> = { ...defaults };
  for (const [name, standard] of Object.entries(defaults)) {
    const value = settings[name] = given[name as keyof Settings] ?? standard;
    if (typeof standard !== "number") continue;
    const isTime = TIMES.test(name);
    if (Number(value) >= (isTime ? 1 : 0) && (!isTime || Number(value) <= MAX_TIMER_MS)) continue;
    const rule = isTime ? `from 1 to ${MAX_TIMER_MS}` : "0 or more";
    throw new RangeError(problem(name, rule, value));
  }
  if (!settings.WebSocket) {
    throw new TypeError(problem("WebSocket", "given where there is none", settings.WebSocket));
  }
  return settings as unknown as Settings;
}

function defaultsOf(profile: ProfileName): Settings {
  return {
    profile,
    protocols: [],
    heartbeatInterval: DIALECTS[profile].intervalMs,
    heartbeatTimeout: 10_000,
    connectTimeout: 20_000,
    reconnectInterval: 5_000,
    maxReconnectAttempts: 10,
    heartbeatInWorker: false,
    outboxMessages: 256,
    outboxAgeMs: 60_000,
    healthyLatency: 100,
    degradedLatency: 500,
    poorLatency: 1_000,
    WebSocket: globalThis.WebSocket,
  };
}

function problem(name: string, rule: string, got: unknown): string {
  return `Cannot connect: ${name} must be ${rule}, got ${got}`;
}
