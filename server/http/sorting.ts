/**
 * Search and sort order of lists of connections.
 *
 * @module
 */

import type { ClosedConnection } from "../client/close_history.ts";
import { SEVERITY } from "../liveness/health.ts";
import { LIVENESS_STATES } from "../liveness/liveness.ts";
import type { Subscriber } from "../hub/subscription_registry.ts";
import type { Rejection } from "../transport/rejection_history.ts";

/** What a list may be sorted by. */
export type Sort = "age" | "idle" | "queue" | "rtt" | "jitter" | "health" | "liveness";

export type Order = "descending" | "ascending";

const SORT_KEYS: Readonly<Record<Sort, (subscriber: Subscriber) => number>> = {
  age: (subscriber) => subscriber.stats().ageMs,
  idle: (subscriber) => subscriber.stats().idleMs,
  queue: (subscriber) => subscriber.writePump.pendingBytes,
  rtt: ({ health }) => health.rtt.averageMs ?? -1,
  jitter: ({ health }) => health.rtt.jitterMs ?? -1,
  health: ({ health }) => SEVERITY.indexOf(health.status),
  liveness: ({ health }) => LIVENESS_STATES.indexOf(health.liveness),
};

export const SORTS = Object.keys(SORT_KEYS) as readonly Sort[];

export const ORDERS: readonly Order[] = ["descending", "ascending"];

/** Something with what it is sorted by. */
export interface Keyed<T> {
  readonly sortKey: number;
  readonly entry: T;
}

/** Connections with their sort keys. */
export function keyed(subscribers: readonly Subscriber[], sort: Sort): Keyed<Subscriber>[] {
  return subscribers.map((entry) => ({ sortKey: SORT_KEYS[sort](entry), entry }));
}

/** Sorts in place; the sort is stable. */
export function sorted<T>(entries: Keyed<T>[], order: Order): Keyed<T>[] {
  const direction = order === "ascending" ? 1 : -1;
  return entries.sort((a, b) => direction * (a.sortKey - b.sortKey));
}

/** Whether a field of a connection contains a text. @param search in lower case */
export function matchesSearch(search: string, subscriber: Subscriber): boolean {
  const { id, keyId, address, profile, health } = subscriber;
  return anyIncludes([id, keyId, address, profile.name, health.status, health.liveness], search);
}

/** The same for a closed connection; its reason and cause are searched, too. */
export function closedMatchesSearch(search: string, end: ClosedConnection): boolean {
  const { id, key, address, profile, reason, cause, health } = end;
  return anyIncludes(
    [id, key, address, profile, reason, cause, health.status, health.liveness],
    search,
  );
}

/** The same for a rejected upgrade. */
export function rejectionMatchesSearch(search: string, rejection: Rejection): boolean {
  const { profile, key, address, reason, detail } = rejection;
  return anyIncludes([profile, key, address, reason, detail], search);
}

function anyIncludes(fields: readonly (string | undefined)[], search: string): boolean {
  return fields.some((field) => field?.toLowerCase().includes(search));
}
