/**
 * What follows from a change of a connection's health: the client is notified, the log and the
 * metrics record it, and the connection is pinged more often or advised to reconnect.
 *
 * @module
 */

import { CLOSE_REASONS } from "../close_codes.ts";
import type { HealthListener } from "../liveness/connection_health.ts";
import { BANDS, type HealthStatus } from "../liveness/health.ts";
import type { LivenessState } from "../liveness/liveness.ts";
import { rounded, type RttKind } from "../liveness/rtt.ts";
import type { Wheel } from "../liveness/wheel.ts";
import type { Logger } from "../logging/logging.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { Connection } from "./connection.ts";

/** What the actions of all connections share. */
export interface HealthActionsOptions {
  readonly wheel: Wheel;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** A client on a poor connection is advised to wait as long as one that read too slowly. */
const ADVICE_AFTER_MS = CLOSE_REASONS.slow_consumer.afterMs;

/** The index of the best band. */
const HEALTHY = BANDS.indexOf("healthy");

/** Log lines for connections of which one layer alone is active. */
const LIVENESS_MESSAGES = {
  frozen: "connection frozen: control pongs arrive, app pongs do not",
  stripped: "connection stripped: app pongs arrive, control pongs do not",
} as const;

export class HealthActions implements HealthListener {
  readonly #connection: Connection;
  readonly #options: HealthActionsOptions;
  /** The worst band since the connection was last healthy. */
  #worst = HEALTHY;

  constructor(connection: Connection, options: HealthActionsOptions) {
    this.#connection = connection;
    this.#options = options;
    options.metrics.health(undefined, "unknown");
    options.metrics.liveness(undefined, "alive");
  }

  measured(kind: RttKind, rttMs: number): void {
    const { metrics } = this.#options;
    metrics.roundTrip(kind, rttMs);
    const { jitterMs, samples } = this.#connection.health[kind];
    if (jitterMs !== null && samples > 1) metrics.jitter(kind, jitterMs); // one sample has no jitter
  }

  pongUnmatched(): void {
    this.#connection.counts.pongsUnmatched++;
  }

  healthChanged(status: HealthStatus, previous: HealthStatus): void {
    this.#options.metrics.health(previous, status);
    if (this.#connection.closing) return;
    const { rtt } = this.#connection.health;
    const [latency, jitter] = [rounded(rtt.averageMs), rounded(rtt.deviationMs) ?? 0];
    this.#connection.notify({ kind: "health_status", status, latency, jitter });
    this.#act({ status, previous, latency, jitter });
  }

  livenessChanged(liveness: LivenessState, previous: LivenessState): void {
    this.#options.metrics.liveness(previous, liveness);
    if (liveness !== "frozen" && liveness !== "stripped") return;
    const { id, health } = this.#connection;
    this.#options.log.info(LIVENESS_MESSAGES[liveness], { id, liveness, health: health.status });
  }

  /** The connection has ended. */
  end(): void {
    const { metrics } = this.#options;
    const { status, liveness } = this.#connection.health;
    metrics.health(status, undefined);
    metrics.liveness(liveness, undefined);
  }

  /** A better status, or one that was reached before, needs no new action. */
  #act(
    change: {
      status: HealthStatus;
      previous: HealthStatus;
      latency: number | null;
      jitter: number;
    },
  ): void {
    const { log, wheel } = this.#options;
    const { id, counts, heartbeat } = this.#connection;
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

  /** Advises the client to reconnect. @returns the log message */
  #advise(reason: string): string {
    const afterMs = ADVICE_AFTER_MS;
    const isAdvised = this.#connection.notify({ kind: "reconnect", afterMs, reason });
    return isAdvised ? "connection unhealthy: advised to reconnect" : "connection unhealthy";
  }
}
