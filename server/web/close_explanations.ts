/**
 * ClosedSummary a connection dropped, in a sentence: what happened, and what would help. Pure. Reads reason and
 * cause of the API; owns the wording.
 *
 * @module
 */

import type { CloseReason } from "../close_codes.ts";
import { duration } from "./format.ts";
import type { End } from "./api_types.ts";

/** What it goes by. */
export type ClosedSummary = Pick<End, "reason" | "cause" | "seconds" | "silentSeconds" | "health">;

/** Causes that explain more than the close reason. */
const BY_CAUSE: Readonly<Record<string, (end: ClosedSummary) => string>> = {
  "server stall": () =>
    "It disconnected just after this server had stalled: the stall is the cause, not its network.",
  "proxy idle cut": ({ silentSeconds }) =>
    `Something on the way cut it after ${duration(silentSeconds)} without a byte, ` +
    "as it cuts others: a shorter ping period holds it.",
  "frozen": ({ silentSeconds }) =>
    `Its program was frozen: the network still answered, but for ${duration(silentSeconds)} ` +
    "nothing that counts as life came.",
};

const BY_REASON: Readonly<Partial<Record<CloseReason, (end: ClosedSummary) => string>>> = {
  client_close: ({ seconds }) => `The client closed the connection after ${duration(seconds)}.`,
  network_error: ({ silentSeconds }) =>
    `The network ended it without a close frame, ${
      duration(silentSeconds)
    } after its last sign of life.`,
  stale: ({ silentSeconds, cause }) =>
    cause === "client fault"
      ? `It sent frames to the end, but for ${duration(silentSeconds)} ` +
        "nothing came that its system counts as life."
      : `It fell silent: nothing came for ${duration(silentSeconds)}, so it was given up. ` +
        "Its machine or its network went away without a word.",
  missed_heartbeats: ({ silentSeconds }) =>
    `It left too many pings in a row unanswered, and said nothing for ${duration(silentSeconds)}.`,
  write_timeout: () =>
    "It did not take what was written to it in time: its network or its program was stuck.",
  slow_consumer: () => "It read more slowly than it was sent messages, until its queue was full.",
  message_too_big: () => "It sent a message larger than this server takes.",
  bad_frame: () => "It sent what is no valid WebSocket frame, or no valid text.",
  rate_limited: () => "It sent more messages than its limit allows.",
  key_suspended: () => "Its key was suspended for breaking its limits again and again.",
  unauthorized: () => "It did not show a valid credential.",
  token_expired: () => "Its token or key expired; it may come back with a new one.",
  overload: () =>
    "All queues together were too large, and its own was the largest: it had to go for the others.",
  drain: () => "This server was shut down and asked it to come back.",
  admin: () => "An operator disconnected it.",
};

export function whyEnded(end: ClosedSummary): string {
  const what = BY_CAUSE[end.cause] ?? BY_REASON[end.reason];
  if (what === undefined) return `It ended: ${end.reason}, ${end.cause}.`; // a newer server's
  const warned = end.health === "poor" || end.health === "critical";
  return warned ? `${what(end)} Its round trips had been ${end.health} before.` : what(end);
}
