import { assert, assertEquals, assertThrows } from "@std/assert";
import { HEALTH_RULES, HealthMonitor, type HealthStatus } from "../../server/liveness/health.ts";
import { RttEstimator } from "../../server/liveness/rtt.ts";

/** A number is an average to sample; the others are names of methods. */
type Step = number | null | "timeout" | "answered" | "expire";

function apply(monitor: HealthMonitor, step: Step): void {
  if (typeof step === "number" || step === null) monitor.sample(step);
  else monitor[step]();
}

/** Applies the steps. @returns the status after each, "." for no change */
function statuses(monitor: HealthMonitor, steps: readonly Step[]): string {
  return steps.map((step) => {
    const before = monitor.status;
    apply(monitor, step);
    return monitor.status === before ? "." : monitor.status;
  }).join(" ");
}

Deno.test("HealthMonitor starts unknown", () => {
  const monitor = new HealthMonitor();
  assertEquals(monitor.status, "unknown");
  assertEquals(monitor.consecutiveTimeouts, 0);
});

Deno.test("sample() classifies the first average by the thresholds themselves", () => {
  const rows: [number, HealthStatus][] = [
    [0, "healthy"],
    [100, "healthy"],
    [100.01, "degraded"],
    [500, "degraded"],
    [500.01, "poor"],
    [1_000, "poor"],
    [1_000.01, "critical"],
    [60_000, "critical"],
  ];
  for (const [average, status] of rows) {
    const monitor = new HealthMonitor();
    monitor.sample(average);
    assertEquals(monitor.status, status, `${average}`);
  }
});

Deno.test("HealthMonitor changes its status as each row says", () => {
  const rows: [string, Step[], string][] = [
    ["steady", [80, 80, 100], "healthy . ."],
    ["worse at once", [80, 101, 501, 1_001], "healthy degraded poor critical"],
    ["worse by several bands", [80, 5_000], "healthy critical"],
    ["better with a margin", [101, 99, 90.1, 90], "degraded . . healthy"],
    ["better from poor", [501, 500, 451, 450], "poor . . degraded"],
    ["better from critical", [1_001, 1_000, 901, 900], "critical . . poor"],
    ["better by several bands", [2_000, 450, 2_000, 90], "critical degraded critical healthy"],
    ["better as far as the margin goes", [2_000, 95], "critical degraded"],
    ["no flapping at a threshold", [99, 101, 99, 101, 100, 101], "healthy degraded . . . ."],
    ["an answer without a time", [null, 80, null], ". healthy ."],
    ["one timeout", [80, "timeout", 80], "healthy timeout healthy"],
    ["two timeouts", [80, "timeout", "timeout", 80], "healthy timeout . healthy"],
    ["timeouts before any answer", ["timeout", "timeout", "timeout"], "timeout . ."],
    [
      "timeouts alone do not make it dead",
      [80, ...Array(100).fill("timeout")],
      `healthy timeout${" .".repeat(99)}`,
    ],
    ["a timeout answered without a time", [600, "timeout", null], "poor timeout poor"],
    ["the margin holds through a timeout", [101, "timeout", 95], "degraded timeout degraded"],
    ["worse after a timeout", [80, "timeout", 700], "healthy timeout poor"],
    [
      "another sign of life restores the band",
      [600, "timeout", "answered", "answered"],
      "poor timeout poor .",
    ],
    ["another sign of life alone is no sample", ["answered"], "."],
    [
      "dead is final",
      ["timeout", "expire", "timeout", 80, "answered", "expire", null],
      "timeout dead . . . . .",
    ],
    ["expire() twice", [80, "expire", "expire"], "healthy dead ."],
  ];
  for (const [name, steps, answers] of rows) {
    assertEquals(statuses(new HealthMonitor(), steps), answers, name);
  }
});

Deno.test("consecutiveTimeouts counts, and an answer or another sign of life resets it", () => {
  const monitor = new HealthMonitor();
  const steps: Step[] = ["timeout", "timeout", 80, "timeout", "answered", "timeout", "timeout"];
  const counts = steps.map((step) => {
    apply(monitor, step);
    return monitor.consecutiveTimeouts;
  });
  assertEquals(counts, [1, 2, 0, 1, 0, 1, 2]);
});

Deno.test("HealthMonitor uses the thresholds it is given", () => {
  const thresholds = { healthyMs: 10, degradedMs: 20, poorMs: 30 };
  const steps: Step[] = [10, 11, 21, 31, 27, 18, 9];
  const answers = "healthy degraded poor critical poor degraded healthy";
  assertEquals(statuses(new HealthMonitor(thresholds), steps), answers);
});

Deno.test("HealthMonitor refuses thresholds that do not ascend", () => {
  for (const wrong of [{ healthyMs: 0 }, { degradedMs: 100 }, { poorMs: 400 }, { poorMs: NaN }]) {
    assertThrows(() => new HealthMonitor({ ...HEALTH_RULES, ...wrong }), RangeError, "Cannot");
  }
});

/** Changes of status on a line of `mean` ± 20 ms. */
function changes({ mean, samples }: { mean: number; samples: number }): number {
  const rtt = new RttEstimator();
  const monitor = new HealthMonitor();
  let state = 1;
  let count = 0;
  for (let i = 0; i < samples; i++) {
    state = Math.imul(state, 1_664_525) + 1_013_904_223 | 0; // Numerical Recipes' generator
    rtt.sample(mean + 40 * ((state >>> 0) / 2 ** 32 - 0.5));
    const before = monitor.status;
    monitor.sample(rtt.averageMs);
    if (monitor.status !== before) count++;
  }
  return count;
}

Deno.test("HealthMonitor hardly flaps on a line whose mean is the threshold", () => {
  const flaps = changes({ mean: 100, samples: 10_000 });
  assert(flaps <= 60, `${flaps} changes`); // without the margin more than a thousand
});
