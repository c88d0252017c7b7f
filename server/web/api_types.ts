/**
 * Connections in the API, as far as the page shows them: the shapes of `openapi.json`.
 *
 * @module
 */

import type { CloseReason } from "../close_codes.ts";
import type { FlightEvent } from "../liveness/flight_recorder.ts";
import type { RoundTripFields } from "../http/connection_health.ts";

/** What open and ended connections have in common. */
export interface Common {
  /** Tells it from every other connection, open or ended. */
  readonly id: string;
  /** The profile. */
  readonly profile: string;
  /** The key's id; null on an open hub. */
  readonly key: string | null;
  /** The peer's address. */
  readonly address: string;
  /** When it was accepted, wall-clock ms. */
  readonly openedMs: number;
  /** How long it is or was open. */
  readonly seconds: number;
  /** Messages that it sent. */
  readonly messagesIn: number;
  /** Messages to it. */
  readonly messagesOut: number;
  /** A `HealthStatus`. */
  readonly health: string;
  /** A `LivenessState`. */
  readonly liveness: string;
  /** The average of its last 10 round trips, ms; null before the first. */
  readonly rttMs: number | null;
  /** How much they differ (RFC 3550), ms; null before the first. */
  readonly jitterMs: number | null;
}

/** An open connection. */
export interface Connection extends Common {
  /** Since its last sign of life. */
  readonly idleMs: number;
  /** That wait for it. */
  readonly queuedMessages: number;
  /** That wait for it. */
  readonly queuedBytes: number;
}

/** One that has ended. */
export interface End extends Common {
  /** The close reason. */
  readonly reason: CloseReason;
  /** What was behind it. */
  readonly cause: string;
  /** When it ended, wall-clock ms. */
  readonly closedMs: number;
  /** From its last sign of life to its end. */
  readonly silentSeconds: number;
}

/** What an inspection adds. */
export interface Timeline {
  /** Round trips of control pings. */
  readonly wire: RoundTripFields;
  /** Round trips of app pings. */
  readonly app: RoundTripFields;
  /** The last events, the oldest first. */
  readonly events: readonly FlightEvent[];
}

/** One connection, looked into. */
export type Inspected = (Connection | End) & Timeline;

/** Tells which of both it is. */
export function hasEnded<Of extends Connection | End>(of: Of): of is Of & End {
  return "reason" in of;
}
