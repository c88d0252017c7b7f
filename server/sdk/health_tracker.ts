/**
 * The health of the connection: its last round trips and the status of their average, by the same
 * rules as the hub (`liveness/health.ts`). Owns the status across connections.
 *
 * @module
 */

import { eventOf } from "./emit.ts";
import type { HealthStatus } from "./events.ts";
import type { Settings } from "./settings.ts";

/** To improve, the average must be at most this share of the threshold, as in the hub. */
const RECOVERY = 0.9;

/** The statuses that the average decides, the best first. */
const BANDS: readonly HealthStatus[] = ["healthy", "degraded", "poor", "critical"];

/** Round trips in, status out; emits a `health` event for each change. */
export class HealthTracker {
  readonly #settings: Settings;
  readonly #emit: (event: Event) => void;
  /** The newest first, ms. */
  #rtts: number[] = [];
  #status: HealthStatus = "unknown";

  /** Starts with the status `unknown`. */
  constructor(settings: Settings, emit: (event: Event) => void) {
    this.#settings = settings;
    this.#emit = emit;
  }

  /** The newest round trip, ms. */
  get rtt(): number | undefined {
    return this.#rtts[0];
  }

  /** The standard deviation of the samples, ms; 0 for fewer than two. */
  get jitter(): number {
    const mean = meanOf(this.#rtts) ?? 0;
    return Math.sqrt(meanOf(this.#rtts.map((ms) => (ms - mean) ** 2)) ?? 0);
  }

  /** The status of the average of the last `maxSamples` round trips. */
  get status(): HealthStatus {
    return this.#status;
  }

  /** Adds the round trip of an answered heartbeat. */
  sample(rttMs: number): void {
    this.#rtts = [rttMs, ...this.#rtts].slice(0, this.#settings.maxSamples);
    const before = BANDS.indexOf(this.#status);
    const worst = this.#band(1);
    const isWorse = before < 0 || worst > before;
    this.#setStatus(BANDS[isWorse ? worst : Math.min(before, this.#band(RECOVERY))]);
  }

  /** Another connection, or none: drops the samples. */
  reset(status: HealthStatus = "unknown"): void {
    this.#rtts = [];
    this.#setStatus(status);
  }

  /** The index in BANDS of the average. @param share multiplies each threshold */
  #band(share: number): number {
    const average = meanOf(this.#rtts)!;
    const { healthyLatency, degradedLatency, poorLatency } = this.#settings;
    const limits = [healthyLatency, degradedLatency, poorLatency, Infinity];
    return limits.findIndex((limit) => average <= limit * share);
  }

  #setStatus(status: HealthStatus): void {
    const previous = this.#status;
    if (status === previous) return;
    this.#status = status;
    const latency = meanOf(this.#rtts);
    this.#emit(eventOf("health", { status, previous, latency, jitter: this.jitter }));
  }
}

function meanOf(numbers: readonly number[]): number | undefined {
  return numbers.length
    ? numbers.reduce((sum, number) => sum + number) / numbers.length
    : undefined;
}
