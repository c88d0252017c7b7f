import { assertEquals } from "@std/assert";
import { samplesOf } from "../../server/metrics/exposition.ts";
import { Histogram } from "../../server/metrics/histogram.ts";

Deno.test("Histogram counts a value in the first bucket whose bound it does not exceed", () => {
  const histogram = new Histogram([0.1, 1]);
  for (const value of [0, 0.1, 0.100001, 1, 1.1, Infinity]) histogram.add(value);
  assertEquals([...histogram.counts], [2, 2, 2]);
  assertEquals(histogram.upTo(), [2, 4, 6]);
});

Deno.test("Histogram knows the sum of all values", () => {
  const histogram = new Histogram([1]);
  for (const value of [0.25, 0.5, 4]) histogram.add(value);
  assertEquals(histogram.sum, 4.75);
});

Deno.test("samplesOf() gives buckets that include all below them, sum and count, for each histogram", () => {
  const [here, there] = [new Histogram([1, 2]), new Histogram([1, 2])];
  here.add(1.5);
  here.add(9);
  const samples = samplesOf("m", [[{ at: "here" }, here], [{ at: "there" }, there]]);
  assertEquals(samples.slice(0, 5), [
    { metricName: "m_bucket", labels: { at: "here", le: 1 }, value: 0 },
    { metricName: "m_bucket", labels: { at: "here", le: 2 }, value: 1 },
    { metricName: "m_bucket", labels: { at: "here", le: "+Inf" }, value: 2 },
    { metricName: "m_sum", labels: { at: "here" }, value: 10.5 },
    { metricName: "m_count", labels: { at: "here" }, value: 2 },
  ]);
  assertEquals(samples.slice(5).map(({ value }) => value), [0, 0, 0, 0, 0]);
});
