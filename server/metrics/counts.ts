/**
 * What is counted of each system: plain numbers, for the frame path to add to, and the metric that
 * each is.
 *
 * @module
 */

import { type CloseReason, REASON_NAMES } from "../close_codes.ts";
import type { Exposition, Sample } from "./exposition.ts";

/** What is counted for each profile. */
export interface ProfileCounts {
  /** Connections accepted. */
  opened: number;
  /** Connections ended, by reason. */
  readonly closed: Record<CloseReason, number>;
  /** Messages from clients. */
  messagesIn: number;
  /** Messages queued for clients. */
  messagesOut: number;
  /** Messages a client did not get any more. */
  messagesDropped: number;
  /** Messages that made no sense. */
  malformed: number;
  /** Commands that the key has no right for. */
  denied: number;
  /** Control pings sent. */
  controlPings: number;
  /** App pings queued. */
  appPings: number;
  /** App pings that found the queue full. */
  appPingsSkipped: number;
  /** Control pongs received. */
  controlPongs: number;
  /** App pongs received. */
  appPongs: number;
  /** Pings without an answer in time. */
  heartbeatsMissed: number;
  /** Connections that are alive only because the server's own stalls do not count. */
  timeoutsAverted: number;
  /** Dead peers found later than the published bound. */
  detectionsLate: number;
  /** Pongs that answer no ping of ours. */
  pongsUnmatched: number;
  /** Times a connection's health became poor or critical. */
  healthAlerts: number;
}

/** A count that is one number. */
type Count = { [K in keyof ProfileCounts]: ProfileCounts[K] extends number ? K : never }[
  keyof ProfileCounts
];

/** Counters per profile: field, name, help, and further labels. */
const COUNTERS: readonly [Count, string, string, Record<string, string>?][] = [
  ["opened", "systole_connections_opened_total", "Connections accepted"],
  ["messagesIn", "systole_messages_received_total", "Messages from clients"],
  ["messagesOut", "systole_messages_sent_total", "Messages queued for clients"],
  ["messagesDropped", "systole_messages_dropped_total", "Messages a client did not get any more"],
  ["malformed", "systole_messages_malformed_total", "Messages that made no sense"],
  ["denied", "systole_commands_denied_total", "Commands that the key has no right for"],
  ["controlPings", "systole_pings_sent_total", "Pings sent", { kind: "control" }],
  ["appPings", "systole_pings_sent_total", "Pings sent", { kind: "app" }],
  ["appPingsSkipped", "systole_pings_skipped_total", "App pings that found the queue full"],
  ["controlPongs", "systole_pongs_received_total", "Pongs received", { kind: "control" }],
  ["appPongs", "systole_pongs_received_total", "Pongs received", { kind: "app" }],
  ["pongsUnmatched", "systole_pongs_unmatched_total", "Pongs that answer no ping of ours"],
  [
    "healthAlerts",
    "systole_health_alerts_total",
    "Connections whose health became poor or critical",
  ],
  ["heartbeatsMissed", "systole_heartbeats_missed_total", "Heartbeats that timed out"],
  [
    "timeoutsAverted",
    "systole_timeouts_averted_total",
    "Connections that would be dead if the server's own stalls counted as silence",
  ],
  [
    "detectionsLate",
    "systole_detections_late_total",
    "Dead peers found later than the published bound",
  ],
];

/** Connections that are open. */
function openNow({ opened, closed }: ProfileCounts): number {
  return REASON_NAMES.reduce((open, reason) => open - closed[reason], opened);
}

/** All at zero. */
export function newCounts(): ProfileCounts {
  return {
    opened: 0,
    closed: Object.fromEntries(REASON_NAMES.map((name) => [name, 0])) as Record<
      CloseReason,
      number
    >,
    messagesIn: 0,
    messagesOut: 0,
    messagesDropped: 0,
    malformed: 0,
    denied: 0,
    controlPings: 0,
    appPings: 0,
    appPingsSkipped: 0,
    controlPongs: 0,
    appPongs: 0,
    heartbeatsMissed: 0,
    timeoutsAverted: 0,
    detectionsLate: 0,
    pongsUnmatched: 0,
    healthAlerts: 0,
  };
}

/** Exposes all counts of each profile, and how many connections they leave open. */
export function exposeCounts(
  exposition: Exposition,
  profiles: ReadonlyMap<string, ProfileCounts>,
): void {
  const each = (read: (counts: ProfileCounts, profile: string) => Sample[]) => () =>
    Array.from(profiles).flatMap(([profile, counts]) => read(counts, profile));
  for (const [name, rows] of Map.groupBy(COUNTERS, ([, name]) => name)) {
    exposition.counter(
      name,
      rows[0][2],
      each((counts, profile) =>
        rows.map(([field, , , labels]) => ({
          labels: { profile, ...labels },
          value: counts[field],
        }))
      ),
    );
  }
  exposition.counter(
    "systole_connections_closed_total",
    "Connections ended, by reason",
    each(({ closed }, profile) =>
      REASON_NAMES.map((reason) => ({ labels: { profile, reason }, value: closed[reason] }))
    ),
  );
  exposition.gauge(
    "systole_connections",
    "Connections open now",
    each((counts, profile) => [{ labels: { profile }, value: openNow(counts) }]),
  );
}
