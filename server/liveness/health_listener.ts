/**
 * The HealthListener port: who is told of what happens to one connection's health.
 *
 * @module
 */

import type { HealthStatus } from "./health.ts";
import type { LivenessState } from "./liveness.ts";
import type { RttKind } from "./rtt.ts";

/** See the module. */
export interface HealthListener {
  /** A heartbeat was answered. */
  measured(kind: RttKind, rttMs: number): void;
  /** A pong answered none of our pings. */
  pongUnmatched(): void;
  /** The status has changed. */
  healthChanged(status: HealthStatus, previous: HealthStatus): void;
  /** It lives otherwise than before. */
  livenessChanged(liveness: LivenessState, previous: LivenessState): void;
}

/** Nobody is told. */
export const NO_LISTENER: HealthListener = {
  measured() {},
  pongUnmatched() {},
  healthChanged() {},
  livenessChanged() {},
};
