/**
 * The parts of the API's responses that the page shows; `openapi.json` has the whole.
 *
 * @module
 */

import type { CloseReason } from "../close_codes.ts";
import type { FlightEvent } from "../liveness/flight_recorder.ts";
import type { RoundTripFields } from "../http/connection_health.ts";

/** What open and closed connections have in common. */
export interface ConnectionSummary {
  /** Unique among all connections, open or closed. */
  readonly id: string;
  /** The name of its profile. */
  readonly profile: string;
  /** The key's id; null on an open hub. */
  readonly key: string | null;
  /** The peer's address. */
  readonly address: string;
  /** Which process of the hub, where it has several. */
  readonly node?: string;
  /** When it was accepted, wall-clock ms. */
  readonly openedMs: number;
  /** How long it is or was open. */
  readonly seconds: number;
  /** Messages from the client. */
  readonly messagesIn: number;
  /** Messages to the client. */
  readonly messagesOut: number;
  /** A `HealthStatus`. */
  readonly health: string;
  /** A `LivenessState`. */
  readonly liveness: string;
  /** The average of its last 10 round trips, ms; null before the first. */
  readonly rttMs: number | null;
  /** The jitter of the round trips (RFC 3550), ms; null before the first. */
  readonly jitterMs: number | null;
}

/** An open connection. */
export interface Connection extends ConnectionSummary {
  /** Since its last sign of life. */
  readonly idleMs: number;
  /** Since its last message or app pong. */
  readonly applicationIdleMs: number;
  /** Messages in its send queue. */
  readonly queuedMessages: number;
  /** Bytes in its send queue. */
  readonly queuedBytes: number;
}

/** A closed connection. */
export interface ClosedConnection extends ConnectionSummary {
  /** The close reason. */
  readonly reason: CloseReason;
  /** The close cause. */
  readonly cause: string;
  /** When it closed, wall-clock ms. */
  readonly closedMs: number;
  /** From its last sign of life to its close. */
  readonly silentSeconds: number;
}

/** A process that was lost with its connections. */
export interface LostNode {
  readonly node: string;
  /** How many it had. */
  readonly connections: number;
  /** A close cause. */
  readonly cause: string;
  /** When that was noticed, wall-clock ms. */
  readonly closedMs: number;
}

/** What the response for one connection adds. */
export interface ConnectionTimeline {
  /** Round trips of control pings. */
  readonly wire: RoundTripFields;
  /** Round trips of app pings. */
  readonly app: RoundTripFields;
  /** The last events, the oldest first. */
  readonly events: readonly FlightEvent[];
}

/** The response for one connection. */
export type InspectedConnection = (Connection | ClosedConnection) & ConnectionTimeline;

/** Whether a connection is closed. */
export function isClosed<Of extends Connection | ClosedConnection>(
  connection: Of,
): connection is Of & ClosedConnection {
  return "reason" in connection;
}

/** An upgrade that was rejected. */
export interface RejectedUpgrade {
  /** The name of the profile that was asked for; null: none. */
  readonly profile: string | null;
  /** The key's id, where the credential was good. */
  readonly key: string | null;
  /** The peer's address. */
  readonly address: string;
  /** Which process of the hub, where it has several. */
  readonly node?: string;
  /** The label of logs and metrics. */
  readonly reason: string;
  /** What was wrong. */
  readonly detail: string;
  /** How often. */
  readonly count: number;
  /** The last time, wall-clock ms. */
  readonly lastMs: number;
}

/** A channel that has a subscriber. */
export interface ChannelEntry {
  /** Its name. */
  readonly channel: string;
  /** Connections that are subscribed to it. */
  readonly subscribers: number;
}
