/**
 * What a client is made of, and what all clients share.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import type { ClosedLog } from "./close_history.ts";
import type { Grant } from "../auth/grant.ts";
import type { SlidingWindow } from "../auth/sliding_window.ts";
import type { Hub } from "../hub.ts";
import type { Wheel } from "../liveness/wheel.ts";
import type { Logger } from "../logging/logging.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { PathLimits } from "../diagnosis/idle_timeout_detector.ts";
import type { Profile, UpgradeTarget } from "../profiles/profile.ts";
import type { FrameText, Socket } from "../transport/socket.ts";
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
  readonly pathLimits: PathLimits;
  /** Where its end is remembered. */
  readonly closedLog: ClosedLog;
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

/** What one client is made of. */
export interface ClientOptions {
  /** Its end of the wire. */
  readonly socket: Socket;
  /** What it speaks. */
  readonly profile: Profile;
  /** What it asked for. */
  readonly target: UpgradeTarget;
  /** What it may do. */
  readonly grant: Grant;
  /** Bounds its messages in a minute; undefined: nothing does. */
  readonly quota?: SlidingWindow;
  /** The peer's address; empty on a unix socket. */
  readonly address: string;
  /** The trusted proxy that it came through, if it did. */
  readonly proxy?: string;
  /** Called once when all is over. */
  readonly onEnd: () => void;
  /** Called when it is let go for breaking a limit. */
  readonly onViolation: () => void;
}
