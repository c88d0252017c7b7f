/**
 * The health of the connection: its last round trips and the status for them, by the same rules as the hub
 * (`liveness/health.ts`). Owns the status from one connection to the next.
 *
 * @module
 */

import { eventOf } from "./emit.ts";
import type { HealthStatus } from "./events.ts";
import type { Settings } from "./settings.ts";

/** To get better the average must be this share of the threshold or less, as with the hub. */
const RECOVERY = 0.9;

/** By averages, best first. */
const BANDS: readonly HealthStatus[] = ["healthy", "degraded", "poor", "critical"];

export class HealthTracker {
  readonly #settings: Settings;
  readonly #emit: (event: Event) => void;
  /** Newest first, ms. */
  #rtts: number[] = [];
  #status: HealthStatus = "unknown";

  /** Starts unknown. */
  constructor(settings: Settings, emit: (event: Event) => void) {
    this.#settings = settings;
    this.#emit = emit;
  }

  /** The newest round trip, ms. */
  get rtt(): number | undefined {
    return this.#rtts[0];
  }

  /** The standard deviation of the samples, ms; 0 below two. */
  get jitter(): number {
    const mean = meanOf(this.#rtts) ?? 0;
    return Math.sqrt(meanOf(this.#rtts.map((ms) => (ms - mean) ** 2)) ?? 0);
  }

  /** The status by the average of the last ten round trips. */
  get status(): HealthStatus {
    return this.#status;
  }

  /** A heartbeat was answered. */
  sample(rttMs: number): void {
    this.#rtts = [rttMs, ...this.#rtts].slice(0, this.#settings.maxSamples);
    const before = BANDS.indexOf(this.#status);
    const worst = this.#band(1);
    const isWorse = before < 0 || worst > before;
    this.#become(BANDS[isWorse ? worst : Math.min(before, this.#band(RECOVERY))]);
  }

  /** Another connection, or none: nothing is known of its round trips. */
  reset(status: HealthStatus = "unknown"): void {
    this.#rtts = [];
    this.#become(status);
  }

  /** The band of the average by thresholds of which each is this share of its own. */
  #band(share: number): number {
    const average = meanOf(this.#rtts)!;
    const { healthyLatency, degradedLatency, poorLatency } = this.#settings;
    const limits = [healthyLatency, degradedLatency, poorLatency, Infinity];
    return limits.findIndex((limit) => average <= limit * share);
  }

  #become(status: HealthStatus): void {
    const previous = this.#status;
    if (status === previous) return;
    this.#status = status;
    const latency = meanOf(this.#rtts);
    this.#emit(eventOf("health", { status, previous, latency, jitter: this.jitter }));
  }
}

function meanOf(numbers: readonly number[]): number | undefined {
  if (numbers.length === 0) return undefined;
  return numbers.reduce((sum, number) => sum + number) / numbers.length;
}
