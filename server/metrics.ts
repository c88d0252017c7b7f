/**
 * Every metric, named once. On the frame path a metric is a number on a plain object; the exposition
 * reads the numbers when it is asked for them. Labels come from bounded sets: profile, reason.
 *
 * @module
 */

import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { REASON_NAMES } from "./close_codes.ts";
import { COUNTERS, newCounts, openNow, type ProfileCounts } from "./counts.ts";
import type { RttKind } from "./vitals.ts";

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
  /** Connections that they have cut so far. */
  readonly pathLimitCuts: () => number;
}

type PerKind = Readonly<Record<RttKind, Histogram.Internal<"kind">>>;

/** Bounds of waits within the process, s; `STALL_MS` is one of them. */
const WAITS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];

/** See the module. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #counts = new Map<string, ProfileCounts>();
  readonly #bounds: Gauge<"profile">;
  readonly #detection: Histogram<"profile">;
  readonly #lateness: Histogram;
  readonly #mailboxWait: Histogram;
  readonly #roundTrips: PerKind;
  readonly #jitter: PerKind;
  readonly #health: Gauge<"status">;
  readonly #deaths: Counter<"cause">;
  #stalls = 0;
  #stalledMs = 0;

  constructor() {
    const registers = [this.#registry];
    this.#exposeCounts();
    this.#bounds = new Gauge({
      name: "systole_detection_bound_seconds",
      help: "From the last sign of life of a dead peer to its verdict at most, as published",
      labelNames: ["profile"],
      registers,
    });
    this.#detection = new Histogram({
      name: "systole_dead_peer_detection_seconds",
      help: "From the last sign of life of a dead peer to its verdict, without our own stalls",
      labelNames: ["profile"],
      buckets: [0.5, 1, 2, 5, 10, 15, 15.1, 30, 45, 45.1, 60, 60.1, 61, 90, 120, 300],
      registers,
    });
    this.#lateness = new Histogram({
      name: "systole_wheel_lateness_seconds",
      help: "How late the wheel's ticks came: the lag of the event loop",
      buckets: WAITS,
      registers,
    });
    this.#mailboxWait = new Histogram({
      name: "systole_mailbox_wait_seconds",
      help: "How long a letter waits in the hub's mailbox, tried once a second",
      buckets: WAITS,
      registers,
    });
    this.#roundTrips = this.#perKind(
      "systole_rtt_seconds",
      "Round trips of heartbeats: control pings on the wire, app pings through queue and script",
    );
    this.#jitter = this.#perKind(
      "systole_jitter_seconds",
      "How much the round trips of one connection differ (RFC 3550), at each answer",
    );
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
    const help = "Times the server itself stood still; nobody is judged for them";
    this.#read(Counter, "systole_stalls_total", help, () => this.#stalls);
    const seconds = () => this.#stalledMs / 1_000;
    this.#read(Counter, "systole_stalled_seconds_total", "How long it stood still", seconds);
  }

  /** The counts of a profile. */
  of(profile: string): ProfileCounts {
    let counts = this.#counts.get(profile);
    if (counts === undefined) this.#counts.set(profile, counts = newCounts());
    return counts;
  }

  /** Starts a profile's series. @param boundMs its dead peers are found within so long */
  open(profile: string, boundMs: number): void {
    this.of(profile);
    this.#bounds.set({ profile }, boundMs / 1_000);
    this.#detection.zero({ profile });
  }

  /** A heartbeat was answered. */
  roundTrip(kind: RttKind, rttMs: number): void {
    this.#roundTrips[kind].observe(rttMs / 1_000);
  }

  /** What is known since then of how much its connection's answers differ. */
  jitter(kind: RttKind, jitterMs: number): void {
    this.#jitter[kind].observe(jitterMs / 1_000);
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
  detected(profile: string, silentMs: number): void {
    this.#detection.observe({ profile }, silentMs / 1_000);
  }

  /** The hub has opened a letter. @param waitedMs in the mailbox */
  mailboxWait(waitedMs: number): void {
    this.#mailboxWait.observe(waitedMs / 1_000);
  }

  /** The wheel has ticked. @param lateMs how late */
  tick(lateMs: number): void {
    this.#lateness.observe(lateMs / 1_000);
  }

  /** The server stood still. @param lateMs how long */
  stall(lateMs: number): void {
    this.#stalls++;
    this.#stalledMs += lateMs;
  }

  /** Exposes figures that other rooms hold. Called once. */
  read(readings: Readings): void {
    const { mailboxLetters, queuedBytes, channels, pathLimits, pathLimitCuts } = readings;
    this.#read(Gauge, "systole_mailbox_letters", "Letters in the hub's mailbox", mailboxLetters);
    this.#read(Gauge, "systole_send_queue_bytes", "Bytes in all send queues", queuedBytes);
    this.#read(Gauge, "systole_channels", "Channels that somebody follows", channels);
    this.#read(Gauge, "systole_path_limits", "Idle timeouts known on the way", pathLimits);
    const help = "Connections cut by known idle timeouts on the way";
    this.#read(Counter, "systole_path_limit_cuts_total", help, pathLimitCuts);
  }

  /** The exposition. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  /** Its content type. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Exposes a figure that is read when asked for. */
  #read(Kind: typeof Gauge | typeof Counter, name: string, help: string, value: () => number) {
    new Kind({
      name,
      help,
      registers: [this.#registry],
      collect() {
        this.reset();
        this.inc(value());
      },
    });
  }

  #perKind(name: string, help: string): PerKind {
    const histogram = new Histogram({
      name,
      help,
      labelNames: ["kind"],
      buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers: [this.#registry],
    });
    return { wire: histogram.labels({ kind: "wire" }), app: histogram.labels({ kind: "app" }) };
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
