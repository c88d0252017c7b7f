/**
 * What is counted for each profile: plain numbers, for the frame path to add to. A counter is one entry
 * of the table, from which its field and its metric derive.
 *
 * @module
 */

import { type CloseReason, REASON_NAMES } from "../close_codes.ts";
import type { Exposition, Sample } from "./exposition.ts";

interface Counter {
  /** Name of the metric; several fields may share one, told apart by labels. */
  readonly metric: string;
  readonly help: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Each counter by the name of its field. */
const COUNTERS = {
  opened: counter("systole_connections_opened_total", "Connections accepted"),
  messagesIn: counter("systole_messages_received_total", "Messages from clients"),
  messagesOut: counter("systole_messages_sent_total", "Messages queued for clients"),
  messagesDropped: counter(
    "systole_messages_dropped_total",
    "Messages that were not sent: the queue was full or the connection closing",
  ),
  malformed: counter("systole_messages_malformed_total", "Messages that are invalid"),
  denied: counter("systole_commands_denied_total", "Commands that the key has no right for"),
  controlPings: counter("systole_pings_sent_total", "Pings sent", { kind: "control" }),
  appPings: counter("systole_pings_sent_total", "Pings sent", { kind: "app" }),
  appPingsSkipped: counter("systole_pings_skipped_total", "App pings that found the queue full"),
  controlPongs: counter("systole_pongs_received_total", "Pongs received", { kind: "control" }),
  appPongs: counter("systole_pongs_received_total", "Pongs received", { kind: "app" }),
  pongsUnmatched: counter(
    "systole_pongs_unmatched_total",
    "Pongs that answer no outstanding ping",
  ),
  healthAlerts: counter(
    "systole_health_alerts_total",
    "Connections whose health became poor or critical",
  ),
  heartbeatsMissed: counter("systole_heartbeats_missed_total", "Heartbeats that timed out"),
  timeoutsAverted: counter(
    "systole_timeouts_averted_total",
    "Connections that would have timed out if the server's own stalls counted as silence",
  ),
  detectionsLate: counter(
    "systole_detections_late_total",
    "Dead peers found later than the published bound",
  ),
} as const;

/** The counts of one profile. */
export type ProfileCounts = Record<keyof typeof COUNTERS, number> & {
  /** Connections ended, by reason. */
  readonly closed: Record<CloseReason, number>;
};

const FIELDS = Object.keys(COUNTERS) as (keyof typeof COUNTERS)[];

/** All at zero. */
export function newCounts(): ProfileCounts {
  const zeros = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, 0]));
  return { ...zeros(FIELDS), closed: zeros(REASON_NAMES) } as unknown as ProfileCounts;
}

/** Exposes all counts of each profile, and how many connections they leave open. */
export function exposeCounts(
  exposition: Exposition,
  profiles: ReadonlyMap<string, ProfileCounts>,
): void {
  const each = (read: (counts: ProfileCounts, profile: string) => Sample[]) => () =>
    Array.from(profiles).flatMap(([profile, counts]) => read(counts, profile));
  for (const [metric, fields] of Map.groupBy(FIELDS, (field) => COUNTERS[field].metric)) {
    const { help } = COUNTERS[fields[0]];
    const samples = each((counts, profile) =>
      fields.map((field) => ({
        labels: { profile, ...COUNTERS[field].labels },
        value: counts[field],
      }))
    );
    exposition.counter(metric, help, samples);
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

function openNow({ opened, closed }: ProfileCounts): number {
  return REASON_NAMES.reduce((open, reason) => open - closed[reason], opened);
}

function counter(metric: string, help: string, labels?: Counter["labels"]): Counter {
  return { metric, help, labels };
}
