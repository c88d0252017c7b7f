/**
 * Creates the events that a HeartbeatSocket dispatches.
 *
 * @module
 */

import type { HeartbeatSocketEventMap } from "./events.ts";
import type { SubscriptionEventMap } from "./subscription.ts";

type EventMap = HeartbeatSocketEventMap & SubscriptionEventMap;

/** An event with details as its properties. */
export function eventOf<N extends keyof EventMap>(
  type: N,
  details?: Omit<EventMap[N], keyof Event>,
): Event {
  return Object.assign(new Event(type), details);
}

/** The close event: a CloseEvent where the platform has that class (Node since 23). */
export function closeEventOf(close: { code: number; reason: string; wasClean: boolean }): Event {
  return globalThis.CloseEvent ? new CloseEvent("close", close) : eventOf("close", close);
}
