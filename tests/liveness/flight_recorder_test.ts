import { assertEquals } from "@std/assert";
import {
  FLIGHT_EVENT_KINDS,
  FLIGHT_RECORDER_SIZE,
  FlightRecorder,
} from "../../server/liveness/flight_recorder.ts";

Deno.test("FlightRecorder keeps kind, time since the start and value in hundredths, and no value where there is none", () => {
  const recorder = new FlightRecorder(1_000.5);
  assertEquals(recorder.events(), []);
  recorder.record("opened", 1_000.5);
  recorder.record("ping", 28_000.5);
  recorder.record("pong", 28_040.6, 5_197.4296875);
  assertEquals(recorder.events(), [
    { kind: "opened", atMs: 0, value: undefined },
    { kind: "ping", atMs: 27_000, value: undefined },
    { kind: "pong", atMs: 27_040, value: 5_197.43 },
  ]);
});

Deno.test("FlightRecorder keeps every kind, zero as a value, and no time before the start", () => {
  const recorder = new FlightRecorder(500);
  const kinds = FLIGHT_EVENT_KINDS.filter((kind) => kind !== "pong_unmatched" && kind !== "stall");
  for (const kind of kinds) recorder.record(kind, 0, 0);
  assertEquals(recorder.events(), kinds.map((kind) => ({ kind, atMs: 0, value: 0 })));
  recorder.record("pong_unmatched", 501);
  assertEquals(recorder.events().at(-1), { kind: "pong_unmatched", atMs: 1, value: 1 });
});

Deno.test("FlightRecorder keeps the last 64 events, the oldest first, however many are recorded", () => {
  // around each growth, the full ring, and several rounds
  for (const count of [1, 8, 9, 16, 17, 32, 33, 63, 64, 65, 127, 128, 129, 1_000]) {
    const recorder = new FlightRecorder(0);
    for (let n = 0; n < count; n++) recorder.record("missed", n * 10, n);
    const oldest = Math.max(0, count - FLIGHT_RECORDER_SIZE);
    const kept = Array.from({ length: count - oldest }, (_, index) => oldest + index);
    assertEquals(
      recorder.events(),
      kept.map((n) => ({ kind: "missed", atMs: n * 10, value: n })),
      `${count} events`,
    );
  }
});

Deno.test("FlightRecorder dates a stall by its end, and later events later by its length", () => {
  const recorder = new FlightRecorder(1_000);
  recorder.record("ping", 3_000);
  recorder.stalled(3_500, 6_000);
  recorder.record("pong", 3_600, 600);
  recorder.stalled(4_000, 100);
  recorder.record("write_stuck", 5_000, 900);
  assertEquals(recorder.events().map(({ kind, atMs, value }) => [kind, atMs, value]), [
    ["ping", 2_000, undefined],
    ["stall", 8_500, 6_000],
    ["pong", 8_600, 600],
    ["stall", 9_100, 100],
    ["write_stuck", 10_100, 900],
  ]);
});

Deno.test("FlightRecorder dates events read before a stall is detected by its end, however many there are", () => {
  for (const count of [1, FLIGHT_RECORDER_SIZE - 1, FLIGHT_RECORDER_SIZE, 200]) {
    const recorder = new FlightRecorder(0);
    for (let n = 0; n < 100; n++) recorder.record("ping", n);
    for (let n = 0; n < count; n++) recorder.record("pong", 2_570, 70);
    recorder.stalled(2_500, 6_000);
    const times = recorder.events().map(({ atMs }) => atMs);
    assertEquals(times.filter((atMs) => atMs === 8_500).length, Math.min(count + 1, 64));
    assertEquals(times, times.toSorted((a, b) => a - b));
    assertEquals(times[0] < 100, count < FLIGHT_RECORDER_SIZE - 1, "the others stay");
  }
});

Deno.test("FlightRecorder ignores a stall that began before the connection was opened", () => {
  const recorder = new FlightRecorder(2_570);
  recorder.record("opened", 2_570);
  recorder.stalled(2_500, 6_000);
  recorder.record("ping", 2_600);
  assertEquals(recorder.events().map(({ kind, atMs }) => [kind, atMs]), [["opened", 0], [
    "ping",
    30,
  ]]);
});

Deno.test("FlightRecorder keeps time exact to the ms for years", () => {
  const recorder = new FlightRecorder(0);
  const times = [2 ** 32 - 1, 2 ** 32, 3 * 365 * 86_400_000 + 1];
  for (const time of times) recorder.record("ping", time);
  assertEquals(recorder.events().map(({ atMs }) => atMs), times);
});

Deno.test("FlightRecorder counts a flood of unmatched pongs in one event and keeps the others", () => {
  const recorder = new FlightRecorder(0);
  for (let n = 0; n < FLIGHT_RECORDER_SIZE - 1; n++) recorder.record("ping", n);
  for (let n = 0; n < 1_000; n++) recorder.record("pong_unmatched", 100 + n);
  assertEquals(recorder.events()[0].atMs, 0);
  assertEquals(recorder.events().at(-1), { kind: "pong_unmatched", atMs: 1_099, value: 1_000 });
  recorder.record("ping", 2_000);
  recorder.record("pong_unmatched", 2_001);
  assertEquals(recorder.events().slice(-3), [
    { kind: "pong_unmatched", atMs: 1_099, value: 1_000 },
    { kind: "ping", atMs: 2_000, value: undefined },
    { kind: "pong_unmatched", atMs: 2_001, value: 1 },
  ]);
});

Deno.test("record() allocates nothing", () => {
  const recorder = new FlightRecorder(0.5);
  const many = (count: number) => {
    for (let n = 0; n < count; n++) recorder.record("pong", n + 0.5, n);
  };
  many(20_000); // until the compiler has finished
  // Other work of the process may allocate in a round: the minimum is the recorder's own.
  const bytes = Array.from({ length: 5 }, () => {
    const before = Deno.memoryUsage();
    many(100_000);
    const after = Deno.memoryUsage();
    return Math.abs(after.heapUsed - before.heapUsed) + Math.abs(after.external - before.external);
  });
  // one number on the heap for each record would be 1.6 MB
  assertEquals(Math.min(...bytes) < 200_000, true, `${bytes} bytes for 100000 records`);
});
