import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { chooseThresholds, latencyProblems } from "../../server/liveness/health_thresholds.ts";
import {
  HEALTH_RULES,
  HealthMonitor,
  type HealthThresholds,
} from "../../server/liveness/health.ts";

type Given = Partial<HealthThresholds>;

Deno.test("chooseThresholds() without given values keeps the published thresholds", () => {
  assertEquals(chooseThresholds({}), { healthyMs: 100, degradedMs: 500, poorMs: 1_000 });
});

Deno.test("chooseThresholds() moves a default out of the way of a given value", () => {
  const rows: [Given, number[]][] = [
    [{ healthyMs: 40 }, [40, 500, 1_000]],
    [{ healthyMs: 600 }, [600, 1_200, 2_400]],
    [{ degradedMs: 80 }, [40, 80, 1_000]],
    [{ degradedMs: 3_000 }, [100, 3_000, 6_000]],
    [{ poorMs: 300 }, [100, 150, 300]],
    [{ poorMs: 1 }, [0.25, 0.5, 1]],
    [{ healthyMs: 600, poorMs: 800 }, [600, 700, 800]],
    [{ healthyMs: 1, degradedMs: 2, poorMs: 3 }, [1, 2, 3]],
  ];
  for (const [given, expected] of rows) {
    assertEquals(Object.values(chooseThresholds(given)), expected, JSON.stringify(given));
  }
});

Deno.test("latencyProblems() names the options and values that do not ascend", () => {
  assertEquals(latencyProblems({ healthyMs: 500, degradedMs: 100 }, "TANK_"), [
    "TANK_HEALTHY_LATENCY_MS < TANK_DEGRADED_LATENCY_MS must hold, got 500 and 100",
  ]);
  assertEquals(latencyProblems({ healthyMs: 100, degradedMs: 500, poorMs: 500 }, ""), [
    "HEALTHY_LATENCY_MS < DEGRADED_LATENCY_MS < POOR_LATENCY_MS must hold, got 100 and 500 and 500",
  ]);
  assertEquals(latencyProblems({ healthyMs: 2_000 }, ""), []); // the default moves
});

Deno.test("chooseThresholds() keeps given values and suits the monitor, wherever there is no problem", () => {
  const ms = fc.option(fc.integer({ min: 1, max: 2 ** 31 - 1 }), { nil: undefined });
  const small = fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined });
  const any = fc.oneof(ms, small);
  const counts = { right: 0, wrong: 0 };
  fc.assert(
    fc.property(fc.record({ healthyMs: any, degradedMs: any, poorMs: any }), (given) => {
      const values = [given.healthyMs, given.degradedMs, given.poorMs]
        .filter((value) => value !== undefined);
      const ascends = values.every((value, i) => i === 0 || values[i - 1] < value);
      assertEquals(latencyProblems(given, "").length, ascends ? 0 : 1);
      counts[ascends ? "right" : "wrong"]++;
      fc.pre(ascends);
      const chosen = chooseThresholds(given);
      for (const [name, value] of Object.entries(given)) {
        if (value !== undefined) assertEquals(chosen[name as keyof HealthThresholds], value);
      }
      new HealthMonitor({ ...HEALTH_RULES, ...chosen }); // throws unless they ascend from above 0
    }),
    { numRuns: 3_000 },
  );
  assert(counts.right > 300 && counts.wrong > 300, JSON.stringify(counts));
});
