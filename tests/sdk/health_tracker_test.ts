import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { HealthMonitor } from "../../server/liveness/health.ts";
import { RttEstimator } from "../../server/liveness/rtt.ts";
import { settingsOf } from "../../server/sdk/settings.ts";
import { HealthTracker } from "../../server/sdk/health_tracker.ts";

Deno.test("HealthTracker judges as the hub does, from the same round trips", () => {
  const rtts = fc.array(fc.double({ min: 0, max: 2_000, noNaN: true }), { minLength: 1 });
  fc.assert(fc.property(rtts, (samples) => {
    const healthTracker = new HealthTracker(settingsOf({}), () => {});
    const monitor = new HealthMonitor();
    const rtt = new RttEstimator();
    for (const ms of samples) {
      healthTracker.sample(ms);
      rtt.sample(ms);
      monitor.sample(rtt.averageMs);
      assertEquals(healthTracker.status, monitor.status);
      assertEquals(healthTracker.rtt, rtt.lastMs);
      assert(Math.abs(healthTracker.jitter - rtt.deviationMs) < 1e-6);
    }
  }));
});

Deno.test("HealthTracker tells of a change, with what it was judged by, and only then", () => {
  // deno-lint-ignore no-explicit-any -- of the event's details
  const events: any[] = [];
  const healthTracker = new HealthTracker(settingsOf({}), (event) => events.push(event));
  for (const ms of [100, 100, 700]) healthTracker.sample(ms); // average 300, deviation 283
  healthTracker.reset();
  healthTracker.reset();
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
  assertEquals(healthTracker.rtt, undefined);
});

Deno.test("HealthTracker goes by thresholds that the user chose", () => {
  const settings = settingsOf({ healthyLatency: 1, degradedLatency: 2, poorLatency: 3 });
  const healthTracker = new HealthTracker(settings, () => {});
  const statuses = [1, 3, 5, 100].map((ms) => {
    healthTracker.reset();
    healthTracker.sample(ms);
    return healthTracker.status;
  });
  assertEquals(statuses, ["healthy", "poor", "critical", "critical"]);
});

Deno.test("HealthTracker looks back as far as the user chose", () => {
  const healthTracker = new HealthTracker(settingsOf({ maxSamples: 2 }), () => {});
  for (const ms of [900, 10, 30]) healthTracker.sample(ms);
  assertEquals([healthTracker.status, healthTracker.jitter], ["healthy", 10]);
});
