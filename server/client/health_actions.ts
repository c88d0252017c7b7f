/**
 * What follows from a connection's health: it is told, the operator is, and it is looked at more
 * often or advised to come back (the flow of actions of the health monitor).
 *
 * @module
 */

import { CLOSE_REASONS } from "../close_codes.ts";
import type { Heartbeat } from "../liveness/heartbeat.ts";
import { BANDS, type HealthStatus } from "../liveness/health.ts";
import type { LifeState } from "../liveness/liveness.ts";
import { rounded, type RttKind } from "../liveness/rtt.ts";
import type { Wheel } from "../liveness/wheel.ts";
import type { Logger } from "../logging/logging.ts";
import type { Notice } from "../message.ts";
import type { ProfileCounts } from "../metrics/counts.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { Vitals } from "./connection_health.ts";
import type { VitalsWatcher } from "./health_listener.ts";

/** The client behind the alarm. */
export interface Watched {
  /** Names it in the log. */
  readonly id: string;
  /** Pings twice as often while it is not well. */
  readonly heartbeat: Heartbeat;
  /** Knows the figures. */
  readonly vitals: Vitals;
  /** The counts of its profile: of alerts and odd pongs here. */
  readonly counts: ProfileCounts;
  /** Whether it has been let go. */
  readonly closing: boolean;
  /** Tells it, where its system has a frame for that. @returns whether it is told */
  notify(notice: Notice): boolean;
}

/** What all alarms share. */
export interface AlarmOptions {
  /** Time without stalls. */
  readonly wheel: Wheel;
  /** Learns round trips and statuses. */
  readonly metrics: Metrics;
  /** Where it is told. */
  readonly log: Logger;
}

/** Advice for a poor connection is that of one that is cut for slowness. */
const ADVICE_AFTER_MS = CLOSE_REASONS.slow_consumer.afterMs;

/** The place of the best band. */
const HEALTHY = BANDS.indexOf("healthy");

/** What the log says of those that live in part. */
const LIVES = {
  frozen: "connection frozen: its transport answers, its script does not",
  stripped: "connection stripped: something on the way swallows control frames",
} as const;

/** See the module. */
export class Alarm implements VitalsWatcher {
  readonly #client: Watched;
  readonly #options: AlarmOptions;
  /** The worst band since it was last healthy. */
  #worst = HEALTHY;

  /** Listens to the client's vitals. */
  constructor(client: Watched, options: AlarmOptions) {
    this.#client = client;
    this.#options = options;
    options.metrics.health(undefined, "unknown");
    options.metrics.life(undefined, "alive");
  }

  /** See `VitalsWatcher`. */
  measured(kind: RttKind, rttMs: number): void {
    const { metrics } = this.#options;
    metrics.roundTrip(kind, rttMs);
    const { jitterMs, samples } = this.#client.vitals[kind];
    if (jitterMs !== null && samples > 1) metrics.jitter(kind, jitterMs); // one time alone has none
  }

  /** See `VitalsWatcher`. */
  oddPong(): void {
    this.#client.counts.oddPongs++;
  }

  /** See `VitalsWatcher`. */
  healthChanged(status: HealthStatus, previous: HealthStatus): void {
    this.#options.metrics.health(previous, status);
    if (this.#client.closing) return;
    const { rtt } = this.#client.vitals;
    const [latency, jitter] = [rounded(rtt.averageMs), rounded(rtt.deviationMs) ?? 0];
    this.#client.notify({ kind: "health_status", status, latency, jitter });
    this.#act({ status, previous, latency, jitter });
  }

  /** See `VitalsWatcher`. */
  lifeChanged(life: LifeState, previous: LifeState): void {
    this.#options.metrics.life(previous, life);
    if (life !== "frozen" && life !== "stripped") return;
    const { id, vitals } = this.#client;
    this.#options.log.info(LIVES[life], { id, life, health: vitals.status });
  }

  /** It has gone. */
  end(): void {
    const { metrics } = this.#options;
    const { status, life } = this.#client.vitals;
    metrics.health(status, undefined);
    metrics.life(life, undefined);
  }

  /** Getting better, or as bad again as it has been, asks for nothing new. */
  #act(
    change: {
      status: HealthStatus;
      previous: HealthStatus;
      latency: number | null;
      jitter: number;
    },
  ): void {
    const { log, wheel } = this.#options;
    const { id, counts, heartbeat } = this.#client;
    const band = BANDS.indexOf(change.status);
    if (band === HEALTHY) {
      this.#worst = HEALTHY;
      return heartbeat.relax();
    }
    if (band <= this.#worst) return;
    this.#worst = band;
    heartbeat.hurry(wheel.now()); // until it is healthy again
    if (change.status === "degraded") {
      return log.warning("connection degraded: pinged twice as often", { id, ...change });
    }
    counts.healthAlerts++;
    log.warning(this.#advise(change.status), { id, ...change });
  }

  /** Advises it to come back. @returns what the operator is told */
  #advise(reason: string): string {
    const isAdvised = this.#client.notify({ kind: "reconnect", afterMs: ADVICE_AFTER_MS, reason });
    return isAdvised ? "connection in trouble: advised to come back" : "connection in trouble";
  }
}
