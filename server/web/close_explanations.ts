/**
 * Why a connection closed, in a sentence: what happened and, if possible, what to change. Pure. Reads
 * reason and cause as the API reports them; owns the texts.
 *
 * @module
 */

import type { CloseReason } from "../close_codes.ts";
import { duration, whole } from "./format.ts";
import type { ClosedConnection, LostNode } from "./api_types.ts";

/** The fields that decide the explanation. */
export type ClosedSummary = Pick<
  ClosedConnection,
  "reason" | "cause" | "seconds" | "silentSeconds" | "health"
>;

/** Causes that say more than the reason of the close. */
const BY_CAUSE: Readonly<Record<string, (closed: ClosedSummary) => string>> = {
  "server stall": () =>
    "It closed just after the event loop of this server stalled: the stall is the cause, not the network.",
  "proxy idle cut": ({ silentSeconds }) =>
    `A proxy on the way closed it after ${duration(silentSeconds)} without a byte, ` +
    "as it closes other connections: a shorter ping period prevents that.",
  "frozen": ({ silentSeconds }) =>
    `The client's program was frozen: the network still answered, but for ${
      duration(silentSeconds)
    } no heartbeat or message came.`,
};

const BY_REASON: Readonly<Record<CloseReason, (closed: ClosedSummary) => string>> = {
  client_close: ({ seconds }) => `The client closed the connection after ${duration(seconds)}.`,
  network_error: ({ silentSeconds }) =>
    `The connection broke without a close frame, ${
      duration(silentSeconds)
    } after the last sign of life.`,
  stale: ({ silentSeconds, cause }) =>
    cause === "client fault"
      ? `The client sent data to the end, but for ${duration(silentSeconds)} ` +
        "nothing that its profile accepts as a sign of life."
      : `Nothing came for ${duration(silentSeconds)}, so the server closed it. ` +
        "The client or its network went away without a close frame.",
  missed_heartbeats: ({ silentSeconds }) =>
    `The client left too many pings in a row unanswered, and sent nothing for ${
      duration(silentSeconds)
    }.`,
  frozen: ({ silentSeconds }) =>
    `The client's network answered, but for ${duration(silentSeconds)} its program did not.`,
  write_timeout: () =>
    "The client did not read a write in time: its network or its program was stuck.",
  slow_consumer: () => "The client read too slowly, until its send queue was full.",
  message_too_big: () => "The client sent a message larger than the limit of this server.",
  bad_frame: () => "The client sent an invalid WebSocket frame, or invalid UTF-8.",
  rate_limited: () => "The client sent more messages than its limit allows.",
  key_suspended: () => "Its key was suspended, since it broke its limits repeatedly.",
  unauthorized: () => "The client sent no valid credential.",
  token_expired: () => "Its token or key expired; it may reconnect with a new one.",
  overload: () =>
    "All send queues together were too large, and this one was the largest: the server closed it.",
  drain: () => "This server was shut down and asked the client to reconnect.",
  admin: () => "An operator disconnected it.",
};

/** One or two sentences that explain a close. */
export function explainClose(closed: ClosedSummary): string {
  const explain = BY_CAUSE[closed.cause] ?? BY_REASON[closed.reason];
  // A newer server may have more reasons.
  if (explain === undefined) return `It closed: ${closed.reason}, ${closed.cause}.`;
  const sentence = explain(closed);
  const wasBad = closed.health === "poor" || closed.health === "critical";
  return wasBad ? `${sentence} Its round trips had been ${closed.health} before.` : sentence;
}

/** A sentence for the connections of a process that cannot tell of them. */
export function explainLostNode({ node, connections }: LostNode): string {
  const count = connections === 1 ? "1 connection" : `${whole(connections)} connections`;
  return `Process ${node} ended without a word, or does not go on; it had ${count}.`;
}
