/**
 * Every metric, named once. On the frame path a metric is a number on a plain object; the exposition
 * reads the numbers when it is asked for them. Labels come from bounded sets: profile, reason.
 *
 * @module
 */

import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { REASON_NAMES } from "./close_codes.ts";
import { newCounts, openNow, type ProfileCounts } from "./counts.ts";

/** Figures that are read when asked for. */
export interface Readings {
  /** Letters in the hub's mailbox. */
  readonly mailboxLetters: () => number;
  /** Bytes in all send queues together. */
  readonly queuedBytes: () => number;
  /** Channels that somebody follows. */
  readonly channels: () => number;
  /** Idle timeouts known on the way to clients. */
  readonly pathLimits: () => number;
}

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
  ["oddPongs", "systole_pongs_odd_total", "Pongs that answer no ping of ours"],
  [
    "healthAlerts",
    "systole_health_alerts_total",
    "Connections whose health became poor or critical",
  ],
  ["heartbeatsMissed", "systole_heartbeats_missed_total", "Pings without an answer in time"],
];

/** See the module. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #counts = new Map<string, ProfileCounts>();
  readonly #detection: Histogram;
  readonly #lateness: Histogram;
  readonly #roundTrips: Readonly<Record<"wire" | "app", Histogram.Internal<"kind">>>;
  readonly #health: Gauge<"status">;
  readonly #deaths: Counter<"cause">;
  readonly #stalls: Counter;
  readonly #stalledSeconds: Counter;

  constructor() {
    const registers = [this.#registry];
    this.#exposeCounts();
    this.#detection = new Histogram({
      name: "systole_dead_peer_detection_seconds",
      help: "From the last sign of life of a dead peer to its verdict, without our own stalls",
      buckets: [0.5, 1, 2, 5, 10, 15, 30, 45, 60, 60.1, 61, 90, 120, 300],
      registers,
    });
    this.#lateness = new Histogram({
      name: "systole_wheel_lateness_seconds",
      help: "How late the wheel's ticks came: the lag of the event loop",
      buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
      registers,
    });
    const roundTrips = new Histogram({
      name: "systole_rtt_seconds",
      help:
        "Round trips of heartbeats: control pings on the wire, app pings through queue and script",
      labelNames: ["kind"],
      buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    });
    this.#roundTrips = {
      wire: roundTrips.labels({ kind: "wire" }),
      app: roundTrips.labels({ kind: "app" }),
    };
    this.#health = new Gauge({
      name: "systole_connections_by_health",
      help: "Open connections by health",
      labelNames: ["status"],
      registers,
    });
    this.#deaths = new Counter({
      name: "systole_deaths_total",
      help: "Connections ended, by what was behind it",
      labelNames: ["cause"],
      registers,
    });
    this.#stalls = new Counter({
      name: "systole_stalls_total",
      help: "Times the server itself stood still; nobody is judged for them",
      registers,
    });
    this.#stalledSeconds = new Counter({
      name: "systole_stalled_seconds_total",
      help: "How long it stood still",
      registers,
    });
  }

  /** The counts of a profile. */
  of(profile: string): ProfileCounts {
    let counts = this.#counts.get(profile);
    if (counts === undefined) this.#counts.set(profile, counts = newCounts());
    return counts;
  }

  /** A heartbeat was answered. */
  roundTrip(kind: "wire" | "app", rttMs: number): void {
    this.#roundTrips[kind].observe(rttMs / 1_000);
  }

  /** A connection's health has changed; undefined: it was not there, or is no more. */
  health(previous: string | undefined, status: string | undefined): void {
    if (previous !== undefined) this.#health.dec({ status: previous });
    if (status !== undefined) this.#health.inc({ status });
  }

  /** A connection has ended. @param cause of a bounded set */
  death(cause: string): void {
    this.#deaths.inc({ cause });
  }

  /** A dead peer was found. @param silentMs from its last sign of life */
  detected(silentMs: number): void {
    this.#detection.observe(silentMs / 1_000);
  }

  /** The wheel has ticked. @param lateMs how late */
  tick(lateMs: number): void {
    this.#lateness.observe(lateMs / 1_000);
  }

  /** The server stood still. @param lateMs how long */
  stall(lateMs: number): void {
    this.#stalls.inc();
    this.#stalledSeconds.inc(lateMs / 1_000);
  }

  /** Exposes figures that other rooms hold. Called once. */
  read(readings: Readings): void {
    this.#gauge("systole_mailbox_letters", "Letters in the hub's mailbox", readings.mailboxLetters);
    this.#gauge("systole_send_queue_bytes", "Bytes in all send queues", readings.queuedBytes);
    this.#gauge(
      "systole_path_limits",
      "Networks whose idle connections are cut",
      readings.pathLimits,
    );
    this.#gauge("systole_channels", "Channels that somebody follows", readings.channels);
  }

  /** The exposition. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  /** Its content type. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  #gauge(name: string, help: string, value: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.#registry],
      collect() {
        this.set(value());
      },
    });
  }

  #exposeCounts(): void {
    const registers = [this.#registry];
    const counts = this.#counts;
    for (const name of new Set(COUNTERS.map(([, name]) => name))) {
      const fields = COUNTERS.filter((row) => row[1] === name);
      new Counter({
        name,
        help: fields[0][2],
        labelNames: ["profile", ...Object.keys(fields[0][3] ?? {})],
        registers,
        collect() {
          this.reset();
          for (const [profile, count] of counts) {
            for (const [field, , , labels] of fields) {
              this.inc({ profile, ...labels }, count[field]);
            }
          }
        },
      });
    }
    new Counter({
      name: "systole_connections_closed_total",
      help: "Connections ended, by reason",
      labelNames: ["profile", "reason"],
      registers,
      collect() {
        this.reset();
        for (const [profile, { closed }] of counts) {
          for (const reason of REASON_NAMES) this.inc({ profile, reason }, closed[reason]);
        }
      },
    });
    new Gauge({
      name: "systole_connections",
      help: "Connections open now",
      labelNames: ["profile"],
      registers,
      collect() {
        for (const [profile, count] of counts) this.set({ profile }, openNow(count));
      },
    });
  }
}
