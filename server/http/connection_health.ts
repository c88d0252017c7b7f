/**
 * The health and the last events of a connection, as the API shows them.
 *
 * @module
 */

import * as v from "valibot";
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
  lossRatio: v.pipe(
    Ratio,
    v.description("pings without an answer, of all that are answered or lost"),
  ),
  recentLossRatio: v.pipe(Ratio, v.description("the same for the last 32")),
});

/** The fields in lists. */
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
    v.description("app round trip minus wire round trip; null without both"),
  ),
};

/** Further fields of a single connection. */
export const TIMELINE_FIELDS = {
  wire: RoundTrips,
  app: RoundTrips,
  events: v.pipe(
    v.array(v.object({ kind: v.string(), atMs: v.number(), value: v.optional(v.number()) })),
    v.description("the last 64 liveness events, the oldest first; ms since it was opened"),
  ),
};

export type HealthFields = Fields<typeof HEALTH_FIELDS>;
export type RoundTripFields = v.InferOutput<typeof RoundTrips>;
export type TimelineFields = Fields<typeof TIMELINE_FIELDS>;
type Fields<Entries extends v.ObjectEntries> = v.InferOutput<v.ObjectSchema<Entries, undefined>>;

export function healthOf(connection: ConnectionHealth): HealthFields {
  return {
    health: connection.status,
    liveness: connection.liveness,
    rttMs: rounded(connection.rtt.averageMs),
    jitterMs: rounded(connection.rtt.jitterMs),
    queueDelayMs: rounded(connection.queueDelayMs),
  };
}

export function timelineOf({ wire, app, recorder }: ConnectionHealth): TimelineFields {
  return { wire: roundTripsOf(wire), app: roundTripsOf(app), events: recorder.events() };
}

function roundTripsOf(estimator: RttEstimator): RoundTripFields {
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
