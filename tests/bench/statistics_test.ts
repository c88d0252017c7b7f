/** What the figures of the bench are made of: medians, percentiles, counts of deliveries. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { DeliveryCounter } from "./delivery_counter.ts";
import { LatencyHistogram } from "./latency_histogram.ts";
import { spreadOf } from "./measure.ts";

Deno.test("spreadOf() is median, lowest and highest of values in any order", () => {
  assertEquals(spreadOf([5, 1, 9, 3, 7]), { median: 5, min: 1, max: 9 });
  assertEquals(spreadOf([4, 1, 3, 2]), { median: 2.5, min: 1, max: 4 });
  assertEquals(spreadOf([10, 9]), { median: 9.5, min: 9, max: 10 });
});

Deno.test("spreadOf() refuses no values", () => {
  assertThrows(() => spreadOf([]), RangeError);
});

Deno.test("LatencyHistogram percentiles are at most 1.6 % too high, and never too low", () => {
  const histogram = new LatencyHistogram();
  for (let us = 1; us <= 10_000; us++) histogram.record(us);
  for (const share of [0.01, 0.5, 0.99]) {
    const us = histogram.percentileUs(share);
    assert(us >= share * 10_000 && us <= share * 10_000 * 1.016, `${share}: ${us}`);
  }
  assertEquals(histogram.percentileUs(1), 10_000);
  assertEquals(histogram.maxUs, 10_000);
});

Deno.test("LatencyHistogram of nothing, and of a clock that stepped back, is 0", () => {
  const histogram = new LatencyHistogram();
  assertEquals(histogram.percentileUs(0.5), 0);
  histogram.record(-5);
  assertEquals(histogram.percentileUs(0.99), 0);
});

Deno.test("DeliveryCounter holds a publication in flight until every subscriber has it", () => {
  const counter = new DeliveryCounter(2, 2);
  counter.publish();
  counter.publish();
  assertEquals([counter.receive(0), counter.receive(0)], [0, 1]);
  assertEquals(counter.inFlight, 2);
  assertEquals(counter.missing(), { deliveries: 2, subscribers: 1 });
  counter.receive(1);
  assertEquals(counter.inFlight, 1);
  counter.receive(1);
  assertEquals([counter.inFlight, counter.published], [0, 2]);
  assertEquals(counter.missing(), { deliveries: 0, subscribers: 0 });
});

Deno.test("DeliveryCounter refuses more in flight than allowed, and a delivery of nothing", () => {
  const counter = new DeliveryCounter(1, 1);
  assertThrows(() => counter.receive(0), RangeError);
  const other = new DeliveryCounter(1, 1);
  other.publish();
  assertThrows(() => other.publish(), RangeError);
});
