/**
 * Every metric, named once. On the frame path a metric is a number; the exposition reads the numbers
 * when it is asked for them. Labels come from bounded sets: profile, reason.
 *
 * @module
 */

import { REASON_NAMES } from "./close_codes.ts";
import { COUNTERS, type Glance, newCounts, openNow, type ProfileCounts } from "./counts.ts";
import { byLabel, Exposition, type Labels, one, type Readings, type Sample } from "./exposition.ts";
import { samplesOf, Tally } from "./tally.ts";
import type { RttKind } from "./vitals.ts";

/** Bounds of waits within the process, s; `STALL_MS` is one of them. */
const WAITS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.07, 0.1, 0.25, 0.5, 1, 5];
/** Bounds of silence, s: around the patience of each system. */
const PATIENCES = [0.5, 1, 2, 5, 10, 15, 15.1, 30, 45, 45.1, 60, 60.1, 61, 90, 120, 300];
/** Bounds of round trips, s. */
const TRIPS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

const KINDS = ["wire", "app"] as const satisfies readonly RttKind[];

/** See the module. */
export class Metrics {
  readonly #exposition = new Exposition();
  readonly #counts = new Map<string, ProfileCounts>();
  readonly #bounds = new Map<string, number>();
  readonly #detection = new Map<string, Tally>();
  readonly #lateness = new Tally(WAITS);
  readonly #mailboxWait = new Tally(WAITS);
  readonly #roundTrips = perKind();
  readonly #jitter = perKind();
  readonly #health = new Map<string, number>();
  readonly #deaths = new Map<string, number>();
  #stalls = 0;
  #stalledMs = 0;

  constructor() {
    this.#exposeCounts();
    this.#exposeTallies();
    this.#gauge(
      "systole_detection_bound_seconds",
      "From the last sign of life of a dead peer to its verdict at most, as published",
      () => byLabel("profile", this.#bounds),
    );
    this.#gauge(
      "systole_connections_by_health",
      "Open connections by health",
      () => byLabel("status", this.#health),
    );
    this.#counter(
      "systole_deaths_total",
      "Connections ended, by what was behind it",
      () => byLabel("cause", this.#deaths),
    );
    this.#counter(
      "systole_stalls_total",
      "Times the server itself stood still; nobody is judged for them",
      () => one(this.#stalls),
    );
    this.#counter(
      "systole_stalled_seconds_total",
      "How long it stood still",
      () => one(this.#stalledMs / 1_000),
    );
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
    this.#bounds.set(profile, boundMs / 1_000);
    this.#detectionOf(profile);
  }

  /** A heartbeat was answered. */
  roundTrip(kind: RttKind, rttMs: number): void {
    this.#roundTrips[kind].add(rttMs / 1_000);
  }

  /** What is known since then of how much its connection's answers differ. */
  jitter(kind: RttKind, jitterMs: number): void {
    this.#jitter[kind].add(jitterMs / 1_000);
  }

  /** A connection's health has changed; undefined: it was not there, or is no more. */
  health(previous: string | undefined, status: string | undefined): void {
    if (previous !== undefined) add(this.#health, previous, -1);
    if (status !== undefined) add(this.#health, status, 1);
  }

  /** A connection has ended. @param cause of a bounded set */
  death(cause: string): void {
    add(this.#deaths, cause, 1);
  }

  /** A dead peer was found. @param silentMs from its last sign of life */
  detected(profile: string, silentMs: number): void {
    this.#detectionOf(profile).add(silentMs / 1_000);
  }

  /** The hub has opened a letter. @param waitedMs in the mailbox */
  mailboxWait(waitedMs: number): void {
    this.#mailboxWait.add(waitedMs / 1_000);
  }

  /** The wheel has ticked. @param lateMs how late */
  tick(lateMs: number): void {
    this.#lateness.add(lateMs / 1_000);
  }

  /** The server stood still. @param lateMs how long */
  stall(lateMs: number): void {
    this.#stalls++;
    this.#stalledMs += lateMs;
  }

  /** Exposes figures that other rooms hold. Called once. */
  read(readings: Readings): void {
    const { mailboxLetters, queuedBytes, channels, pathLimits, pathLimitCuts } = readings;
    const rows: [string, string, () => number][] = [
      ["systole_mailbox_letters", "Letters in the hub's mailbox", mailboxLetters],
      ["systole_send_queue_bytes", "Bytes in all send queues", queuedBytes],
      ["systole_channels", "Channels that somebody follows", channels],
      ["systole_path_limits", "Idle timeouts known on the way", pathLimits],
    ];
    for (const [name, help, value] of rows) this.#gauge(name, help, () => one(value()));
    this.#counter(
      "systole_path_limit_cuts_total",
      "Connections cut by known idle timeouts on the way",
      () => one(pathLimitCuts()),
    );
  }

  /** What is seen of them at a glance. */
  glance(): Glance {
    return {
      deaths: Object.fromEntries(this.#deaths),
      health: Object.fromEntries(this.#health),
      rtt: this.#roundTrips.wire.distribution,
      lateness: this.#lateness.distribution,
      stalls: { count: this.#stalls, seconds: this.#stalledMs / 1_000 },
    };
  }

  /** The exposition. */
  text(): Promise<string> {
    return this.#exposition.text();
  }

  /** Its content type. */
  get contentType(): string {
    return this.#exposition.contentType;
  }

  #detectionOf(profile: string): Tally {
    let tally = this.#detection.get(profile);
    if (tally === undefined) this.#detection.set(profile, tally = new Tally(PATIENCES));
    return tally;
  }

  #gauge(name: string, help: string, read: () => Sample[]): void {
    this.#exposition.add({ type: "gauge", name, help, read });
  }

  #counter(name: string, help: string, read: () => Sample[]): void {
    this.#exposition.add({ type: "counter", name, help, read });
  }

  #histogram(name: string, help: string, read: () => [Labels, Tally][]): void {
    this.#exposition.add({ type: "histogram", name, help, read: () => samplesOf(name, read()) });
  }

  #exposeTallies(): void {
    this.#histogram(
      "systole_dead_peer_detection_seconds",
      "From the last sign of life of a dead peer to its verdict, without our own stalls",
      () => Array.from(this.#detection, ([profile, tally]) => [{ profile }, tally]),
    );
    this.#histogram(
      "systole_wheel_lateness_seconds",
      "How late the wheel's ticks came: the lag of the event loop",
      () => [[{}, this.#lateness]],
    );
    this.#histogram(
      "systole_mailbox_wait_seconds",
      "How long a letter waits in the hub's mailbox, tried once a second",
      () => [[{}, this.#mailboxWait]],
    );
    this.#histogram(
      "systole_rtt_seconds",
      "Round trips of heartbeats: control pings on the wire, app pings through queue and script",
      () => KINDS.map((kind) => [{ kind }, this.#roundTrips[kind]]),
    );
    this.#histogram(
      "systole_jitter_seconds",
      "How much the round trips of one connection differ (RFC 3550), at each answer",
      () => KINDS.map((kind) => [{ kind }, this.#jitter[kind]]),
    );
  }

  #exposeCounts(): void {
    const each = (read: (counts: ProfileCounts, profile: string) => Sample[]) => () =>
      Array.from(this.#counts).flatMap(([profile, counts]) => read(counts, profile));
    for (const [name, rows] of Map.groupBy(COUNTERS, ([, name]) => name)) {
      this.#counter(
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
    this.#counter(
      "systole_connections_closed_total",
      "Connections ended, by reason",
      each(({ closed }, profile) =>
        REASON_NAMES.map((reason) => ({ labels: { profile, reason }, value: closed[reason] }))
      ),
    );
    this.#gauge(
      "systole_connections",
      "Connections open now",
      each((counts, profile) => [{ labels: { profile }, value: openNow(counts) }]),
    );
  }
}

function add(counts: Map<string, number>, name: string, change: number): void {
  counts.set(name, (counts.get(name) ?? 0) + change);
}

function perKind(): Readonly<Record<RttKind, Tally>> {
  return { wire: new Tally(TRIPS), app: new Tally(TRIPS) };
}
