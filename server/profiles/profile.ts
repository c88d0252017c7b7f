/**
 * The Profile port: one heartbeat system's wire format and timing. A profile MUST be sans-I/O: it
 * neither reads clocks nor touches sockets, and `decode` MUST NOT throw, whatever the bytes.
 *
 * @module
 */

import type { Inbound, Outbound } from "../message.ts";
import type { HeartbeatRules } from "../liveness/heartbeat.ts";

/** What of a request chooses a profile. */
export interface UpgradeTarget {
  /** The path, without the query. */
  readonly path: string;
  /** The query. */
  readonly query: URLSearchParams;
}

/** One system's format and timing. */
export interface Profile {
  /** Its name in routes, logs and metrics. */
  readonly name: string;
  /** When it pings and when it loses patience. */
  readonly rules: HeartbeatRules;
  /** Does this request ask for the profile, beside `/ws/<name>`? */
  matches(target: UpgradeTarget): boolean;
  /**
   * What a frame means.
   *
   * @param wallMs the time, for answers that carry it
   */
  decode(frame: Uint8Array, wallMs: number): Inbound;
  /** The text of a frame, or undefined where this system has none for it. */
  encode(outbound: Outbound): string | undefined;
}
