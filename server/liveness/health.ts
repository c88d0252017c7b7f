/**
 * The health status of a connection: the health monitor of the json profile's article. Classifies the
 * rolling average that rtt.ts keeps and the heartbeats that timed out in a row. Pure: owns the
 * status; the actions that follow from it (warn, advise, terminate) are its caller's.
 *
 * @module
 */

/** The health status of a connection. */
export type HealthStatus = typeof SEVERITY[number];

/** Averages in ms, each above the one before. */
export interface HealthThresholds {
  /** Up to this average: healthy. */
  readonly healthyMs: number;
  /** Up to this: degraded. */
  readonly degradedMs: number;
  /** Up to this: poor; above: critical. */
  readonly poorMs: number;
}

/** The thresholds of the article "How to Implement Heartbeat/Ping-Pong in WebSockets". */
export const HEALTH_RULES: HealthThresholds = {
  healthyMs: 100,
  degradedMs: 500,
  poorMs: 1_000,
};

const BY_AVERAGE = ["healthy", "degraded", "poor", "critical"] as const;

/** By averages, the best first. */
export const BANDS: readonly HealthStatus[] = BY_AVERAGE;

/**
 * All, the worst last: unknown until the first answer, timeout while the last heartbeats timed out,
 * dead for good.
 */
export const SEVERITY = ["unknown", ...BY_AVERAGE, "timeout", "dead"] as const;

/**
 * To get better again the average must be this share of the threshold or less. The average of ten
 * samples wanders by a third of their deviation (1/sqrt(10)), so 10 ms below 100 are 2.7 deviations
 * of the average on a line of 100 ± 20 ms: 32 changes of status in 10 000 samples, against 1454
 * without a margin. Getting worse has none: thresholds mean what they say, and bad news is not late.
 */
const RECOVERY = 0.9;

const UNKNOWN = -1;

export class HealthMonitor {
  readonly #thresholds: HealthThresholds;
  /** An index of `BANDS`, kept through timeouts. */
  #band = UNKNOWN;
  #timeouts = 0;
  #isDead = false;

  /**
   * Starts unknown.
   *
   * @throws RangeError if the thresholds do not ascend from above 0
   */
  constructor(thresholds: HealthThresholds = HEALTH_RULES) {
    const { healthyMs, degradedMs, poorMs } = thresholds;
    if (!(0 < healthyMs && healthyMs < degradedMs && degradedMs < poorMs)) {
      throw new RangeError(
        "Cannot monitor health: need 0 < healthyMs < degradedMs < poorMs, " +
          `got ${healthyMs}, ${degradedMs} and ${poorMs}`,
      );
    }
    this.#thresholds = thresholds;
  }

  /** By the last average, unless heartbeats have timed out since or it is dead. */
  get status(): HealthStatus {
    if (this.#isDead) return "dead";
    if (this.#timeouts > 0) return "timeout";
    return this.#band === UNKNOWN ? "unknown" : BANDS[this.#band];
  }

  /** Heartbeats that timed out since the last sign of life. */
  get consecutiveTimeouts(): number {
    return this.#timeouts;
  }

  /**
   * A heartbeat was answered.
   *
   * @param averageMs the rolling average with this answer in it; null while none was measured
   */
  sample(averageMs: number | null): void {
    this.#timeouts = 0;
    if (averageMs !== null) this.#band = this.#bandAt(averageMs);
  }

  /** A heartbeat timed out. */
  timeout(): void {
    this.#timeouts++;
  }

  /**
   * Something else than an answer arrived that counts as life: timeouts before it and after it are
   * not in a row (the article kills a client that talks but answers no app ping).
   */
  answered(): void {
    this.#timeouts = 0;
  }

  /** The heartbeat found it dead. Final. */
  expire(): void {
    this.#isDead = true;
  }

  #bandAt(averageMs: number): number {
    const worst = this.#classify(averageMs, 1);
    if (this.#band === UNKNOWN || worst > this.#band) return worst;
    return Math.min(this.#band, this.#classify(averageMs, RECOVERY));
  }

  /** The band by thresholds of which each is this share of its own. */
  #classify(averageMs: number, share: number): number {
    const { healthyMs, degradedMs, poorMs } = this.#thresholds;
    if (averageMs <= healthyMs * share) return 0;
    if (averageMs <= degradedMs * share) return 1;
    return averageMs <= poorMs * share ? 2 : 3;
  }
}
