import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { HealthMonitor } from "../../server/liveness/health.ts";
import { RttEstimator } from "../../server/liveness/rtt.ts";
import { settingsOf } from "../../server/sdk/settings.ts";
import { HealthTracker } from "../../server/sdk/health_tracker.ts";

Deno.test("HealthTracker has the hub's status for the same round trips", () => {
  const rtts = fc.array(fc.double({ min: 0, max: 2_000, noNaN: true }), { minLength: 1 });
  fc.assert(fc.property(rtts, (samples) => {
    const tracker = new HealthTracker(settingsOf({}), () => {});
    const monitor = new HealthMonitor();
    const rtt = new RttEstimator();
    for (const ms of samples) {
      tracker.sample(ms);
      rtt.sample(ms);
      monitor.sample(rtt.averageMs);
      assertEquals(tracker.status, monitor.status);
      assertEquals(tracker.rtt, rtt.lastMs);
      assert(Math.abs(tracker.jitter - rtt.deviationMs) < 1e-6);
    }
  }));
});

Deno.test("HealthTracker emits each change with its figures, and nothing without a change", () => {
  // deno-lint-ignore no-explicit-any -- of the event's details
  const events: any[] = [];
  const tracker = new HealthTracker(settingsOf({}), (event) => events.push(event));
  for (const ms of [100, 100, 700]) tracker.sample(ms); // average 300, deviation 283
  tracker.reset();
  tracker.reset();
  assertEquals(
    events.map(({ type, previous, status, latency, jitter }) => [
      ...[type, previous, status, latency, Math.round(jitter)],
    ]),
    [
      ["health", "unknown", "healthy", 100, 0],
      ["health", "healthy", "degraded", 300, 283],
      ["health", "degraded", "unknown", undefined, 0],
    ],
  );
  assertEquals(tracker.rtt, undefined);
});

Deno.test("HealthTracker uses the user's thresholds", () => {
  const settings = settingsOf({ healthyLatency: 1, degradedLatency: 2, poorLatency: 3 });
  const tracker = new HealthTracker(settings, () => {});
  const statuses = [1, 3, 5, 100].map((ms) => {
    tracker.reset();
    tracker.sample(ms);
    return tracker.status;
  });
  assertEquals(statuses, ["healthy", "poor", "critical", "critical"]);
});

Deno.test("HealthTracker averages the number of samples that the user chose", () => {
  const tracker = new HealthTracker(settingsOf({ maxSamples: 2 }), () => {});
  for (const ms of [900, 10, 30]) tracker.sample(ms);
  assertEquals([tracker.status, tracker.jitter], ["healthy", 10]);
});
