/**
 * What follows from a change of a connection's health: the client is notified, the log and the
 * metrics record it, and the connection is pinged more often or advised to reconnect.
 *
 * @module
 */

import { clientOf } from "../base/subnet.ts";
import { CLOSE_REASONS } from "../close_codes.ts";
import type { HealthListener } from "../liveness/connection_health.ts";
import { BANDS, type HealthStatus, SEVERITY } from "../liveness/health.ts";
import type { LivenessState } from "../liveness/liveness.ts";
import { rounded, type RttKind } from "../liveness/rtt.ts";
import type { Wheel } from "../liveness/wheel.ts";
import type { Logger } from "../logging/logging.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { Connection } from "./connection.ts";
import { type AdvisedClients, BestAverage } from "./reconnect_advice.ts";

/** What the actions of all connections share. */
export interface HealthActionsOptions {
  readonly wheel: Wheel;
  readonly metrics: Metrics;
  readonly log: Logger;
  readonly advisedClients: AdvisedClients;
}

/** A client on a poor connection is advised to wait as long as one that read too slowly. */
const ADVICE_AFTER_MS = CLOSE_REASONS.slow_consumer.afterMs;

interface Change {
  readonly status: HealthStatus;
  readonly previous: HealthStatus;
  readonly latency: number | null;
  readonly jitter: number;
}

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
  readonly #best = new BestAverage();
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
    const { rtt, [kind]: measured } = this.#connection.health;
    const { averageMs, jitterMs, samples } = measured;
    if (measured === rtt && averageMs !== null) this.#best.add(averageMs, samples);
    if (jitterMs !== null && samples > 1) metrics.jitter(kind, jitterMs); // one sample has no jitter
  }

  pongUnmatched(): void {
    this.#connection.counts.pongsUnmatched++;
  }

  statusChanged(status: HealthStatus, previous: HealthStatus): void {
    this.#options.metrics.health(previous, status);
  }

  healthChanged(status: HealthStatus, previous: HealthStatus): void {
    if (this.#connection.closing) return;
    const { rtt } = this.#connection.health;
    const [latency, jitter] = [rounded(rtt.averageMs), rounded(rtt.deviationMs) ?? 0];
    const change: Change = { status, previous, latency, jitter };
    this.#connection.notify({ kind: "health_status", status, latency, jitter });
    this.#logChange(change);
    this.#act(change);
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

  /** Every change is in the log; one for the worse at `info`. */
  #logChange(change: Change): void {
    const { log } = this.#options;
    const before = Math.max(SEVERITY.indexOf(change.previous), SEVERITY.indexOf("healthy"));
    const isWorse = SEVERITY.indexOf(change.status) > before;
    log[isWorse ? "info" : "debug"]("connection health changed", {
      id: this.#connection.id,
      ...change,
    });
  }

  /** A better status, or one that was reached before, needs no new action. */
  #act(change: Change): void {
    const { log, wheel } = this.#options;
    const { id, counts, heartbeat } = this.#connection;
    const band = BANDS.indexOf(change.status);
    if (band === HEALTHY) {
      this.#worst = HEALTHY;
      this.#options.advisedClients.remove(this.#client);
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

  /** What identifies a client across its connections; the id where there is nothing else. */
  get #client(): string {
    const { keyId = "", address, id } = this.#connection;
    return address === "" ? id : `${clientOf(address)} ${keyId}`;
  }

  /** Advises the client to reconnect if that can help. @returns the log message */
  #advise(reason: string): string {
    const afterMs = ADVICE_AFTER_MS;
    const { averageMs } = this.#connection.health.rtt;
    const isUseful = averageMs !== null && this.#best.isMuchBetterThan(averageMs) &&
      this.#options.advisedClients.add(this.#client);
    const isAdvised = isUseful && this.#connection.notify({ kind: "reconnect", afterMs, reason });
    return isAdvised ? "connection unhealthy: advised to reconnect" : "connection unhealthy";
  }
}
