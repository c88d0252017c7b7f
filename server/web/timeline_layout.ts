/**
 * Where the events of a connection stand in its picture: lanes from top to bottom, time from left to
 * right, round trips as stems. Pure: knows neither SVG nor screens, but a width.
 *
 * @module
 */

import type { FlightEvent } from "../liveness/flight_recorder.ts";
import { labelOf, type Tone, toneOf } from "./event_labels.ts";

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
  /** Its colour. */
  readonly tone: Tone;
  /** What it was. */
  readonly label: string;
}

/** Something that happened at one moment. */
export interface Mark {
  /** Its lane's index. */
  readonly lane: number;
  /** Its place, from 0 to the width. */
  readonly x: number;
  /** Its colour. */
  readonly tone: Tone;
  /** In [0, 1] of the lane's height for a round trip; undefined for a plain mark. */
  readonly stem?: number;
  /** What it was. */
  readonly label: string;
}

/** A time on the axis. */
export interface Tick {
  /** Its place, from 0 to the width. */
  readonly x: number;
  /** The time that it marks, ms since the start of the connection. */
  readonly atMs: number;
}

export interface TimelineLayout {
  /** What lasted: states, stalls and pauses. */
  readonly spans: readonly Span[];
  /** What happened at one moment. */
  readonly marks: readonly Mark[];
  /** The times along the axis, from left to right. */
  readonly ticks: readonly Tick[];
}

const [ROUND_TRIPS, HEARTBEATS, HEALTH, LIVENESS, SERVER] = [0, 1, 2, 3, 4];

/** A round trip so long fills its lane, ms; the height is logarithmic from 0.1 ms on. */
const FULL_STEM_MS = 10_000;
const LEAST_STEM_MS = 0.1;

const STATE_TONES: Readonly<Record<string, Tone>> = {
  healthy: "good",
  alive: "good",
  degraded: "warn",
  stripped: "warn",
  frozen: "warn",
  poor: "bad",
  critical: "bad",
  timeout: "bad",
  silent: "bad",
  dead: "bad",
};

/** Where events are laid out. */
export interface TimelineFrame {
  /** Of the whole. */
  readonly width: number;
  /** The right edge, since the start: now, or the end. */
  readonly untilMs: number;
  /** The health at the right edge. */
  readonly health: string;
  /** The liveness at the right edge. */
  readonly liveness: string;
}

/** Lays events out. */
export function layOut(
  events: readonly FlightEvent[],
  { width, untilMs, health, liveness }: TimelineFrame,
): TimelineLayout {
  const fromMs = events[0]?.atMs ?? 0;
  const spanMs = Math.max(1, untilMs - fromMs);
  const x = (atMs: number) => Math.min(1, Math.max(0, (atMs - fromMs) / spanMs)) * width;
  const span = (lane: number, [from, to]: [number, number], tone: Tone, label: string): Span => ({
    lane,
    x: Math.min(x(from), width - 1),
    width: Math.max(1, x(to) - x(from)),
    tone,
    label,
  });
  // What a state was before the first event that is remembered is known at the start, and where it
  // has not changed since.
  const isWhole = events[0]?.kind === "opened";
  type States = { readonly atBirth: string; readonly atLast: string };
  const states = (lane: number, prefix: string, { atBirth, atLast }: States): Span[] => {
    const changes = events.filter(({ kind }) => kind.startsWith(prefix))
      .map(({ kind, atMs }) => ({ state: kind.slice(prefix.length), atMs }));
    if (isWhole) changes.unshift({ state: atBirth, atMs: fromMs });
    else if (changes.length === 0) changes.push({ state: atLast, atMs: fromMs });
    return changes.map(({ state, atMs }, i) => {
      const to = changes[i + 1]?.atMs ?? untilMs;
      return span(lane, [atMs, to], STATE_TONES[state] ?? "calm", state);
    });
  };
  const lasting = events.flatMap((event, i): Span[] => {
    const { kind, atMs, value = 0 } = event;
    if (kind === "stall" || kind === "write_stuck") {
      return [span(SERVER, [atMs - value, atMs], toneOf(event), labelOf(event))];
    }
    if (kind !== "paused") return [];
    const to = events.slice(i).find((later) => later.kind === "resumed")?.atMs ?? untilMs;
    return [span(SERVER, [atMs, to], "server", labelOf(event))];
  });
  return {
    spans: [
      ...states(HEALTH, "status_", { atBirth: "unknown", atLast: health }),
      ...states(LIVENESS, "liveness_", { atBirth: "alive", atLast: liveness }),
      ...lasting,
    ],
    marks: events.flatMap((event) => markOf(event, x(event.atMs))),
    ticks: ticksOf(fromMs, untilMs).map((atMs) => ({ x: x(atMs), atMs })),
  };
}

function markOf(event: FlightEvent, x: number): Mark[] {
  const mark = { x, tone: toneOf(event), label: labelOf(event) };
  switch (event.kind) {
    case "pong":
    case "app_pong":
      return [
        { ...mark, lane: ROUND_TRIPS, tone: "calm", stem: stemOf(event.value ?? 0) },
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
      return []; // a span
  }
}

function stemOf(ms: number): number {
  const decades = Math.log10(Math.max(ms, LEAST_STEM_MS) / LEAST_STEM_MS);
  return Math.min(1, Math.max(0.06, decades / Math.log10(FULL_STEM_MS / LEAST_STEM_MS)));
}

const STEPS_MS = [100, 500, 1_000, 5_000, 10_000, 30_000, 60_000, 300_000, 900_000, 3_600_000];

/** Round times, five or so. */
function ticksOf(fromMs: number, untilMs: number): number[] {
  const wanted = (untilMs - fromMs) / 5;
  const step = STEPS_MS.find((step) => step >= wanted) ??
    Math.ceil(wanted / 3_600_000) * 3_600_000;
  const first = Math.ceil(fromMs / step) * step;
  const count = Math.max(0, Math.floor((untilMs - first) / step) + 1);
  return Array.from({ length: count }, (_, i) => first + i * step);
}
