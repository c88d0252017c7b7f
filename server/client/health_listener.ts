/**
 * The VitalsWatcher port: who is told of what happens to one connection's health.
 *
 * @module
 */

import type { HealthStatus } from "../liveness/health.ts";
import type { LifeState } from "../liveness/liveness.ts";
import type { RttKind } from "../liveness/rtt.ts";

/** See the module. */
export interface VitalsWatcher {
  /** A heartbeat was answered. */
  measured(kind: RttKind, rttMs: number): void;
  /** A pong answered none of our pings. */
  oddPong(): void;
  /** The status has changed. */
  healthChanged(status: HealthStatus, previous: HealthStatus): void;
  /** It lives otherwise than before. */
  lifeChanged(life: LifeState, previous: LifeState): void;
}

/** Nobody is told. */
export const NOBODY: VitalsWatcher = {
  measured() {},
  oddPong() {},
  healthChanged() {},
  lifeChanged() {},
};
