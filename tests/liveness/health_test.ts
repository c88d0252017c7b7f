import { assert, assertEquals, assertThrows } from "@std/assert";
import { HEALTH_RULES, HealthMonitor, type HealthStatus } from "../../server/liveness/health.ts";
import { RttEstimator } from "../../server/liveness/rtt.ts";

/** An average is a sample of it; the rest are calls. */
type Step = number | null | "timeout" | "alive" | "die" | "reset";

function take(monitor: HealthMonitor, step: Step, nowMs = 0): HealthStatus | undefined {
  if (typeof step === "number" || step === null) return monitor.sample(step, nowMs);
  return monitor[step]();
}

/** Takes the steps. @returns what each answered, "." for no change */
function told(monitor: HealthMonitor, steps: readonly Step[]): string {
  return steps.map((step) => {
    const before = monitor.status;
    const change = take(monitor, step);
    assertEquals(monitor.status, change ?? before);
    assert(change !== before);
    return change ?? ".";
  }).join(" ");
}

Deno.test("HealthMonitor starts unknown", () => {
  const monitor = new HealthMonitor();
  assertEquals(monitor.status, "unknown");
  assertEquals([monitor.consecutiveTimeouts, monitor.lastResponseMs], [0, null]);
});

Deno.test("sample() judges the first average by the thresholds themselves", () => {
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
    assertEquals(new HealthMonitor().sample(average, 0), status, `${average}`);
  }
});

Deno.test("HealthMonitor answers each step with the new status, or with nothing", () => {
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
    ["timeouts before any answer", ["timeout", "timeout", "timeout"], "timeout . dead"],
    ["three in a row", [80, "timeout", "timeout", "timeout"], "healthy timeout . dead"],
    [
      "three not in a row",
      ["timeout", "timeout", 80, "timeout", "timeout"],
      "timeout . healthy timeout .",
    ],
    ["a timeout answered without a time", [600, "timeout", null], "poor timeout poor"],
    ["the margin holds through a timeout", [101, "timeout", 95], "degraded timeout degraded"],
    ["worse after a timeout", [80, "timeout", 700], "healthy timeout poor"],
    [
      "other life parts timeouts",
      ["timeout", "timeout", "alive", "timeout", "timeout", "timeout"],
      "timeout . unknown timeout . dead",
    ],
    ["other life restores the band", [600, "timeout", "alive", "alive"], "poor timeout poor ."],
    ["other life alone is no health", ["alive"], "."],
    [
      "death is final",
      ["timeout", "timeout", "timeout", "timeout", 80, "alive", "die", null],
      "timeout . dead . . . . .",
    ],
    ["a verdict", [80, "die", "die"], "healthy dead ."],
    ["reset after death", [2_000, "die", "reset", 95], "critical dead unknown healthy"],
    [
      "reset forgets timeouts",
      ["timeout", "timeout", "reset", "timeout"],
      "timeout . unknown timeout",
    ],
    ["reset forgets the band", [101, "reset", 95], "degraded unknown healthy"],
    ["reset of nothing", ["reset"], "."],
  ];
  for (const [name, steps, answers] of rows) {
    assertEquals(told(new HealthMonitor(), steps), answers, name);
  }
});

Deno.test("consecutiveTimeouts counts to death, and an answer or other life clears it", () => {
  const monitor = new HealthMonitor();
  const steps: Step[] = ["timeout", "timeout", 80, "timeout", "alive", "timeout", "timeout"];
  assertEquals(
    [...steps, "timeout" as const, "timeout" as const].map((step) => {
      take(monitor, step);
      return monitor.consecutiveTimeouts;
    }),
    [1, 2, 0, 1, 0, 1, 2, 3, 3],
  );
});

Deno.test("lastResponseMs is the last answer's time; other life and the dead have none", () => {
  const monitor = new HealthMonitor();
  const rows: [Step, number, number | null][] = [
    ["alive", 1_000, null],
    [80, 2_000, 2_000],
    ["timeout", 3_000, 2_000],
    ["alive", 4_000, 2_000],
    [null, 5_000, 5_000],
    ["die", 6_000, 5_000],
    [80, 7_000, 5_000],
    ["reset", 8_000, null],
    [80, 0, 0],
  ];
  for (const [step, nowMs, last] of rows) {
    take(monitor, step, nowMs);
    assertEquals(monitor.lastResponseMs, last, `${step} at ${nowMs}`);
  }
});

Deno.test("HealthMonitor goes by the rules it is given", () => {
  const rules = { healthyMs: 10, degradedMs: 20, poorMs: 30, deadTimeouts: 2 };
  const steps: Step[] = [10, 11, 21, 31, 27, 18, 9, "timeout", "timeout"];
  const answers = "healthy degraded poor critical poor degraded healthy timeout dead";
  assertEquals(told(new HealthMonitor(rules), steps), answers);
});

Deno.test("HealthMonitor with deadTimeouts 0 leaves death to the verdict", () => {
  const monitor = new HealthMonitor({ ...HEALTH_RULES, deadTimeouts: 0 });
  for (let i = 0; i < 100; i++) monitor.timeout();
  assertEquals(monitor.status, "timeout");
  assertEquals(monitor.die(), "dead");
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
    if (monitor.sample(rtt.averageMs, i) !== undefined) count++;
  }
  return count;
}

Deno.test("HealthMonitor hardly flaps on a line whose mean is the threshold", () => {
  const flaps = changes({ mean: 100, samples: 10_000 });
  assert(flaps <= 60, `${flaps} changes`); // without the margin more than a thousand
});
