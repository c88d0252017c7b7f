/**
 * The options with their defaults filled in. Owns the defaults and the check of what was given.
 *
 * @module
 */

import { DIALECTS } from "./dialects.ts";
import type { HeartbeatSocketOptions } from "./options.ts";

/** Every option has a value. */
export type Settings = Required<HeartbeatSocketOptions>;

/** The longest time that a timer of a browser can wait: 2^31 - 1 ms, 24.8 days. */
export const MAX_TIMER_MS = 0x7fffffff;

/** Options that are times for timers. */
const TIMES = ["heartbeatInterval", "heartbeatTimeout", "connectTimeout", "reconnectInterval"];

/** Options that count, or may be without end. */
const AMOUNTS = ["maxReconnectAttempts", "outboxMessages", "outboxAgeMs"];

/** Options that divide the statuses. */
const LATENCIES = ["healthyLatency", "degradedLatency", "poorLatency"];

/**
 * Fills in what was not given.
 *
 * @throws {TypeError} if the profile is unknown or the platform has no WebSocket
 * @throws {RangeError} if a number is out of range
 */
export function settingsOf(given: HeartbeatSocketOptions): Settings {
  const profile = given.profile ?? "json";
  if (!Object.hasOwn(DIALECTS, profile)) {
    throw wrong(TypeError, "profile", `one of ${Object.keys(DIALECTS).join(", ")}`, profile);
  }
  const settings: Record<string, unknown> = {
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
  for (const [name, value] of Object.entries(given)) {
    if (value !== undefined) settings[name] = value;
  }
  for (const name of TIMES) {
    const ms = settings[name] as number;
    if (!(ms > 0 && ms <= MAX_TIMER_MS)) {
      throw wrong(RangeError, name, `above 0 and at most ${MAX_TIMER_MS}`, ms);
    }
  }
  for (const name of AMOUNTS) {
    const amount = settings[name] as number;
    if (!(amount >= 0)) throw wrong(RangeError, name, "0 or more", amount);
  }
  const [healthy, degraded, poor] = LATENCIES.map((name) => settings[name] as number);
  if (!(0 < healthy && healthy < degraded && degraded < poor)) {
    throw wrong(RangeError, LATENCIES.join(", "), "above 0 and ascend", [healthy, degraded, poor]);
  }
  if (typeof settings.WebSocket !== "function") {
    throw wrong(TypeError, "WebSocket", "a constructor where there is none", settings.WebSocket);
  }
  return settings as unknown as Settings;
}

function wrong(
  Wrong: new (text: string) => Error,
  name: string,
  rule: string,
  got: unknown,
): Error {
  return new Wrong(`Cannot connect: ${name} must be ${rule}, got ${got}`);
}
