/**
 * Finding connections among thousands: by words that they hold, in an order.
 *
 * @module
 */

import type { ClosedConnection } from "../client/close_history.ts";
import { SEVERITY } from "../liveness/health.ts";
import type { Subscriber } from "../hub/subscription_registry.ts";

/** What a list may be sorted by. */
export type Sort = "age" | "idle" | "queue" | "rtt" | "jitter" | "health";

/** Whether the greatest measure comes first or last. */
export type Order = "descending" | "ascending";

const MEASURES: Readonly<Record<Sort, (subscriber: Subscriber) => number>> = {
  age: (subscriber) => subscriber.stats().ageMs,
  idle: (subscriber) => subscriber.stats().idleMs,
  queue: (subscriber) => subscriber.writePump.pendingBytes,
  rtt: ({ health }) => health.rtt.averageMs ?? -1,
  jitter: ({ health }) => health.rtt.jitterMs ?? -1,
  health: ({ health }) => SEVERITY.indexOf(health.status),
};

/** Every `Sort`. */
export const SORTS = Object.keys(MEASURES) as readonly Sort[];

/** Every `Order`. */
export const ORDERS: readonly Order[] = ["descending", "ascending"];

/** A sorted copy; what measures the same stays in its order. */
export function sorted(
  members: readonly Subscriber[],
  { sort, order }: { readonly sort: Sort; readonly order: Order },
): Subscriber[] {
  const sign = order === "ascending" ? 1 : -1;
  const measured = members.map((subscriber) => ({
    subscriber,
    measure: MEASURES[sort](subscriber),
  }));
  return measured.sort((a, b) => sign * (a.measure - b.measure)).map(({ subscriber }) =>
    subscriber
  );
}

/** Whether one of a connection's words holds a text. @param search in lower case */
export function mentions(search: string, subscriber: Subscriber): boolean {
  const { id, keyId, address, profile, health } = subscriber;
  return holds([id, keyId, address, profile.name, health.status, health.liveness], search);
}

/** The same of one that has ended, by its reason and cause, too. */
export function mentionsEnd(search: string, end: ClosedConnection): boolean {
  const { id, key, address, profile, reason, cause, health } = end;
  return holds([id, key, address, profile, reason, cause, health.status, health.liveness], search);
}

function holds(words: readonly (string | undefined)[], search: string): boolean {
  return words.some((word) => word?.toLowerCase().includes(search));
}
