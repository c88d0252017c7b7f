/**
 * What all clients share.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import type { CloseHistory } from "./close_history.ts";
import type { Hub } from "../hub.ts";
import type { Wheel } from "../liveness/wheel.ts";
import type { Logger } from "../logging/logging.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { IdleTimeoutDetector } from "../diagnosis/idle_timeout_detector.ts";
import type { FrameText } from "../transport/socket.ts";
import type { WritePumpOptions } from "../write_pump.ts";

/** What all clients share. */
export interface ClientContext extends WritePumpOptions {
  /** Time of the machine. */
  readonly clock: Clock;
  /** Time without stalls, and who is due. */
  readonly wheel: Wheel;
  /** Who knows the others. */
  readonly hub: Hub;
  /** Where it is counted. */
  readonly metrics: Metrics;
  /** Where it is told. */
  readonly log: Logger;
  /** Learns from ends whether something on the way cuts idle connections. */
  readonly idleTimeouts: IdleTimeoutDetector;
  /** Where its end is remembered. */
  readonly closeHistory: CloseHistory;
  /** Makes frames. */
  readonly frameText: FrameText;
  /** A batch must drain within so long, ms. */
  readonly writeWaitMs: number;
  /** The flood limit; 0 = none. */
  readonly maxMessagesPerSecond: number;
  /** In [0, 1). */
  readonly random: () => number;
  /** See `Visit`. */
  readonly isKey: (credential: string) => boolean;
}
