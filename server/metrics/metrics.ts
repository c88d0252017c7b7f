/**
 * The values of all metrics of table.ts. On the frame path a metric is a number; the numbers are read
 * when `/metrics` is requested. Labels come from bounded sets, such as profile and cause, and each
 * series is there before its first event: `increase()` misses the event that a series begins with.
 *
 * @module
 */

import { type Cause, CLOSE_REASONS, type RejectionReason } from "../close_codes.ts";
import type { HealthStatus } from "../liveness/health.ts";
import type { LivenessState } from "../liveness/liveness.ts";
import type { RttKind } from "../liveness/rtt.ts";
import { Detection, type DetectionBounds } from "./detection_times.ts";
import { Exposition, type ReadMetric, type Sample } from "./exposition.ts";
import type { Distribution } from "./histogram.ts";
import {
  DERIVED_METRICS,
  EXTERNAL_METRICS,
  type ExternalValues,
  type Metric,
  newValues,
  openNow,
  type PendingCut,
  PROCESS_METRICS,
  PROFILE_METRICS,
  type ProfileCounts,
} from "./table.ts";

/** A summary beside the counts; totals are since the start. */
export interface Summary {
  /** Connections ended, by cause. */
  readonly disconnects: Readonly<Record<string, number>>;
  /** Connections open now, by health. */
  readonly health: Readonly<Record<string, number>>;
  /** Connections open now, by liveness. */
  readonly liveness: Readonly<Record<string, number>>;
  /** Round trips of control pings, seconds. */
  readonly rtt: Distribution;
  /** How late the wheel's ticks came, seconds. */
  readonly lateness: Distribution;
  /** How often and how long the event loop stalled. */
  readonly stalls: { readonly count: number; readonly seconds: number };
  /** Subscriptions with a `since`, by what they got. */
  readonly resumes: { readonly recovered: number; readonly incomplete: number };
}

export class Metrics {
  readonly #exposition = new Exposition();
  readonly #counts = new Map<string, ProfileCounts>();
  readonly #detection: Detection;
  readonly #values = newValues(PROCESS_METRICS);

  /** @param detectionBounds of all profiles that are served */
  constructor(detectionBounds: readonly DetectionBounds[] = []) {
    this.#detection = new Detection(detectionBounds);
    for (const { profile } of detectionBounds) this.of(profile);
    this.#exposeProfileMetrics();
    const sources = { counts: this.#counts, detection: this.#detection };
    for (const { samples, ...about } of DERIVED_METRICS) {
      this.#exposition.add({ ...about, read: () => samples(sources) });
    }
    for (const [name, { samples, ...about }] of entriesOf(PROCESS_METRICS)) {
      this.#exposition.add({ ...about, read: () => samples(this.#values[name]) });
    }
  }

  /** The counts of a profile. */
  of(profile: string): ProfileCounts {
    let counts = this.#counts.get(profile);
    if (counts === undefined) this.#counts.set(profile, counts = newValues(PROFILE_METRICS));
    return counts;
  }

  /** Connections open now. */
  get open(): number {
    return this.#counts.values().reduce((sum, counts) => sum + openNow(counts), 0);
  }

  /** A heartbeat was answered. */
  roundTrip(kind: RttKind, rttMs: number): void {
    this.#values.roundTrips[kind].add(rttMs / 1_000);
  }

  /** How much the round trips of the connection differ, after a new one. */
  jitter(kind: RttKind, jitterMs: number): void {
    this.#values.jitter[kind].add(jitterMs / 1_000);
  }

  /** A connection's health has changed; undefined: it was not there, or is no more. */
  health(previous: HealthStatus | undefined, status: HealthStatus | undefined): void {
    if (previous !== undefined) this.#values.health[previous]--;
    if (status !== undefined) this.#values.health[status]++;
  }

  /** A connection's liveness has changed; undefined as in `health()`. */
  liveness(previous: LivenessState | undefined, state: LivenessState | undefined): void {
    if (previous !== undefined) this.#values.liveness[previous]--;
    if (state !== undefined) this.#values.liveness[state]++;
  }

  /** An upgrade was rejected. */
  upgradeRejected(reason: RejectionReason): void {
    this.#values.upgradesRejected[reason]++;
  }

  /** A connection was cut before it had sent a whole request. */
  pendingCut(reason: PendingCut): void {
    this.#values.pendingCuts[reason]++;
  }

  /** A handshake was completed before its credential was rejected: a connection that ended at once. */
  unauthorized(profile: string): void {
    const counts = this.of(profile);
    counts.opened++;
    counts.closed.unauthorized++;
    this.disconnected(CLOSE_REASONS.unauthorized.cause);
  }

  /** A connection has ended, or several have. */
  disconnected(cause: Cause, count = 1): void {
    this.#values.disconnects[cause] += count;
  }

  /** A dead peer was found. @param silentMs from its last sign of life */
  detected(profile: string, silentMs: number): void {
    this.#detection.add(profile, silentMs);
  }

  /** A client has resumed a subscription. @param recovered whether it gets all that it missed */
  resumed(recovered: boolean): void {
    this.#values.resumes[recovered ? "recovered" : "incomplete"]++;
  }

  /** The hub has handled a message. @param waitedMs in the mailbox */
  mailboxWait(waitedMs: number): void {
    this.#values.mailboxWait.add(waitedMs / 1_000);
  }

  /** The wheel has ticked. @param lateMs how late */
  tick(lateMs: number): void {
    this.#values.lateness.add(lateMs / 1_000);
  }

  /** The event loop stalled. @param lateMs how long */
  stall(lateMs: number): void {
    this.#values.stalls++;
    this.#values.stalledMs += lateMs;
  }

  /** Exposes the values that other modules have. Called once. */
  read(values: ExternalValues): void {
    for (const [name, { samples, ...about }] of entriesOf(EXTERNAL_METRICS)) {
      this.#exposition.add({ ...about, read: () => samples(values[name]) });
    }
  }

  summary(): Summary {
    return {
      disconnects: { ...this.#values.disconnects },
      health: { ...this.#values.health },
      liveness: { ...this.#values.liveness },
      rtt: this.#values.roundTrips.wire.distribution,
      lateness: this.#values.lateness.distribution,
      stalls: { count: this.#values.stalls, seconds: this.#values.stalledMs / 1_000 },
      resumes: { ...this.#values.resumes },
    };
  }

  /** All metrics as they are now. */
  collect(): ReadMetric[] {
    return this.#exposition.read();
  }

  /** All metrics, in Prometheus' text format. */
  text(): Promise<string> {
    return this.#exposition.text();
  }

  /** The media type of `text()`. */
  get contentType(): string {
    return this.#exposition.contentType;
  }

  /** Entries with one name are one metric; each sample gets the label `profile`. */
  #exposeProfileMetrics(): void {
    for (
      const entries of Map.groupBy(entriesOf(PROFILE_METRICS), ([, { name }]) => name).values()
    ) {
      const { type, name, help } = entries[0][1];
      const samplesOf = ([profile, counts]: [string, ProfileCounts]): Sample[] =>
        entries.flatMap(([field, { samples }]) =>
          samples(counts[field]).map((sample) => ({
            ...sample,
            labels: { profile, ...sample.labels },
          }))
        );
      this.#exposition.add({ type, name, help, read: () => [...this.#counts].flatMap(samplesOf) });
    }
  }
}

/** The entries of a part of the table. Each value fits its own entry: the types keep no pairs. */
function entriesOf<Table extends object>(table: Table) {
  type Entry = Omit<Metric<unknown>, "create">;
  return Object.entries(table) as unknown as [keyof Table, Entry][];
}
