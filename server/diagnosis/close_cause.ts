/**
 * The cause of death. A reason says what we did, the cause why: mostly the column of the one table,
 * but some disconnects look alike and differ in what went before. Pure.
 *
 * @module
 */

import { type Cause, CLOSE_REASONS, type CloseReason } from "../close_codes.ts";
import type { ActiveLayer } from "../liveness/liveness.ts";

/** A client that leaves so soon after a stall of the server left because of it, ms. */
const STALL_BLAMED_MS = 10_000;

/** What is known of an end. */
export interface Disconnect {
  /** What we did. */
  readonly reason: CloseReason;
  /** Since the server itself last stood still for long enough to be noticed, ms. */
  readonly sinceStandstillMs: number;
  /** What of it still lived when it was convicted. */
  readonly lastActiveLayer: ActiveLayer;
  /** Whether it died of a known idle timeout on the way. */
  readonly wasCut: boolean;
}

/** Why it ended. */
export function closeCauseOf(
  { reason, sinceStandstillMs, lastActiveLayer, wasCut }: Disconnect,
): Cause {
  switch (reason) {
    case "client_close":
    case "network_error":
      if (sinceStandstillMs <= STALL_BLAMED_MS) return "server stall";
      return wasCut ? "proxy idle cut" : CLOSE_REASONS[reason].cause;
    case "stale":
    case "missed_heartbeats":
      if (lastActiveLayer === "application") return "client fault";
      return lastActiveLayer === "transport" ? "frozen" : CLOSE_REASONS[reason].cause;
    default:
      return CLOSE_REASONS[reason].cause;
  }
}
