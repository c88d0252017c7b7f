/**
 * Makes the events of a HeartbeatSocket.
 *
 * @module
 */

import type { HeartbeatSocketEventMap, HeartbeatSocketEventName } from "./events.ts";

/** An event with details as its properties. */
export function eventOf<N extends HeartbeatSocketEventName>(
  type: N,
  details: Omit<HeartbeatSocketEventMap[N], keyof Event> = {} as never,
): Event {
  return Object.assign(new Event(type), details);
}

/** The close event, of the platform's class where it has one (Node has it since 23). */
export function closeEventOf(end: { code: number; reason: string; wasClean: boolean }): Event {
  return globalThis.CloseEvent ? new CloseEvent("close", end) : eventOf("close", end);
}
