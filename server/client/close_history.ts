/**
 * The last connections that ended, and why: the first question of an operator. Bounded: the newest
 * record replaces the oldest.
 *
 * @module
 */

import type { LostNode } from "../brokers/nodes.ts";
import type { Cause, CloseReason } from "../close_codes.ts";
import { rounded } from "../liveness/rtt.ts";
import type { Properties } from "../logging/logging.ts";
import type { ConnectionHealth } from "../liveness/connection_health.ts";
import type { Subscriber } from "../hub/subscription_registry.ts";

/** Records that are kept. */
export const CLOSE_HISTORY_SIZE = 10_000;

/** Lost nodes that are kept. */
const MAX_LOST_NODES = 100;

/** The connections of a node that was lost: nothing more is known of them. */
export interface LostConnections extends LostNode {
  /** When that was noticed, wall-clock ms. */
  readonly closedMs: number;
}

/** How one connection ended. */
export interface ClosedConnection {
  /** The id it had as a client. */
  readonly id: string;
  /** The name of its profile. */
  readonly profile: string;
  /** The key it authenticated with; undefined on an open hub. */
  readonly key: string | undefined;
  /** The peer's address; empty on a unix socket. */
  readonly address: string;
  /** The row of the table of close reasons. */
  readonly reason: CloseReason;
  /** Why it ended; the reason says what the server did. */
  readonly cause: Cause;
  /** When it was accepted, wall-clock ms. */
  readonly openedMs: number;
  /** When it ended, wall-clock ms. */
  readonly closedMs: number;
  /** How long it was open. */
  readonly seconds: number;
  /** How long before the end its last sign of life was. */
  readonly silentSeconds: number;
  /** Messages that it sent. */
  readonly messagesIn: number;
  /** Messages that were queued for it. */
  readonly messagesOut: number;
  /** Its health at the end, with the last events. */
  readonly health: ConnectionHealth;
}

/** The record of a subscriber that ends now. */
export function recordOf(
  subscriber: Subscriber,
  { reason, cause, closedMs }: Pick<ClosedConnection, "reason" | "cause" | "closedMs">,
): ClosedConnection {
  const { id, profile, keyId, address, health } = subscriber;
  const { openedMs, ageMs, idleMs, messagesIn, messagesOut } = subscriber.stats();
  return {
    id,
    profile: profile.name,
    key: keyId,
    address,
    reason,
    cause,
    openedMs,
    closedMs,
    seconds: Math.round(ageMs) / 1_000,
    silentSeconds: Math.round(idleMs) / 1_000,
    messagesIn,
    messagesOut,
    health,
  };
}

/** The fields of the log line, which has a time of its own. */
export function logFieldsOf(
  { openedMs: _, closedMs: __, health, ...line }: ClosedConnection,
): Properties {
  return { ...line, health: health.status, rttMs: rounded(health.rtt.averageMs) ?? undefined };
}

export class CloseHistory {
  readonly #size: number;
  readonly #ring: ClosedConnection[] = [];
  /** Index of the next record: that of the oldest one, once the ring is full. */
  #next = 0;
  #lost: LostConnections[] = [];

  /** Starts empty. @param size records to keep */
  constructor(size: number = CLOSE_HISTORY_SIZE) {
    this.#size = size;
  }

  /** The record of one connection, while it is kept. */
  find(id: string): ClosedConnection | undefined {
    return this.#ring.find((closed) => closed.id === id);
  }

  add(closed: ClosedConnection): void {
    this.#ring[this.#next] = closed;
    this.#next = (this.#next + 1) % this.#size;
  }

  /** Nodes that were lost, the newest first. */
  get lostNodes(): readonly LostConnections[] {
    return this.#lost;
  }

  addLost(lost: LostConnections): void {
    this.#lost = [lost, ...this.#lost].slice(0, MAX_LOST_NODES);
  }

  /** A node is there again, so its connections were not lost. */
  removeLost(node: string): void {
    this.#lost = this.#lost.filter((lost) => lost.node !== node);
  }

  /** The newest first. @param most at most so many @param matches only those */
  latest(
    most: number,
    matches: (closed: ClosedConnection) => boolean = () => true,
  ): ClosedConnection[] {
    const found: ClosedConnection[] = [];
    const { length } = this.#ring;
    for (let back = 1; back <= length && found.length < most; back++) {
      const closed = this.#ring[(this.#next - back + length) % length];
      if (matches(closed)) found.push(closed);
    }
    return found;
  }
}
