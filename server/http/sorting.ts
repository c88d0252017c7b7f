/**
 * Finding connections among thousands: by words that they hold, in an order.
 *
 * @module
 */

import type { ClosedConnection } from "../client/close_history.ts";
import { SEVERITY } from "../liveness/health.ts";
import type { Member } from "../hub/subscription_registry.ts";

/** What a list may be sorted by. */
export type Sort = "age" | "idle" | "queue" | "rtt" | "jitter" | "health";

/** Whether the greatest measure comes first or last. */
export type Order = "descending" | "ascending";

const MEASURES: Readonly<Record<Sort, (member: Member) => number>> = {
  age: (member) => member.figures().ageMs,
  idle: (member) => member.figures().idleMs,
  queue: (member) => member.pendingBytes,
  rtt: ({ vitals }) => vitals.rtt.averageMs ?? -1,
  jitter: ({ vitals }) => vitals.rtt.jitterMs ?? -1,
  health: ({ vitals }) => SEVERITY.indexOf(vitals.status),
};

/** Every `Sort`. */
export const SORTS = Object.keys(MEASURES) as readonly Sort[];

/** Every `Order`. */
export const ORDERS: readonly Order[] = ["descending", "ascending"];

/** A sorted copy; what measures the same stays in its order. */
export function sorted(
  members: readonly Member[],
  { sort, order }: { readonly sort: Sort; readonly order: Order },
): Member[] {
  const sign = order === "ascending" ? 1 : -1;
  const measured = members.map((member) => ({ member, measure: MEASURES[sort](member) }));
  return measured.sort((a, b) => sign * (a.measure - b.measure)).map(({ member }) => member);
}

/** Whether one of a connection's words holds a text. @param search in lower case */
export function mentions(search: string, member: Member): boolean {
  const { id, keyId, address, profile, vitals } = member;
  return holds([id, keyId, address, profile.name, vitals.status, vitals.life], search);
}

/** The same of one that has ended, by its reason and cause, too. */
export function mentionsEnd(search: string, end: ClosedConnection): boolean {
  const { id, key, address, profile, reason, cause, vitals } = end;
  return holds([id, key, address, profile, reason, cause, vitals.status, vitals.life], search);
}

function holds(words: readonly (string | undefined)[], search: string): boolean {
  return words.some((word) => word?.toLowerCase().includes(search));
}
