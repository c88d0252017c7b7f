/**
 * The timeline of a connection as an SVG picture, and its events as a list.
 *
 * @module
 */

/// <reference lib="dom" />

import type { FlightEvent } from "../liveness/flight_recorder.ts";
import { el, svg } from "./dom.ts";
import { labelOf, severityOf } from "./event_labels.ts";
import { ageOf, milliseconds } from "./format.ts";
import type { InspectedConnection } from "./api_types.ts";
import { LANES, layOut, type Mark, type Span } from "./timeline_layout.ts";

/** Sizes in the SVG's own units; the style sheet scales the picture. */
const WIDTH = 680;
const LANE = 34;
const AXIS = 20;
const EDGE = 8;

/** The names of the lanes, beside the picture: they stay in place while it is scrolled. */
export function laneNames(): HTMLElement {
  return el(
    "div",
    { "class": "lane-names", "aria-hidden": true },
    ...LANES.map((name) => el("span", {}, name)),
  );
}

/** The picture; its right edge is the present, or the close. */
export function pictureOf(connection: InspectedConnection): SVGSVGElement {
  const { events, seconds, health, liveness } = connection;
  const width = WIDTH - 2 * EDGE;
  const untilMs = seconds * 1_000;
  const { spans, marks, ticks } = layOut(events, { width, untilMs, health, liveness });
  const height = LANES.length * LANE + AXIS;
  const x = (at: number) => EDGE + at;
  const lanes = LANES.map((_, i) =>
    svg("line", {
      "class": "lane",
      x1: x(0),
      x2: x(width),
      y1: floorOf(i),
      y2: floorOf(i),
    })
  );
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
      "aria-label": `Timeline of ${events.length} events; the list below has each of them`,
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
      { "data-severity": severityOf(event) },
      el("span", { "class": "at" }, milliseconds(event.atMs)),
      labelOf(event),
    )
  );
}

function floorOf(lane: number): number {
  return (lane + 1) * LANE - 4;
}

function spanOf({ lane, width, severity, label }: Span, x: number): SVGGElement {
  const y = floorOf(lane) - 20;
  const named = width > 7 * label.length;
  return svg(
    "g",
    { "data-severity": severity },
    svg("rect", { x, y, width, height: 18, rx: 3 }, svg("title", {}, label)),
    ...named ? [svg("text", { "class": "span-name", x: x + 6, y: y + 13 }, label)] : [],
  );
}

function markOf({ lane, severity, stem, label }: Mark, x: number): SVGGElement {
  const floor = floorOf(lane);
  const height = (stem ?? 0) * (LANE - 10);
  const shape = stem === undefined
    ? svg("circle", { cx: x, cy: floor - 10, r: 3.5 })
    : svg("line", { "class": "stem", x1: x, x2: x, y1: floor, y2: floor - height });
  shape.append(svg("title", {}, label));
  return svg("g", { "data-severity": severity }, shape);
}
