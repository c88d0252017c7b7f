/**
 * What follows from a connection's health: it is told, the operator is, and it is looked at more
 * often or advised to come back (the flow of actions of the health monitor).
 *
 * @module
 */

import { CLOSE_REASONS } from "./close_codes.ts";
import type { Heartbeat } from "./liveness/heartbeat.ts";
import type { HealthStatus } from "./liveness/health.ts";
import type { LifeState } from "./liveness/life.ts";
import { rounded } from "./liveness/rtt.ts";
import type { Wheel } from "./liveness/wheel.ts";
import type { Logger } from "./logging.ts";
import type { Notice } from "./message.ts";
import type { ProfileCounts } from "./counts.ts";
import type { Metrics } from "./metrics.ts";
import type { RttKind, Vitals, VitalsWatcher } from "./vitals.ts";

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

/** See the module. */
export class Alarm implements VitalsWatcher {
  readonly #client: Watched;
  readonly #options: AlarmOptions;

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
    const { metrics } = this.#options;
    metrics.health(previous, status);
    if (this.#client.closing) return;
    const { wire, app } = this.#client.vitals;
    const from = wire.averageMs === null ? app : wire;
    const [latency, jitter] = [rounded(from.averageMs), rounded(from.deviationMs) ?? 0];
    this.#client.notify({ kind: "health_status", status, latency, jitter });
    if (status === "healthy") this.#client.heartbeat.relax();
    this.#act({ status, previous, latency, jitter });
  }

  /** See `VitalsWatcher`. */
  lifeChanged(state: LifeState, previous: LifeState): void {
    this.#options.metrics.life(previous, state);
  }

  /** It has gone. */
  end(): void {
    const { metrics } = this.#options;
    const { status, life } = this.#client.vitals;
    metrics.health(status, undefined);
    metrics.life(life, undefined);
  }

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
    switch (change.status) {
      case "degraded":
        heartbeat.hurry(wheel.now()); // until it is healthy again
        return log.warning("connection degraded: pinged twice as often", { id, ...change });
      case "poor":
      case "critical":
        heartbeat.hurry(wheel.now());
        counts.healthAlerts++;
        log.warning(this.#advise(change.status), { id, ...change });
    }
  }

  /** Advises it to come back. @returns what the operator is told */
  #advise(reason: string): string {
    const isAdvised = this.#client.notify({ kind: "reconnect", afterMs: ADVICE_AFTER_MS, reason });
    return isAdvised ? "connection in trouble: advised to come back" : "connection in trouble";
  }
}
