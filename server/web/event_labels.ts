/**
 * What the events of a connection are called, and how grave each is. Pure.
 *
 * @module
 */

import type { FlightEvent, FlightEventKind } from "../liveness/flight_recorder.ts";
import { milliseconds } from "./format.ts";

/** How something is coloured. */
export type Tone = "calm" | "good" | "warn" | "bad" | "server";

/** What an event is called, and its tone. */
const LABELS: Readonly<Record<FlightEventKind, readonly [string, Tone]>> = {
  opened: ["accepted", "good"],
  ping: ["ping sent", "calm"],
  pong: ["pong", "good"],
  pong_unmatched: ["pongs that answer no ping of ours", "warn"],
  app_ping: ["app ping queued", "calm"],
  app_ping_skipped: ["app ping skipped: the queue was full", "warn"],
  app_pong: ["app pong", "good"],
  missed: ["ping missed", "bad"],
  status_unknown: ["health unknown", "calm"],
  status_healthy: ["health healthy", "good"],
  status_degraded: ["health degraded", "warn"],
  status_poor: ["health poor", "bad"],
  status_critical: ["health critical", "bad"],
  status_timeout: ["health timeout", "bad"],
  status_dead: ["health dead", "bad"],
  liveness_alive: ["alive again", "good"],
  liveness_frozen: ["frozen: only its transport lives", "warn"],
  liveness_stripped: ["control frames are swallowed on the way", "warn"],
  liveness_silent: ["silent after a ping", "bad"],
  liveness_dead: ["given up after a silence", "bad"],
  stall: ["the server stalled", "server"],
  paused: ["reading paused: the hub was busy", "server"],
  resumed: ["reading resumed", "server"],
  write_stuck: ["a write was not drained", "bad"],
  queue_full: ["its queue was full", "bad"],
  advised: ["advised to reconnect", "warn"],
  closing: ["the server began to close it", "warn"],
  ended: ["its socket has gone", "calm"],
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

/** Kinds whose value is a number: of pings, messages, or a close code. */
const NUMBERS: readonly string[] = [
  "pong_unmatched",
  "missed",
  "status_timeout",
  "queue_full",
  "closing",
  "ended",
];

/** An event in words. */
export function labelOf({ kind, value }: FlightEvent): string {
  const [words] = LABELS[kind] ?? [kind];
  if (value === undefined || value === null) return words;
  if (TIMES.includes(kind)) return `${words} (${milliseconds(value)})`;
  return NUMBERS.includes(kind) ? `${words} (${Math.round(value)})` : words;
}

/** The tone of an event. */
export function toneOf({ kind }: FlightEvent): Tone {
  return LABELS[kind]?.[1] ?? "calm";
}
