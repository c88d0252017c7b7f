import { assertEquals } from "@std/assert";
import { linesBetween, timesInSight, WHOLE_STEPS } from "../../server/web/axes.ts";

Deno.test("timesInSight() is a minute at least, around a single time, too", () => {
  assertEquals(timesInSight([]), [null, null]);
  assertEquals(timesInSight([1_000]), [940, 1_000]);
  assertEquals(timesInSight([980, 1_000]), [940, 1_000]);
  assertEquals(timesInSight([500, 1_000]), [500, 1_000]);
});

Deno.test("Counts have lines at whole numbers, round trips below a millisecond, too", () => {
  assertEquals(linesBetween(0, 120, "wide"), [0, 1, 10, 100]);
  assertEquals(linesBetween(0.1, 50, "logarithmic"), [0.1, 1, 10]);
  assertEquals(WHOLE_STEPS.slice(0, 7), [1, 2, 5, 10, 20, 25, 50]);
});
