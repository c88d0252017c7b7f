/**
 * The record of one connection: what the read pump, the heartbeat timer and the health actions share,
 * and its own counters. The Client makes it and is the only one that ends it.
 *
 * @module
 */

import type { Quota } from "../auth/quotas.ts";
import type { RateLimit } from "../auth/rate_limit.ts";
import type { Rights } from "../auth/rights.ts";
import type { Clock } from "../base/clock.ts";
import type { ConnectionStats, Subscriber } from "../hub/subscription_registry.ts";
import type { Heartbeat } from "../liveness/heartbeat.ts";
import type { RefreshRequest } from "../message.ts";
import type { ProfileCounts } from "../metrics/table.ts";
import type { SocketEnd } from "../transport/socket.ts";
import type { WritePump } from "../write_pump.ts";

/** One connection; the hub sees its part that is a `Subscriber`. */
export interface Connection extends Subscriber {
  /** What it may do: by its newest token. */
  readonly rights: Rights;
  /** Decides when it is pinged and when its silence ends it. */
  readonly heartbeat: Heartbeat;
  readonly writePump: WritePump;
  /** Bounds its frames a second. */
  readonly flood: RateLimit;
  /** Bounds its messages a minute, where its key has such a limit. */
  readonly quota: Quota | undefined;
  readonly counters: ConnectionCounters;
  /** The counts of its profile. */
  readonly counts: ProfileCounts;
  /** Checks a new token, and answers. */
  refresh(request: RefreshRequest): void;
  /** Called once, when the socket is gone. */
  onSocketClosed(end: SocketEnd): void;
}

/** One connection's own counts and times; each also counts for its profile. */
export class ConnectionCounters {
  readonly #counts: ProfileCounts;
  readonly #clock: Clock;
  readonly #openedMs: number;
  readonly #startMs: number;
  #messagesIn = 0;
  #messagesOut = 0;

  /** Counts the connection. @param counts those of its profile */
  constructor(counts: ProfileCounts, clock: Clock) {
    this.#counts = counts;
    this.#clock = clock;
    this.#openedMs = clock.wall();
    this.#startMs = clock.now();
    counts.opened++;
  }

  received(): void {
    this.#messagesIn++;
    this.#counts.messagesIn++;
  }

  queued(): void {
    this.#messagesOut++;
    this.#counts.messagesOut++;
  }

  dropped(messages: number): void {
    this.#counts.messagesDropped += messages;
  }

  /** A snapshot, with what others measure. */
  stats(
    others: Pick<ConnectionStats, "idleMs" | "applicationIdleMs" | "queuedMessages">,
  ): ConnectionStats {
    return {
      openedMs: this.#openedMs,
      ageMs: this.#clock.now() - this.#startMs,
      messagesIn: this.#messagesIn,
      messagesOut: this.#messagesOut,
      ...others,
    };
  }
}
