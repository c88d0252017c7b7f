/**
 * The cause of a disconnect. The close reason says what we did, the cause says why. Mostly it is the
 * reason's column in the table of close reasons; some depend on what happened before. Pure.
 *
 * @module
 */

import { type Cause, CLOSE_REASONS, type CloseReason } from "../close_codes.ts";
import type { ActiveLayer } from "../liveness/liveness.ts";

/** A client that disconnects within this time after a stall of the server did so because of it, ms. */
const STALL_CAUSE_MS = 10_000;

/** What is known of a closed connection. */
export interface Disconnect {
  readonly reason: CloseReason;
  /** Time since the last stall of the server that clients notice, ms. */
  readonly sinceLongStallMs: number;
  /** The highest layer that was still active when the connection timed out. */
  readonly lastActiveLayer: ActiveLayer;
  /** Whether a known idle timeout on the path cut it. */
  readonly wasCut: boolean;
}

/** The cause of a disconnect. */
export function closeCauseOf(
  { reason, sinceLongStallMs, lastActiveLayer, wasCut }: Disconnect,
): Cause {
  switch (reason) {
    case "client_close":
    case "network_error":
      if (sinceLongStallMs <= STALL_CAUSE_MS) return "server stall";
      return wasCut ? "proxy idle cut" : CLOSE_REASONS[reason].cause;
    case "stale":
    case "missed_heartbeats":
      if (lastActiveLayer === "application") return "client fault";
      return lastActiveLayer === "transport" ? "frozen" : CLOSE_REASONS[reason].cause;
    default:
      return CLOSE_REASONS[reason].cause;
  }
}
