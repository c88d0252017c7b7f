import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { HealthMonitor } from "../../server/liveness/health.ts";
import { RttEstimator } from "../../server/liveness/rtt.ts";
import { settingsOf } from "../../server/sdk/settings.ts";
import { Wellbeing } from "../../server/sdk/health_tracker.ts";

Deno.test("Wellbeing judges as the hub does, from the same round trips", () => {
  const rtts = fc.array(fc.double({ min: 0, max: 2_000, noNaN: true }), { minLength: 1 });
  fc.assert(fc.property(rtts, (samples) => {
    const wellbeing = new Wellbeing(settingsOf({}), () => {});
    const monitor = new HealthMonitor();
    const rtt = new RttEstimator();
    for (const ms of samples) {
      wellbeing.sample(ms);
      rtt.sample(ms);
      monitor.sample(rtt.averageMs);
      assertEquals(wellbeing.status, monitor.status);
      assertEquals(wellbeing.rtt, rtt.lastMs);
      assert(Math.abs(wellbeing.jitter - rtt.deviationMs) < 1e-6);
    }
  }));
});

Deno.test("Wellbeing tells of a change, with what it was judged by, and only then", () => {
  // deno-lint-ignore no-explicit-any -- of the event's details
  const events: any[] = [];
  const wellbeing = new Wellbeing(settingsOf({}), (event) => events.push(event));
  for (const ms of [100, 100, 700]) wellbeing.sample(ms); // average 300, deviation 283
  wellbeing.reset();
  wellbeing.reset();
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
  assertEquals(wellbeing.rtt, undefined);
});

Deno.test("Wellbeing goes by thresholds that the user chose", () => {
  const settings = settingsOf({ healthyLatency: 1, degradedLatency: 2, poorLatency: 3 });
  const wellbeing = new Wellbeing(settings, () => {});
  const statuses = [1, 3, 5, 100].map((ms) => {
    wellbeing.reset();
    wellbeing.sample(ms);
    return wellbeing.status;
  });
  assertEquals(statuses, ["healthy", "poor", "critical", "critical"]);
});

Deno.test("Wellbeing looks back as far as the user chose", () => {
  const wellbeing = new Wellbeing(settingsOf({ maxSamples: 2 }), () => {});
  for (const ms of [900, 10, 30]) wellbeing.sample(ms);
  assertEquals([wellbeing.status, wellbeing.jitter], ["healthy", 10]);
});
