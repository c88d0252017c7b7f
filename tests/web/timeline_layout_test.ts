import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { FLIGHT_EVENT_KINDS, type FlightEvent } from "../../server/liveness/flight_recorder.ts";
import { labelOf } from "../../server/web/event_labels.ts";
import { LANES, layOut } from "../../server/web/timeline_layout.ts";

/** The states of a healthy connection. */
const HEALTHY = { health: "healthy", liveness: "alive" };

const event = (kind: FlightEvent["kind"], atMs: number, value?: number): FlightEvent => ({
  kind,
  atMs,
  value,
});

Deno.test("layOut() scales time to the width, and draws a state until the next one or the end", () => {
  const events = [
    event("opened", 0),
    event("ping", 1_000),
    event("pong", 1_100, 100),
    event("status_healthy", 1_100, 100),
    event("liveness_silent", 5_000),
    event("status_timeout", 6_000, 1),
    event("ended", 10_000, 1_006),
  ];
  const { spans, marks, ticks } = layOut(events, { width: 1_000, untilMs: 10_000, ...HEALTHY });
  const states = spans.map(({ lane, x, width, label }) => [LANES[lane], x, width, label]);
  assertEquals(states, [
    ["health", 0, 110, "unknown"],
    ["health", 110, 490, "healthy"],
    ["health", 600, 400, "timeout"],
    ["liveness", 0, 500, "alive"],
    ["liveness", 500, 500, "silent"],
  ]);
  const shown = marks.map(({ lane, x, label }) => [LANES[lane], x, label]);
  assertEquals(shown, [
    ["heartbeats", 0, "accepted"],
    ["heartbeats", 100, "ping sent"],
    ["round trips", 110, "pong (100 ms)"],
    ["heartbeats", 110, "pong (100 ms)"],
    ["server and queue", 1_000, "socket closed (1006)"],
  ]);
  assertEquals(ticks.map(({ x, atMs }) => [x, atMs]), [[0, 0], [500, 5_000], [1_000, 10_000]]);
});

Deno.test("layOut() draws a state that has not changed since the first recorded event", () => {
  const [events, frame] = [[event("ping", 50_000)], { width: 100, untilMs: 70_000 }];
  const shown = (health: string, more: FlightEvent[] = []) =>
    layOut([...events, ...more], { ...frame, health, liveness: "alive" }).spans
      .map(({ lane, x, width, label }) => [LANES[lane], x, width, label]);
  assertEquals(shown("healthy"), [["health", 0, 100, "healthy"], ["liveness", 0, 100, "alive"]]);
  // The state before a change is unknown.
  const poor = shown("poor", [event("status_poor", 60_000)]);
  assertEquals(poor, [["health", 50, 50, "poor"], ["liveness", 0, 100, "alive"]]);
});

Deno.test("layOut() draws a stall up to its event, and a pause until reading resumes", () => {
  const events = [event("opened", 0), event("stall", 4_000, 2_000), event("paused", 6_000)];
  const server = (more: FlightEvent[]) =>
    layOut([...events, ...more], { width: 1_000, untilMs: 10_000, ...HEALTHY }).spans
      .filter(({ lane }) => LANES[lane] === "server and queue").map(({ x, width }) => [x, width]);
  assertEquals(server([event("resumed", 7_000)]), [[200, 200], [600, 100]]);
  assertEquals(server([]), [[200, 200], [600, 400]]);
});

Deno.test("layOut() keeps all events within the width", () => {
  const anyEvent = fc.record({
    kind: fc.constantFrom(...FLIGHT_EVENT_KINDS),
    atMs: fc.integer({ min: 0, max: 2 ** 40 }),
    value: fc.option(fc.double({ min: 0, max: 1e9, noNaN: true }), { nil: undefined }),
  });
  fc.assert(fc.property(fc.array(anyEvent, { maxLength: 64 }), (found) => {
    const events = found.toSorted((a, b) => a.atMs - b.atMs);
    const untilMs = events.at(-1)?.atMs ?? 0;
    const { spans, marks, ticks } = layOut(events, { width: 500, untilMs, ...HEALTHY });
    for (const { x, width } of spans) {
      assert(x >= 0 && width >= 1 && x + width <= 501, `${x} ${width}`);
    }
    for (const { x, stem = 0 } of marks) assert(x >= 0 && x <= 500 && stem >= 0 && stem <= 1);
    assert(ticks.length <= 7, `${ticks.length}`);
  }));
});

Deno.test("labelOf() has a different label for each kind of event", () => {
  const words = FLIGHT_EVENT_KINDS.map((kind) => labelOf(event(kind, 0)));
  assertEquals(new Set(words).size, FLIGHT_EVENT_KINDS.length);
  assertEquals(labelOf(event("missed", 0, 2)), "ping missed (2)");
  assertEquals(labelOf(event("stall", 0, 1_500)), "event loop of the server stalled (1.50 s)");
});
