/**
 * Where the events of a connection stand in its picture: lanes from top to bottom, time from left to
 * right, round trips as stems. Pure: knows neither SVG nor screens, but a width.
 *
 * @module
 */

import type { FlightEvent, FlightEventKind } from "../liveness/flight_recorder.ts";
import { milliseconds } from "./format.ts";

/** How something is coloured. */
export type Tone = "calm" | "good" | "warn" | "bad" | "server";

/** The lanes, from top to bottom. */
export const LANES = ["round trips", "heartbeats", "health", "life", "server and queue"] as const;

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
  /** The time that it marks, ms since the connection's birth. */
  readonly atMs: number;
}

/** See the module. */
export interface TimelineLayout {
  /** What lasted: states, stalls and pauses. */
  readonly spans: readonly Span[];
  /** What happened at one moment. */
  readonly marks: readonly Mark[];
  /** The times along the axis, from left to right. */
  readonly ticks: readonly Tick[];
}

const [ROUND_TRIPS, HEARTBEATS, HEALTH, LIFE, SERVER] = [0, 1, 2, 3, 4];

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

/** What an event is called, and its tone. */
const WORDS: Readonly<Record<FlightEventKind, readonly [string, Tone]>> = {
  opened: ["accepted", "good"],
  ping: ["ping sent", "calm"],
  pong: ["pong", "good"],
  odd_pong: ["pongs that answer no ping of ours", "warn"],
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
  life_alive: ["alive again", "good"],
  life_frozen: ["frozen: only its transport lives", "warn"],
  life_stripped: ["control frames are swallowed on the way", "warn"],
  life_silent: ["silent after a ping", "bad"],
  life_dead: ["given up after a silence", "bad"],
  stall: ["the server itself stood still", "server"],
  paused: ["we stopped reading it: the hub was busy", "server"],
  resumed: ["we read it again", "server"],
  write_stuck: ["a write was not drained", "bad"],
  queue_full: ["its queue was full", "bad"],
  advised: ["advised to reconnect", "warn"],
  closing: ["we let it go", "warn"],
  ended: ["its socket has gone", "calm"],
};

/** Kinds whose value is a time. */
const TIMES: readonly string[] = [
  "pong",
  "app_pong",
  "life_dead",
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
  "odd_pong",
  "missed",
  "status_timeout",
  "queue_full",
  "closing",
  "ended",
];

/** An event in words. */
export function wordsOf({ kind, value }: FlightEvent): string {
  const [words] = WORDS[kind] ?? [kind];
  if (value === undefined || value === null) return words;
  if (TIMES.includes(kind)) return `${words} (${milliseconds(value)})`;
  return NUMBERS.includes(kind) ? `${words} (${Math.round(value)})` : words;
}

/** The tone of an event. */
export function toneOf({ kind }: FlightEvent): Tone {
  return WORDS[kind]?.[1] ?? "calm";
}

/** Lays events out. @param untilMs the right edge, since birth: now, or the end */
export function layOut(
  events: readonly FlightEvent[],
  { width, untilMs }: { readonly width: number; readonly untilMs: number },
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
  // What a state was before the first event that is remembered is known at a birth alone.
  const isWhole = events[0]?.kind === "opened";
  const states = (lane: number, prefix: string, atBirth: string): Span[] => {
    const changes = events.filter(({ kind }) => kind.startsWith(prefix))
      .map(({ kind, atMs }) => ({ state: kind.slice(prefix.length), atMs }));
    if (isWhole) changes.unshift({ state: atBirth, atMs: fromMs });
    return changes.map(({ state, atMs }, i) => {
      const to = changes[i + 1]?.atMs ?? untilMs;
      return span(lane, [atMs, to], STATE_TONES[state] ?? "calm", state);
    });
  };
  const lasting = events.flatMap((event, i): Span[] => {
    const { kind, atMs, value = 0 } = event;
    if (kind === "stall" || kind === "write_stuck") {
      return [span(SERVER, [atMs - value, atMs], toneOf(event), wordsOf(event))];
    }
    if (kind !== "paused") return [];
    const to = events.slice(i).find((later) => later.kind === "resumed")?.atMs ?? untilMs;
    return [span(SERVER, [atMs, to], "server", wordsOf(event))];
  });
  return {
    spans: [...states(HEALTH, "status_", "unknown"), ...states(LIFE, "life_", "alive"), ...lasting],
    marks: events.flatMap((event) => markOf(event, x(event.atMs))),
    ticks: ticksOf(fromMs, untilMs).map((atMs) => ({ x: x(atMs), atMs })),
  };
}

function markOf(event: FlightEvent, x: number): Mark[] {
  const mark = { x, tone: toneOf(event), label: wordsOf(event) };
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
    case "odd_pong":
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
