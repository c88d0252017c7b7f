import { assertEquals } from "@std/assert";
import { gridLines, timeRange, WHOLE_STEPS } from "../../server/web/axes.ts";

Deno.test("timeRange() is at least a minute, also around a single time", () => {
  assertEquals(timeRange([]), [null, null]);
  assertEquals(timeRange([1_000]), [940, 1_000]);
  assertEquals(timeRange([980, 1_000]), [940, 1_000]);
  assertEquals(timeRange([500, 1_000]), [500, 1_000]);
});

Deno.test("gridLines() are whole numbers for counts, and begin below a millisecond for round trips", () => {
  assertEquals(gridLines(0, 120, "wide"), [0, 1, 10, 100]);
  assertEquals(gridLines(0.1, 50, "logarithmic"), [0.1, 1, 10]);
  assertEquals(WHOLE_STEPS.slice(0, 7), [1, 2, 5, 10, 20, 25, 50]);
});
