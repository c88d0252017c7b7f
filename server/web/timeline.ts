/**
 * The timeline of a connection as a picture, and the same events as a list.
 *
 * @module
 */

/// <reference lib="dom" />

import type { FlightEvent } from "../liveness/flight_recorder.ts";
import { el, svg } from "./dom.ts";
import { labelOf, toneOf } from "./event_labels.ts";
import { ageOf, milliseconds } from "./format.ts";
import type { Inspected } from "./api_types.ts";
import { LANES, layOut, type Mark, type Span } from "./timeline_layout.ts";

/** Of the drawing; the picture is as wide as there is room. */
const WIDTH = 800;
const LABELS = 120;
const LANE = 34;
const AXIS = 20;
const EDGE = 8;

/** The picture; its right edge is now, or the end. */
export function pictureOf(of: Inspected): SVGSVGElement {
  const { events, seconds, health, liveness } = of;
  const width = WIDTH - LABELS - 2 * EDGE;
  const untilMs = seconds * 1_000;
  const { spans, marks, ticks } = layOut(events, { width, untilMs, health, liveness });
  const height = LANES.length * LANE + AXIS;
  const x = (at: number) => LABELS + EDGE + at;
  const lanes = LANES.flatMap((name, i) => [
    svg("line", {
      "class": "lane",
      x1: x(0),
      x2: x(width),
      y1: floorOf(i),
      y2: floorOf(i),
    }),
    svg("text", { "class": "lane-name", x: 0, y: floorOf(i) - 8 }, name),
  ]);
  const axis = ticks.flatMap(({ x: at, atMs }) => [
    svg("line", { "class": "tick", x1: x(at), x2: x(at), y1: 4, y2: height - AXIS }),
    svg(
      "text",
      { "class": "tick-name", x: x(at), y: height - 4, "text-anchor": "middle" },
      ageOf(atMs),
    ),
  ]);
  return svg(
    "svg",
    {
      "class": "timeline",
      viewBox: `0 0 ${WIDTH} ${height}`,
      role: "img",
      "aria-label": `Timeline of ${events.length} events; the list below has them one by one`,
    },
    ...axis,
    ...lanes,
    ...spans.map((span) => spanOf(span, x(span.x))),
    ...marks.map((mark) => markOf(mark, x(mark.x))),
  );
}

/** The list, the newest first. */
export function listOf(events: readonly FlightEvent[]): HTMLLIElement[] {
  return events.toReversed().map((event) =>
    el(
      "li",
      { "data-tone": toneOf(event) },
      el("span", { "class": "at" }, milliseconds(event.atMs)),
      labelOf(event),
    )
  );
}

function floorOf(lane: number): number {
  return (lane + 1) * LANE - 4;
}

function spanOf({ lane, width, tone, label }: Span, x: number): SVGGElement {
  const y = floorOf(lane) - 20;
  const named = width > 7 * label.length;
  return svg(
    "g",
    { "data-tone": tone },
    svg("rect", { x, y, width, height: 18, rx: 3 }, svg("title", {}, label)),
    ...named ? [svg("text", { "class": "span-name", x: x + 6, y: y + 13 }, label)] : [],
  );
}

function markOf({ lane, tone, stem, label }: Mark, x: number): SVGGElement {
  const floor = floorOf(lane);
  const height = (stem ?? 0) * (LANE - 10);
  const shape = stem === undefined
    ? svg("circle", { cx: x, cy: floor - 10, r: 3.5 })
    : svg("line", { "class": "stem", x1: x, x2: x, y1: floor, y2: floor - height });
  shape.append(svg("title", {}, label));
  return svg("g", { "data-tone": tone }, shape);
}
