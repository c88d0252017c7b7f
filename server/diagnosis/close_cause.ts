/**
 * The cause of an end. The reason is what the server did, the cause is why: mostly the table's column,
 * but some ends look alike and differ in what happened before. Pure.
 *
 * @module
 */

import { type Cause, CLOSE_REASONS, type CloseReason } from "../close_codes.ts";
import type { ActiveLayer } from "../liveness/liveness.ts";

/** A client that leaves so soon after a stall of the server left because of it, ms. */
const STALL_BLAMED_MS = 10_000;

/** What is known of an end. */
export interface Disconnect {
  readonly reason: CloseReason;
  /** Since the last stall of the event loop that clients could notice, ms. */
  readonly sinceStandstillMs: number;
  /** Which layer of the peer was still active when the connection timed out. */
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
