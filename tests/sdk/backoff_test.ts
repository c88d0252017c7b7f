import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { backoffMs, MAX_BACKOFF_MS } from "../../server/sdk/backoff.ts";

Deno.test("backoffMs() doubles its range until the cap", () => {
  const ranges = [1, 2, 3, 4, 5, 10, 2_000].map((attempt) => backoffMs(attempt, 5_000, 1));
  assertEquals(ranges, [5_000, 10_000, 20_000, 30_000, 30_000, 30_000, 30_000]);
});

Deno.test("backoffMs() is uniform in its range, from 0", () => {
  const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), fc.nat(60_000), unit, (n, base, random) => {
      const range = Math.min(MAX_BACKOFF_MS, base * 2 ** (n - 1));
      assertEquals(backoffMs(n, base, random), random * range);
      assert(backoffMs(n, base, random) <= range);
    }),
  );
});
