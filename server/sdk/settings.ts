/**
 * The options with their defaults filled in. Owns the defaults and the validation.
 *
 * @module
 */

import { profileOf, SDK_PROFILES } from "./profiles.ts";
import type { HeartbeatOptions, HeartbeatSocketOptions, ProfileName } from "./options.ts";

/** The options, each with a value; without a `token` there is none. */
export type Settings =
  & {
    readonly [Name in Exclude<keyof HeartbeatSocketOptions, "token">]-?: NonNullable<
      HeartbeatSocketOptions[Name]
    >;
  }
  & Pick<HeartbeatSocketOptions, "token">;

/** The longest delay of a browser's timer: 2^31 - 1 ms, 24.8 days. */
const MAX_TIMER_MS = 0x7fffffff;

/** Delays of timers, and the samples: 1 to MAX_TIMER_MS. Other numbers may be 0 or Infinity. */
const BOUNDED = /(Interval|Timeout|Samples)$/;

/**
 * Validates the options and fills in the defaults.
 *
 * @throws {TypeError} if the profile is unknown or has no place for a token, or the platform has no
 *   WebSocket
 * @throws {RangeError} if a numeric option is no number, or out of range
 */
export function settingsOf(given: HeartbeatSocketOptions): Settings {
  const heartbeat = given.heartbeat ?? true;
  const own = typeof heartbeat === "object" ? heartbeat : undefined;
  const profile = given.profile ?? (own ? "none" : "json");
  if (profile !== "none" && !Object.hasOwn(SDK_PROFILES, profile)) {
    throw new TypeError(problem("profile", `one of ${Object.keys(SDK_PROFILES)},none`, profile));
  }
  if (given.token && profile !== "json") {
    throw new TypeError(problem("profile", "json where a token is given", profile));
  }
  const closeEvents = given.closeEvents ?? "all";
  if (closeEvents !== "all" && closeEvents !== "final") {
    throw new TypeError(problem("closeEvents", "all or final", closeEvents));
  }
  const defaults = defaultsOf(profile, own);
  const settings: Record<string, unknown> = {};
  for (const [name, standard] of Object.entries(defaults)) {
    const value = settings[name] = given[name as keyof Settings] ?? standard;
    if (typeof standard !== "number") continue;
    const [min, max] = BOUNDED.test(name) ? [1, MAX_TIMER_MS] : [0, Infinity];
    if (typeof value === "number" && value >= min && value <= max) continue;
    throw new RangeError(problem(name, `a number from ${min} to ${max}`, value));
  }
  if (!settings.WebSocket) {
    const needed = "given where the platform has none";
    throw new TypeError(problem("WebSocket", needed, settings.WebSocket));
  }
  return settings as unknown as Settings;
}

function defaultsOf(profile: ProfileName | "none", own: HeartbeatOptions | undefined): Settings {
  return {
    profile,
    heartbeat: true,
    startClosed: false,
    debug: () => {},
    token: undefined,
    protocols: [],
    heartbeatInterval: own?.interval ?? profileOf(profile).intervalMs,
    heartbeatTimeout: own?.timeout ?? 10_000,
    connectTimeout: 20_000,
    reconnectInterval: 5_000,
    maxReconnectAttempts: 10,
    closeEvents: "all",
    heartbeatInWorker: false,
    outboxMessages: 256,
    outboxBytes: 1_048_576,
    outboxAgeMs: 60_000,
    healthyLatency: 100,
    degradedLatency: 500,
    poorLatency: 1_000,
    maxSamples: 10,
    WebSocket: globalThis.WebSocket,
  };
}

function problem(name: string, rule: string, got: unknown): string {
  return `Cannot connect: ${name} must be ${rule}, got ${got}`;
}
