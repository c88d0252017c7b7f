/**
 * The layout of a connection's timeline: lanes from top to bottom, time from left to right, round trips
 * as vertical lines. Pure: knows a width, no SVG.
 *
 * @module
 */

import type { FlightEvent } from "../liveness/flight_recorder.ts";
import { labelOf, type Severity, severityOf } from "./event_labels.ts";

/** The lanes, from top to bottom. */
export const LANES = [
  "round trips",
  "heartbeats",
  "health",
  "liveness",
  "server and queue",
] as const;

/** A span of time. */
export interface Span {
  /** Its lane's index. */
  readonly lane: number;
  /** Its left edge, from 0 to the width. */
  readonly x: number;
  /** At least 1. */
  readonly width: number;
  /** Decides its colour. */
  readonly severity: Severity;
  /** Its label. */
  readonly label: string;
}

/** An event without a duration. */
export interface Mark {
  /** Its lane's index. */
  readonly lane: number;
  /** Its position, from 0 to the width. */
  readonly x: number;
  /** Decides its colour. */
  readonly severity: Severity;
  /** The height of a round trip's line as a share of the lane, in [0, 1]; undefined: a dot. */
  readonly stem?: number;
  /** Its label. */
  readonly label: string;
}

/** A time on the axis. */
export interface Tick {
  /** Its position, from 0 to the width. */
  readonly x: number;
  /** Its time, ms since the connection was opened. */
  readonly atMs: number;
}

/** A timeline, laid out. */
export interface TimelineLayout {
  /** States, stalls and pauses. */
  readonly spans: readonly Span[];
  /** All other events. */
  readonly marks: readonly Mark[];
  /** The times along the axis, from left to right. */
  readonly ticks: readonly Tick[];
}

const [ROUND_TRIPS, HEARTBEATS, HEALTH, LIVENESS, SERVER] = [0, 1, 2, 3, 4];

/** The round trips of a full and of an empty stem, ms; between them the height is logarithmic. */
const FULL_STEM_MS = 10_000;
const EMPTY_STEM_MS = 0.1;

const STATE_SEVERITIES: Readonly<Record<string, Severity>> = {
  healthy: "good",
  alive: "good",
  degraded: "warning",
  stripped: "warning",
  frozen: "warning",
  poor: "bad",
  critical: "bad",
  timeout: "bad",
  silent: "bad",
  dead: "bad",
};

/** The extent of a timeline, and the states at its right edge. */
export interface TimelineFrame {
  /** The width of the picture. */
  readonly width: number;
  /** The time of the right edge, ms since the connection was opened: now, or its close. */
  readonly untilMs: number;
  /** The health at the right edge. */
  readonly health: string;
  /** The liveness at the right edge. */
  readonly liveness: string;
}

/** Lays out the events of a connection, the oldest first. */
export function layOut(
  events: readonly FlightEvent[],
  { width, untilMs, health, liveness }: TimelineFrame,
): TimelineLayout {
  const fromMs = events[0]?.atMs ?? 0;
  const spanMs = Math.max(1, untilMs - fromMs);
  const x = (atMs: number) => Math.min(1, Math.max(0, (atMs - fromMs) / spanMs)) * width;
  const span = (
    lane: number,
    [from, to]: [number, number],
    severity: Severity,
    label: string,
  ): Span => ({
    lane,
    x: Math.min(x(from), width - 1),
    width: Math.max(1, x(to) - x(from)),
    severity,
    label,
  });
  // The flight recorder drops old events. The state before the first recorded change is known if the
  // events begin with `opened`, or if there is no change at all.
  const isComplete = events[0]?.kind === "opened";
  type States = { readonly atOpen: string; readonly atEnd: string };
  const states = (lane: number, prefix: string, { atOpen, atEnd }: States): Span[] => {
    const changes = events.filter(({ kind }) => kind.startsWith(prefix))
      .map(({ kind, atMs }) => ({ state: kind.slice(prefix.length), atMs }));
    if (isComplete) changes.unshift({ state: atOpen, atMs: fromMs });
    else if (changes.length === 0) changes.push({ state: atEnd, atMs: fromMs });
    return changes.map(({ state, atMs }, i) => {
      const to = changes[i + 1]?.atMs ?? untilMs;
      return span(lane, [atMs, to], STATE_SEVERITIES[state] ?? "neutral", state);
    });
  };
  const lasting = events.flatMap((event, i): Span[] => {
    const { kind, atMs, value = 0 } = event;
    if (kind === "stall" || kind === "write_stuck") {
      return [span(SERVER, [atMs - value, atMs], severityOf(event), labelOf(event))];
    }
    if (kind !== "paused") return [];
    const to = events.slice(i).find((later) => later.kind === "resumed")?.atMs ?? untilMs;
    return [span(SERVER, [atMs, to], "server", labelOf(event))];
  });
  return {
    spans: [
      ...states(HEALTH, "status_", { atOpen: "unknown", atEnd: health }),
      ...states(LIVENESS, "liveness_", { atOpen: "alive", atEnd: liveness }),
      ...lasting,
    ],
    marks: events.flatMap((event) => markOf(event, x(event.atMs))),
    ticks: ticksOf(fromMs, untilMs).map((atMs) => ({ x: x(atMs), atMs })),
  };
}

function markOf(event: FlightEvent, x: number): Mark[] {
  const mark = { x, severity: severityOf(event), label: labelOf(event) };
  switch (event.kind) {
    case "pong":
    case "app_pong":
      return [
        { ...mark, lane: ROUND_TRIPS, severity: "neutral", stem: stemOf(event.value ?? 0) },
        { ...mark, lane: HEARTBEATS },
      ];
    case "opened":
    case "ping":
    case "app_ping":
    case "app_ping_skipped":
    case "pong_unmatched":
    case "missed":
      return [{ ...mark, lane: HEARTBEATS }];
    case "queue_full":
    case "advised":
    case "closing":
    case "ended":
      return [{ ...mark, lane: SERVER }];
    default:
      return []; // drawn as a span
  }
}

function stemOf(ms: number): number {
  const decades = Math.log10(Math.max(ms, EMPTY_STEM_MS) / EMPTY_STEM_MS);
  return Math.min(1, Math.max(0.06, decades / Math.log10(FULL_STEM_MS / EMPTY_STEM_MS)));
}

const STEPS_MS = [100, 500, 1_000, 5_000, 10_000, 30_000, 60_000, 300_000, 900_000, 3_600_000];

/** About five round times. */
function ticksOf(fromMs: number, untilMs: number): number[] {
  const wanted = (untilMs - fromMs) / 5;
  const step = STEPS_MS.find((step) => step >= wanted) ??
    Math.ceil(wanted / 3_600_000) * 3_600_000;
  const first = Math.ceil(fromMs / step) * step;
  const count = Math.max(0, Math.floor((untilMs - first) / step) + 1);
  return Array.from({ length: count }, (_, i) => first + i * step);
}
