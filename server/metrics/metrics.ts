/**
 * All metrics. On the frame path a metric is a number; the exposition reads the numbers
 * when it is asked for them. Labels come from bounded sets, such as profile and cause, and what they
 * count is there before anything happens: `increase()` misses the event that a series begins with.
 *
 * @module
 */

import { type Cause, CAUSES, CLOSE_REASONS } from "../close_codes.ts";
import { exposeCounts, newCounts, type ProfileCounts } from "./counts.ts";
import { Detection, type DetectionBounds } from "./detection_times.ts";
import { byLabel, Exposition, one } from "./exposition.ts";
import { type HealthStatus, SEVERITY } from "../liveness/health.ts";
import { LIVENESS_STATES, type LivenessState } from "../liveness/liveness.ts";
import type { RttKind } from "../liveness/rtt.ts";
import { STALL_MS } from "../liveness/wheel.ts";
import { exposeGauges, type Gauges } from "./gauges.ts";
import { REJECTION_REASONS, type RejectionReason } from "../close_codes.ts";
import { ascending, type Distribution, Histogram } from "./histogram.ts";

/** Bounds of waits within the process, s: one of them separates stalls from lateness. */
const WAITS = ascending([0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, STALL_MS / 1_000]);
/** Bounds of round trips, s. */
const TRIPS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

const KINDS = ["wire", "app"] as const satisfies readonly RttKind[];

/** A summary beside the counts; totals are since the start. */
export interface Summary {
  /** Connections ended, by cause. */
  readonly disconnects: Readonly<Record<string, number>>;
  /** Connections open now, by health. */
  readonly health: Readonly<Record<string, number>>;
  /** Round trips of control pings, seconds. */
  readonly rtt: Distribution;
  /** How late the wheel's ticks came, seconds. */
  readonly lateness: Distribution;
  /** How often and how long the event loop stalled. */
  readonly stalls: { readonly count: number; readonly seconds: number };
}

export class Metrics {
  readonly #exposition = new Exposition();
  readonly #counts = new Map<string, ProfileCounts>();
  readonly #detection: Detection;
  readonly #lateness = new Histogram(WAITS);
  readonly #mailboxWait = new Histogram(WAITS);
  readonly #roundTrips = perKind();
  readonly #jitter = perKind();
  readonly #health = zeros(SEVERITY);
  readonly #liveness = zeros(LIVENESS_STATES);
  readonly #refused = zeros(REJECTION_REASONS);
  readonly #disconnects = zeros(CAUSES);
  #stalls = 0;
  #stalledMs = 0;

  /** @param detectionBounds of all profiles that are served */
  constructor(detectionBounds: readonly DetectionBounds[] = []) {
    this.#detection = new Detection(detectionBounds);
    for (const { profile } of detectionBounds) this.of(profile);
    exposeCounts(this.#exposition, this.#counts);
    this.#detection.expose(this.#exposition);
    this.#exposeStates();
    this.#exposeHistograms();
  }

  /** The counts of a profile. */
  of(profile: string): ProfileCounts {
    let counts = this.#counts.get(profile);
    if (counts === undefined) this.#counts.set(profile, counts = newCounts());
    return counts;
  }

  /** A heartbeat was answered. */
  roundTrip(kind: RttKind, rttMs: number): void {
    this.#roundTrips[kind].add(rttMs / 1_000);
  }

  /** How much the round trips of the connection differ, after a new one. */
  jitter(kind: RttKind, jitterMs: number): void {
    this.#jitter[kind].add(jitterMs / 1_000);
  }

  /** A connection's health has changed; undefined: it was not there, or is no more. */
  health(previous: HealthStatus | undefined, status: HealthStatus | undefined): void {
    if (previous !== undefined) this.#health[previous]--;
    if (status !== undefined) this.#health[status]++;
  }

  /** A connection's liveness has changed; undefined as in `health()`. */
  liveness(previous: LivenessState | undefined, state: LivenessState | undefined): void {
    if (previous !== undefined) this.#liveness[previous]--;
    if (state !== undefined) this.#liveness[state]++;
  }

  /** An upgrade was refused. */
  refused(reason: RejectionReason): void {
    this.#refused[reason]++;
  }

  /** A handshake was completed before its credential was rejected: a connection that ended at once. */
  unauthorized(profile: string): void {
    const counts = this.of(profile);
    counts.opened++;
    counts.closed.unauthorized++;
    this.disconnected(CLOSE_REASONS.unauthorized.cause);
  }

  /** A connection has ended. */
  disconnected(cause: Cause): void {
    this.#disconnects[cause]++;
  }

  /** A dead peer was found. @param silentMs from its last sign of life */
  detected(profile: string, silentMs: number): void {
    this.#detection.add(profile, silentMs);
  }

  /** The hub has handled a message. @param waitedMs in the mailbox */
  mailboxWait(waitedMs: number): void {
    this.#mailboxWait.add(waitedMs / 1_000);
  }

  /** The wheel has ticked. @param lateMs how late */
  tick(lateMs: number): void {
    this.#lateness.add(lateMs / 1_000);
  }

  /** The event loop stalled. @param lateMs how long */
  stall(lateMs: number): void {
    this.#stalls++;
    this.#stalledMs += lateMs;
  }

  /** Exposes figures that other modules have. Called once. */
  read(gauges: Gauges): void {
    exposeGauges(this.#exposition, gauges);
  }

  summary(): Summary {
    return {
      disconnects: { ...this.#disconnects },
      health: { ...this.#health },
      rtt: this.#roundTrips.wire.distribution,
      lateness: this.#lateness.distribution,
      stalls: { count: this.#stalls, seconds: this.#stalledMs / 1_000 },
    };
  }

  /** All metrics, in Prometheus' text format. */
  text(): Promise<string> {
    return this.#exposition.text();
  }

  /** The media type of `text()`. */
  get contentType(): string {
    return this.#exposition.contentType;
  }

  #exposeStates(): void {
    this.#exposition.gauge(
      "systole_connections_by_health",
      "Open connections by health",
      () => byLabel("status", this.#health),
    );
    this.#exposition.gauge(
      "systole_connections_by_liveness",
      "Open connections by liveness: which of transport and application answer",
      () => byLabel("liveness", this.#liveness),
    );
    this.#exposition.counter(
      "systole_upgrades_refused_total",
      "Upgrades refused, by reason",
      () => byLabel("reason", this.#refused),
    );
    this.#exposition.counter(
      "systole_disconnects_total",
      "Connections ended, by what was behind it",
      () => byLabel("cause", this.#disconnects),
    );
    this.#exposition.counter(
      "systole_stalls_total",
      "Stalls of the event loop; no connection is timed out for them",
      () => one(this.#stalls),
    );
    this.#exposition.counter(
      "systole_stalled_seconds_total",
      "How long the event loop stalled",
      () => one(this.#stalledMs / 1_000),
    );
  }

  #exposeHistograms(): void {
    this.#exposition.histogram(
      "systole_wheel_lateness_seconds",
      "How late the wheel's ticks came: the lag of the event loop",
      () => [[{}, this.#lateness]],
    );
    this.#exposition.histogram(
      "systole_mailbox_wait_seconds",
      "How long a message waits in the hub's mailbox, tried once a second",
      () => [[{}, this.#mailboxWait]],
    );
    this.#exposition.histogram(
      "systole_rtt_seconds",
      "Round trips of heartbeats: control pings on the wire, app pings through queue and script",
      () => KINDS.map((kind) => [{ kind }, this.#roundTrips[kind]]),
    );
    this.#exposition.histogram(
      "systole_jitter_seconds",
      "How much the round trips of one connection differ (RFC 3550), at each answer",
      () => KINDS.map((kind) => [{ kind }, this.#jitter[kind]]),
    );
  }
}

function zeros<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
}

function perKind(): Readonly<Record<RttKind, Histogram>> {
  return { wire: new Histogram(TRIPS), app: new Histogram(TRIPS) };
}
