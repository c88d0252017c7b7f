/**
 * The table of all metrics. A metric is one entry: its type, name, help and labels, and where its
 * value comes from, which is the part of the table that it stands in. The types of the values derive
 * from the entries.
 *
 * Must not know when a value changes, nor how Prometheus' text format looks.
 *
 * @module
 */

import process from "node:process";
import { VERSION } from "../base/version.ts";
import { CAUSES, REASON_NAMES, REJECTION_REASONS } from "../close_codes.ts";
import { SEVERITY } from "../liveness/health.ts";
import { LIVENESS_STATES } from "../liveness/liveness.ts";
import type { RttKind } from "../liveness/rtt.ts";
import { STALL_MS } from "../liveness/wheel.ts";
import { Detection } from "./detection_times.ts";
import {
  byLabel,
  type DescribedMetric,
  type Labels,
  one,
  type ReadMetric,
  type Sample,
  samplesOf,
} from "./exposition.ts";
import { ascending, Histogram } from "./histogram.ts";

/** One metric. `Value` is a number, a number for each value of a label, or the same of histograms. */
export interface Metric<Value> extends DescribedMetric {
  /** The value at the start. */
  readonly create: () => Value;
  /** What Prometheus reads of a value. */
  readonly samples: (value: Value) => Sample[];
}

/** The values of some metrics, each under the name of its entry. */
export type ValuesOf<Table> = {
  -readonly [Name in keyof Table]: Table[Name] extends { readonly create: () => infer Value }
    ? Value
    : never;
};

/** Bounds of waits within the process, s: one of them separates stalls from lateness. */
const WAITS = ascending([0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, STALL_MS / 1_000]);
/** Bounds of round trips, s. */
const TRIPS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

const KINDS = ["wire", "app"] as const satisfies readonly RttKind[];

/** Why a connection without a whole request is cut. */
const PENDING_CUTS = ["request_timeout", "too_many_pending", "too_many_from_address"] as const;

export type PendingCut = typeof PENDING_CUTS[number];

/** What a client that returns gets of a channel: all that it missed, or that cannot be promised. */
const RESUME_OUTCOMES = ["recovered", "incomplete"] as const;

/** Values that are counted for each profile; exposed with the label `profile`. */
export const PROFILE_METRICS = {
  opened: counter({ name: "systole_connections_opened_total", help: "Connections accepted" }),
  closed: numberPer({
    type: "counter",
    name: "systole_connections_closed_total",
    help: "Connections ended, by reason",
    label: "reason",
    values: REASON_NAMES,
  }),
  messagesIn: counter({ name: "systole_messages_received_total", help: "Messages from clients" }),
  messagesOut: counter({
    name: "systole_messages_sent_total",
    help: "Messages queued for clients",
  }),
  messagesDropped: counter({
    name: "systole_messages_dropped_total",
    help: "Messages that were not sent: the queue was full or the connection closing",
  }),
  malformed: counter({
    name: "systole_messages_malformed_total",
    help: "Messages that are invalid",
  }),
  denied: counter({
    name: "systole_commands_denied_total",
    help: "Commands that the key has no right for",
  }),
  // Entries with one name are one metric, its series distinguished by labels.
  controlPings: counter({
    name: "systole_pings_sent_total",
    help: "Pings sent",
    labels: { kind: "control" },
  }),
  appPings: counter({
    name: "systole_pings_sent_total",
    help: "Pings sent",
    labels: { kind: "app" },
  }),
  appPingsSkipped: counter({
    name: "systole_pings_skipped_total",
    help: "App pings that found the queue full",
  }),
  controlPongs: counter({
    name: "systole_pongs_received_total",
    help: "Pongs received",
    labels: { kind: "control" },
  }),
  appPongs: counter({
    name: "systole_pongs_received_total",
    help: "Pongs received",
    labels: { kind: "app" },
  }),
  pongsUnmatched: counter({
    name: "systole_pongs_unmatched_total",
    help: "Pongs that answer no outstanding ping",
  }),
  healthAlerts: counter({
    name: "systole_health_alerts_total",
    help: "Connections whose health became poor or critical",
  }),
  heartbeatsMissed: counter({
    name: "systole_heartbeats_missed_total",
    help: "Heartbeats that timed out",
  }),
  timeoutsAverted: counter({
    name: "systole_timeouts_averted_total",
    help: "Connections that would have timed out if the server's own stalls counted as silence",
  }),
  detectionsLate: counter({
    name: "systole_detections_late_total",
    help: "Dead peers found later than the published bound",
  }),
};

/** Values that are counted once for the whole process. */
export const PROCESS_METRICS = {
  health: numberPer({
    type: "gauge",
    name: "systole_connections_by_health",
    help: "Open connections by health",
    label: "status",
    values: SEVERITY,
  }),
  liveness: numberPer({
    type: "gauge",
    name: "systole_connections_by_liveness",
    help: "Open connections by liveness: which of transport and application answer",
    label: "liveness",
    values: LIVENESS_STATES,
  }),
  upgradesRejected: numberPer({
    type: "counter",
    name: "systole_upgrades_refused_total",
    help: "Upgrades refused, by reason",
    label: "reason",
    values: REJECTION_REASONS,
  }),
  pendingCuts: numberPer({
    type: "counter",
    name: "systole_pending_connections_cut_total",
    help: "Connections cut before they had sent a whole request, by reason",
    label: "reason",
    values: PENDING_CUTS,
  }),
  disconnects: numberPer({
    type: "counter",
    name: "systole_disconnects_total",
    help: "Connections ended, by what was behind it",
    label: "cause",
    values: CAUSES,
  }),
  stalls: counter({
    name: "systole_stalls_total",
    help: "Stalls of the event loop; no connection is timed out for them",
  }),
  stalledMs: counter({
    name: "systole_stalled_seconds_total",
    help: "How long the event loop stalled",
    exposed: (ms) => ms / 1_000,
  }),
  lateness: histogram({
    name: "systole_wheel_lateness_seconds",
    help: "How late the wheel's ticks came: the lag of the event loop",
    bounds: WAITS,
  }),
  mailboxWait: histogram({
    name: "systole_mailbox_wait_seconds",
    help: "How long a message waits in the hub's mailbox, tried once a second",
    bounds: WAITS,
  }),
  resumes: numberPer({
    type: "counter",
    name: "systole_resumes_total",
    help:
      "Subscriptions that named the last message they had, by whether they got all that followed",
    label: "outcome",
    values: RESUME_OUTCOMES,
  }),
  roundTrips: histogramPer({
    name: "systole_rtt_seconds",
    help:
      "Round trips of heartbeats: control pings on the wire, app pings through queue and script",
    label: "kind",
    values: KINDS,
    bounds: TRIPS,
  }),
  jitter: histogramPer({
    name: "systole_jitter_seconds",
    help: "How much the round trips of one connection differ (RFC 3550), at each answer",
    label: "kind",
    values: KINDS,
    bounds: TRIPS,
  }),
};

/** Values that another module has: server.ts gives a function that reads each. */
export const EXTERNAL_METRICS = {
  mailboxMessages: external({
    type: "gauge",
    name: "systole_mailbox_messages",
    help: "Messages in the hub's mailbox",
  }),
  queuedBytes: external({
    type: "gauge",
    name: "systole_send_queue_bytes",
    help: "Bytes in all send queues",
  }),
  publicationsHeld: external({
    type: "counter",
    name: "systole_publications_held_total",
    help: "Publications that waited because the subscribers of their channel were behind",
  }),
  publicationsRefused: external({
    type: "counter",
    name: "systole_publications_refused_total",
    help: "Publications that were refused because the subscribers stayed behind",
  }),
  pendingConnections: external({
    type: "gauge",
    name: "systole_pending_connections",
    help: "Connections that have sent no whole request",
  }),
  channels: external({
    type: "gauge",
    name: "systole_channels",
    help: "Channels that have a subscriber",
  }),
  historyBytes: external({
    type: "gauge",
    name: "systole_history_bytes",
    help: "Bytes that the histories of all channels take",
  }),
  historyChannels: external({
    type: "gauge",
    name: "systole_history_channels",
    help: "Channels of which the hub knows the position",
  }),
  historyEvictions: external({
    type: "counter",
    name: "systole_history_evictions_total",
    help: "Messages removed before their time, since all histories together were too large",
  }),
  evictedIds: external({
    type: "counter",
    name: "systole_publication_ids_evicted_total",
    help: "Ids of publications forgotten before their time, since the histories were too large",
  }),
  duplicates: external({
    type: "counter",
    name: "systole_publications_duplicate_total",
    help: "Publications that repeated an earlier one and were not delivered again",
  }),
  brokerUp: external({
    type: "gauge",
    name: "systole_broker_up",
    together: "least",
    help: "Whether this process reaches the other nodes: 0 while Redis is away",
  }),
  brokerLosses: external({
    type: "counter",
    name: "systole_broker_connections_lost_total",
    help: "Connections to Redis that were lost",
  }),
  publicationsDegraded: external({
    type: "counter",
    name: "systole_broker_publications_degraded_total",
    help: "Publications that reached the subscribers of this process alone, since Redis was away",
  }),
  brokerHoles: external({
    type: "counter",
    name: "systole_broker_holes_total",
    help: "Times that messages had not come from Redis and were read again",
  }),
  brokerGaps: external({
    type: "counter",
    name: "systole_broker_gaps_total",
    help: "Gaps told to the subscribers of a channel: messages may be missing",
  }),
  threads: external({
    type: "gauge",
    name: "systole_threads",
    help: "Threads that serve clients",
  }),
  threadsLost: external({
    type: "counter",
    name: "systole_threads_lost_total",
    help: "Threads that failed or did not answer, and were started again",
  }),
  threadMessagesSkipped: external({
    type: "counter",
    name: "systole_thread_messages_skipped_total",
    help: "Messages that a thread which was behind got later, or lost with a gap",
  }),
  threadMessagesRefused: external({
    type: "counter",
    name: "systole_thread_messages_refused_total",
    help: "Messages of clients that were refused since too many waited for the main thread",
  }),
  messagesReplayed: external({
    type: "counter",
    name: "systole_messages_replayed_total",
    help: "Messages from the history queued for clients that returned",
  }),
  members: external({
    type: "gauge",
    name: "systole_members",
    help: "Members of all channels, those included that may still return",
  }),
  membersLeftEarly: external({
    type: "counter",
    name: "systole_members_left_early_total",
    help: "Members that left before PRESENCE_GRACE_MS was over, since too many were away",
  }),
  idleTimeouts: external({
    type: "gauge",
    name: "systole_idle_timeouts",
    help: "Idle timeouts known on the way to clients",
  }),
  idleTimeoutCuts: external({
    type: "counter",
    name: "systole_idle_timeout_cuts_total",
    help: "Connections that known idle timeouts on the way have ended",
  }),
};

/**
 * Values that are computed when they are read. Those of the process have the names that Prometheus'
 * clients give them. prom-client's own collectors do not serve: they read /proc, which the permissions
 * of `start` forbid, and then report 0, and one of them wakes the process 100 times a second.
 */
export const DERIVED_METRICS: readonly DerivedMetric[] = [
  {
    type: "gauge",
    name: "systole_build_info",
    together: "first",
    help: "1, labelled with the version of the program and of Deno",
    samples: () => [{ labels: { version: VERSION, deno: Deno.version.deno }, value: 1 }],
  },
  {
    type: "gauge",
    name: "process_start_time_seconds",
    together: "first",
    help: "Start of the process, seconds since 1970",
    samples: () => one(performance.timeOrigin / 1_000),
  },
  {
    type: "counter",
    name: "process_cpu_seconds_total",
    together: "first",
    help: "CPU time of the process, user and system",
    samples: () => {
      const { user, system } = process.cpuUsage();
      return one((user + system) / 1_000_000);
    },
  },
  {
    type: "gauge",
    name: "process_resident_memory_bytes",
    together: "first",
    help: "Resident memory of the process",
    samples: () => one(Deno.memoryUsage().rss),
  },
  {
    type: "gauge",
    name: "nodejs_heap_size_used_bytes",
    help: "Heap that JavaScript objects use",
    samples: () => one(Deno.memoryUsage().heapUsed),
  },
  {
    type: "gauge",
    name: "systole_connections",
    help: "Connections open now",
    samples: ({ counts }) =>
      Array.from(counts, ([profile, of]) => ({ labels: { profile }, value: openNow(of) })),
  },
  {
    type: "gauge",
    name: "systole_detection_bound_seconds",
    together: "first",
    help: "Published bound: from a dead peer's last sign of life to the end of its connection",
    samples: ({ detection }) => byLabel("profile", detection.boundSeconds),
  },
  {
    type: "histogram",
    name: "systole_dead_peer_detection_seconds",
    help:
      "From a dead peer's last sign of life to the end of its connection, without the server's stalls",
    samples: ({ detection }) => samplesOf("systole_dead_peer_detection_seconds", detection.times),
  },
];

/** What the main thread says where others serve the clients: of the process, and some of `values`. */
export function mainThreadMetrics(values: Partial<ExternalValues>): ReadMetric[] {
  const sources: Sources = { counts: new Map(), detection: new Detection([]) };
  const derived = DERIVED_METRICS.map(({ samples, ...about }) => ({
    ...about,
    samples: samples(sources),
  }));
  const own = Object.entries(values).map(([name, read]) => {
    const { samples, ...about } = EXTERNAL_METRICS[name as keyof ExternalValues];
    return { ...about, samples: samples(read) };
  });
  return [...derived.filter(({ samples }) => samples.length > 0), ...own];
}

/** The counts of one profile: plain numbers, to which the frame path adds. */
export type ProfileCounts = ValuesOf<typeof PROFILE_METRICS>;

/** Reads each value that another module has. */
export type ExternalValues = {
  readonly [Name in keyof typeof EXTERNAL_METRICS]: () => number;
};

/** What derived metrics are computed from. */
interface Sources {
  readonly counts: ReadonlyMap<string, ProfileCounts>;
  readonly detection: Detection;
}

interface DerivedMetric extends Omit<Metric<unknown>, "create" | "samples"> {
  readonly samples: (sources: Sources) => Sample[];
}

/** The values of some metrics at the start. */
export function newValues<Table extends Readonly<Record<string, Pick<Metric<unknown>, "create">>>>(
  table: Table,
): ValuesOf<Table> {
  const values = Object.entries(table).map(([name, { create }]) => [name, create()]);
  return Object.fromEntries(values);
}

/** Connections of a profile that are open now. */
export function openNow({ opened, closed }: ProfileCounts): number {
  return REASON_NAMES.reduce((open, reason) => open - closed[reason], opened);
}

/** What all entries say. */
type Described = Pick<Metric<unknown>, "name" | "help" | "together">;

/** A number that only rises. `exposed` converts it to the unit of the metric's name. */
function counter(
  { labels = {}, exposed = (value) => value, ...described }: Described & {
    readonly labels?: Labels;
    readonly exposed?: (value: number) => number;
  },
): Metric<number> {
  return {
    ...described,
    type: "counter",
    create: () => 0,
    samples: (value) => [{ labels, value: exposed(value) }],
  };
}

/** A number for each value of a label; all are there from the start, at 0. */
function numberPer<Name extends string>(
  { label, values, ...described }: Described & {
    readonly type: "counter" | "gauge";
    readonly label: string;
    readonly values: readonly Name[];
  },
): Metric<Record<Name, number>> {
  return {
    ...described,
    create: () => recordOf(values, () => 0),
    samples: (numbers) => byLabel(label, numbers),
  };
}

/** How values spread. */
function histogram(
  { bounds, ...described }: Described & { readonly bounds: readonly number[] },
): Metric<Histogram> {
  return {
    ...described,
    type: "histogram",
    create: () => new Histogram(bounds),
    samples: (value) => samplesOf(described.name, [[{}, value]]),
  };
}

/** How values spread, for each value of a label. */
function histogramPer<Name extends string>(
  { label, values, bounds, ...described }: Described & {
    readonly label: string;
    readonly values: readonly Name[];
    readonly bounds: readonly number[];
  },
): Metric<Readonly<Record<Name, Histogram>>> {
  return {
    ...described,
    type: "histogram",
    create: () => recordOf(values, () => new Histogram(bounds)),
    samples: (histograms) =>
      samplesOf(described.name, values.map((name) => [{ [label]: name }, histograms[name]])),
  };
}

function external(
  described: Described & { readonly type: "counter" | "gauge" },
): Omit<Metric<() => number>, "create"> {
  return { ...described, samples: (read) => one(read()) };
}

function recordOf<Name extends string, Value>(
  names: readonly Name[],
  create: () => Value,
): Record<Name, Value> {
  return Object.fromEntries(names.map((name) => [name, create()])) as Record<Name, Value>;
}
