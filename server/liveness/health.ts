/**
 * The health status of a connection: the health monitor of the json profile's article. Derives it
 * from the rolling average of rtt.ts and from the heartbeats that timed out in a row. Pure: owns the status;
 * what to do about it (warn, advise, terminate) is the caller's decision.
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

/** The statuses that depend on the average, the best first. */
export const BANDS: readonly HealthStatus[] = BY_AVERAGE;

/**
 * All statuses, the worst last: `unknown` is before the first answer, `timeout` means that the last
 * heartbeat or a few in a row timed out, `dead` is final.
 */
export const SEVERITY = ["unknown", ...BY_AVERAGE, "timeout", "dead"] as const;

/**
 * Hysteresis: the status improves only when the average is at most this share of the threshold. The
 * average of ten samples varies by a third of their deviation (1/sqrt(10)), so 10 ms below 100 are
 * 2.7 deviations of the average on a line of 100 ± 20 ms: 32 changes of status in 10 000 samples,
 * against 1454 without a margin. For the worse there is no margin: the thresholds hold exactly, and
 * a bad line is reported at once.
 */
const RECOVERY = 0.9;

const UNKNOWN = -1;

/** The health status of one connection. */
export class HealthMonitor {
  readonly #thresholds: HealthThresholds;
  /** An index of `BANDS`, kept through timeouts. */
  #band = UNKNOWN;
  #timeouts = 0;
  #isDead = false;

  /**
   * @throws RangeError if the thresholds are not above 0 and ascending
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

  /** From the last average, unless heartbeats have timed out since or the connection is dead. */
  get status(): HealthStatus {
    if (this.#isDead) return "dead";
    if (this.#timeouts > 0) return "timeout";
    return this.#band === UNKNOWN ? "unknown" : BANDS[this.#band];
  }

  /** Heartbeats in a row that timed out. */
  get consecutiveTimeouts(): number {
    return this.#timeouts;
  }

  /**
   * A heartbeat was answered.
   *
   * @param averageMs the rolling average, this answer included; null while none was measured
   */
  sample(averageMs: number | null): void {
    this.#timeouts = 0;
    if (averageMs !== null) this.#band = this.#bandAt(averageMs);
  }

  /** The next answer decides as the first one does, without hysteresis. */
  restart(): void {
    this.#band = UNKNOWN;
  }

  /** A heartbeat timed out. */
  timeout(): void {
    this.#timeouts++;
  }

  /**
   * A sign of life other than a pong arrived: the timeouts before and after it are not in a row (the
   * article closes a client that sends messages but answers no app ping).
   */
  answered(): void {
    this.#timeouts = 0;
  }

  /** The connection timed out, as the heartbeat decided. Final. */
  expire(): void {
    this.#isDead = true;
  }

  #bandAt(averageMs: number): number {
    const worst = this.#classify(averageMs, 1);
    if (this.#band === UNKNOWN || worst > this.#band) return worst;
    return Math.min(this.#band, this.#classify(averageMs, RECOVERY));
  }

  /** The index of the band, with every threshold multiplied by `share`. */
  #classify(averageMs: number, share: number): number {
    const { healthyMs, degradedMs, poorMs } = this.#thresholds;
    if (averageMs <= healthyMs * share) return 0;
    if (averageMs <= degradedMs * share) return 1;
    return averageMs <= poorMs * share ? 2 : 3;
  }
}
