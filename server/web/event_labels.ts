/**
 * The label and the severity of each flight event. Pure.
 *
 * @module
 */

import type { FlightEvent, FlightEventKind } from "../liveness/flight_recorder.ts";
import { milliseconds } from "./format.ts";

/** Decides the colour of an event. `server` marks what the server itself caused. */
export type Severity = "neutral" | "good" | "warning" | "bad" | "server";

const LABELS: Readonly<Record<FlightEventKind, readonly [label: string, Severity]>> = {
  opened: ["accepted", "good"],
  ping: ["ping sent", "neutral"],
  pong: ["pong", "good"],
  pong_unmatched: ["pongs that match no ping", "warning"],
  app_ping: ["app ping queued", "neutral"],
  app_ping_skipped: ["app ping skipped: the queue was full", "warning"],
  app_pong: ["app pong", "good"],
  missed: ["ping missed", "bad"],
  status_unknown: ["health unknown", "neutral"],
  status_healthy: ["health healthy", "good"],
  status_degraded: ["health degraded", "warning"],
  status_poor: ["health poor", "bad"],
  status_critical: ["health critical", "bad"],
  status_timeout: ["health timeout", "bad"],
  status_dead: ["health dead", "bad"],
  liveness_alive: ["alive again", "good"],
  liveness_frozen: ["frozen: only the transport answers", "warning"],
  liveness_stripped: ["control frames are lost on the way", "warning"],
  liveness_silent: ["silent after a ping", "bad"],
  liveness_dead: ["timed out after a silence", "bad"],
  stall: ["event loop of the server stalled", "server"],
  paused: ["reading paused: the hub was busy", "server"],
  resumed: ["reading resumed", "server"],
  write_stuck: ["a write was not drained", "bad"],
  queue_full: ["the send queue was full", "bad"],
  advised: ["advised to reconnect", "warning"],
  closing: ["closed by the server", "warning"],
  ended: ["socket closed", "neutral"],
};

/** Kinds whose value is a time. */
const TIMES: readonly string[] = [
  "pong",
  "app_pong",
  "liveness_dead",
  "stall",
  "write_stuck",
  "advised",
  "status_healthy",
  "status_degraded",
  "status_poor",
  "status_critical",
];

/** Kinds whose value is a number: of pings, of messages, or a close code. */
const NUMBERS: readonly string[] = [
  "pong_unmatched",
  "missed",
  "status_timeout",
  "queue_full",
  "closing",
  "ended",
];

/** The label of an event, with its value. */
export function labelOf({ kind, value }: FlightEvent): string {
  const [label] = LABELS[kind] ?? [kind];
  if (value === undefined || value === null) return label;
  if (TIMES.includes(kind)) return `${label} (${milliseconds(value)})`;
  return NUMBERS.includes(kind) ? `${label} (${Math.round(value)})` : label;
}

/** The severity of an event. */
export function severityOf({ kind }: FlightEvent): Severity {
  return LABELS[kind]?.[1] ?? "neutral";
}
