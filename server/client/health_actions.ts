/**
 * What follows from a connection's health: it is told, the operator is, and it is looked at more
 * often or advised to come back (the flow of actions of the health monitor).
 *
 * @module
 */

import { CLOSE_REASONS } from "../close_codes.ts";
import type { Heartbeat } from "../liveness/heartbeat.ts";
import { BANDS, type HealthStatus } from "../liveness/health.ts";
import type { LivenessState } from "../liveness/liveness.ts";
import { rounded, type RttKind } from "../liveness/rtt.ts";
import type { Wheel } from "../liveness/wheel.ts";
import type { Logger } from "../logging/logging.ts";
import type { Notice } from "../message.ts";
import type { ProfileCounts } from "../metrics/counts.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { ConnectionHealth } from "../liveness/connection_health.ts";
import type { HealthListener } from "../liveness/health_listener.ts";

/** The client behind the alarm. */
export interface Watched {
  /** Names it in the log. */
  readonly id: string;
  /** Pings twice as often while it is not well. */
  readonly heartbeat: Heartbeat;
  /** Knows the figures. */
  readonly health: ConnectionHealth;
  /** The counts of its profile: of alerts and odd pongs here. */
  readonly counts: ProfileCounts;
  /** Whether it has been let go. */
  readonly closing: boolean;
  /** Tells it, where its system has a frame for that. @returns whether it is told */
  notify(notice: Notice): boolean;
}

/** What all alarms share. */
export interface HealthActionsOptions {
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
const LIVENESS_MESSAGES = {
  frozen: "connection frozen: its transport answers, its script does not",
  stripped: "connection stripped: something on the way swallows control frames",
} as const;

/** See the module. */
export class HealthActions implements HealthListener {
  readonly #client: Watched;
  readonly #options: HealthActionsOptions;
  /** The worst band since it was last healthy. */
  #worst = HEALTHY;

  /** Listens to the client's health. */
  constructor(client: Watched, options: HealthActionsOptions) {
    this.#client = client;
    this.#options = options;
    options.metrics.health(undefined, "unknown");
    options.metrics.liveness(undefined, "alive");
  }

  /** See `HealthListener`. */
  measured(kind: RttKind, rttMs: number): void {
    const { metrics } = this.#options;
    metrics.roundTrip(kind, rttMs);
    const { jitterMs, samples } = this.#client.health[kind];
    if (jitterMs !== null && samples > 1) metrics.jitter(kind, jitterMs); // one time alone has none
  }

  /** See `HealthListener`. */
  pongUnmatched(): void {
    this.#client.counts.pongsUnmatched++;
  }

  /** See `HealthListener`. */
  healthChanged(status: HealthStatus, previous: HealthStatus): void {
    this.#options.metrics.health(previous, status);
    if (this.#client.closing) return;
    const { rtt } = this.#client.health;
    const [latency, jitter] = [rounded(rtt.averageMs), rounded(rtt.deviationMs) ?? 0];
    this.#client.notify({ kind: "health_status", status, latency, jitter });
    this.#act({ status, previous, latency, jitter });
  }

  /** See `HealthListener`. */
  livenessChanged(liveness: LivenessState, previous: LivenessState): void {
    this.#options.metrics.liveness(previous, liveness);
    if (liveness !== "frozen" && liveness !== "stripped") return;
    const { id, health } = this.#client;
    this.#options.log.info(LIVENESS_MESSAGES[liveness], { id, liveness, health: health.status });
  }

  /** It has gone. */
  end(): void {
    const { metrics } = this.#options;
    const { status, liveness } = this.#client.health;
    metrics.health(status, undefined);
    metrics.liveness(liveness, undefined);
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
      return heartbeat.pingNormally();
    }
    if (band <= this.#worst) return;
    this.#worst = band;
    heartbeat.pingFaster(wheel.now()); // until it is healthy again
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
