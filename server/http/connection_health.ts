/**
 * How the API shows a connection's health, and what happened to it last.
 *
 * @module
 */

import * as v from "valibot";
import type { FlightEvent } from "../liveness/flight_recorder.ts";
import { rounded, type RttEstimator } from "../liveness/rtt.ts";
import type { ConnectionHealth } from "../liveness/connection_health.ts";

const Ms = v.nullable(v.number());
const Ratio = v.nullable(v.number());

const RoundTrips = v.object({
  lastMs: Ms,
  minMs: Ms,
  averageMs: v.pipe(Ms, v.description("of the last 10")),
  deviationMs: v.pipe(v.number(), v.description("population standard deviation of the last 10")),
  smoothedMs: v.pipe(Ms, v.description("SRTT, RFC 6298")),
  varianceMs: v.pipe(Ms, v.description("RTTVAR, RFC 6298")),
  jitterMs: v.pipe(Ms, v.description("interarrival jitter, RFC 3550")),
  lossRatio: v.pipe(Ratio, v.description("pings without an answer, of all that are decided")),
  recentLossRatio: v.pipe(Ratio, v.description("the same of the last 32")),
});

/** What lists show. */
export const HEALTH_FIELDS = {
  health: v.pipe(v.string(), v.description("by the average round trip; or timeout, dead, unknown")),
  liveness: v.pipe(v.string(), v.description("alive, frozen, stripped, silent or dead")),
  rttMs: v.pipe(
    Ms,
    v.description("average of the last 10 control pings; of app pings where those do not pass"),
  ),
  jitterMs: v.pipe(Ms, v.description("of the same, RFC 3550")),
  queueDelayMs: v.pipe(
    Ms,
    v.description("app round trip less that on the wire; null without both"),
  ),
};

/** What an inspection shows on top. */
export const TIMELINE_FIELDS = {
  wire: RoundTrips,
  app: RoundTrips,
  events: v.pipe(
    v.array(v.object({ kind: v.string(), atMs: v.number(), value: v.optional(v.number()) })),
    v.description("the last 64 liveness events, the oldest first; ms since it was accepted"),
  ),
};

export interface HealthShown {
  /** The status. */
  health: string;
  /** How it lives. */
  liveness: string;
  /** Average on the wire, or of app pings where control frames do not pass. */
  rttMs: number | null;
  /** Of the same. */
  jitterMs: number | null;
  /** Of queue and script. */
  queueDelayMs: number | null;
}

/** One kind of round trip, as it is shown. */
export interface RoundTripsShown {
  /** The newest. */
  lastMs: number | null;
  /** The shortest. */
  minMs: number | null;
  /** Of the last 10. */
  averageMs: number | null;
  /** Of the last 10. */
  deviationMs: number;
  /** SRTT. */
  smoothedMs: number | null;
  /** RTTVAR. */
  varianceMs: number | null;
  /** Interarrival jitter. */
  jitterMs: number | null;
  /** Pings without an answer, of all that are decided, in [0, 1]. */
  lossRatio: number | null;
  /** Of the last 32. */
  recentLossRatio: number | null;
}

export interface TimelineShown {
  /** Control pings. */
  wire: RoundTripsShown;
  /** App pings. */
  app: RoundTripsShown;
  /** The last events. */
  events: FlightEvent[];
}

export function healthOf(connection: ConnectionHealth): HealthShown {
  return {
    health: connection.status,
    liveness: connection.liveness,
    rttMs: rounded(connection.rtt.averageMs),
    jitterMs: rounded(connection.rtt.jitterMs),
    queueDelayMs: rounded(connection.queueDelayMs),
  };
}

export function timelineOf({ wire, app, recorder }: ConnectionHealth): TimelineShown {
  return { wire: roundTripsOf(wire), app: roundTripsOf(app), events: recorder.events() };
}

function roundTripsOf(estimator: RttEstimator): RoundTripsShown {
  return {
    lastMs: rounded(estimator.lastMs),
    minMs: rounded(estimator.minMs),
    averageMs: rounded(estimator.averageMs),
    deviationMs: rounded(estimator.deviationMs) ?? 0,
    smoothedMs: rounded(estimator.smoothedMs),
    varianceMs: rounded(estimator.varianceMs),
    jitterMs: rounded(estimator.jitterMs),
    lossRatio: estimator.lossRatio,
    recentLossRatio: estimator.recentLossRatio,
  };
}
