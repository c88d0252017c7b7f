import { assertEquals } from "@std/assert";
import { Metrics } from "../../server/metrics/metrics.ts";
import { countsOf, textOf, togetherOf } from "../../server/metrics/sums.ts";
import { mainThreadMetrics } from "../../server/metrics/table.ts";
import { externalValues } from "../support/external_values.ts";
import { Exposition } from "../support/server/exposition.ts";

/** The metrics of a thread with so many connections. */
function thread(opened: number, external = 1): Metrics {
  const metrics = new Metrics([{ profile: "json", pongWaitMs: 60_000, boundMs: 60_100 }]);
  metrics.read(externalValues(external));
  metrics.of("json").opened = opened;
  for (let i = 0; i < opened; i++) metrics.roundTrip("wire", 3);
  return metrics;
}

Deno.test("togetherOf() adds counters, gauges and buckets, and not what belongs to the process", async () => {
  const own = mainThreadMetrics({ historyBytes: () => 70 });
  const parts = [own, thread(2, 0).collect(), thread(3).collect()];
  const text = await textOf(togetherOf(parts));
  const all = new Exposition(text);
  assertEquals(all.value("systole_connections_opened_total"), 5);
  assertEquals(all.value("systole_connections"), 5);
  assertEquals(all.value("systole_rtt_seconds_bucket", { kind: "wire", le: "0.005" }), 5);
  assertEquals(all.value("systole_rtt_seconds_count", { kind: "wire" }), 5);
  assertEquals(all.value("systole_build_info"), 1);
  assertEquals(all.value("systole_detection_bound_seconds"), 60.1);
  assertEquals(all.value("systole_broker_up"), 0);
});

Deno.test("countsOf() keeps what a thread has counted, and none of its state", async () => {
  const ended = countsOf(thread(4).collect());
  const all = new Exposition(await textOf(togetherOf([ended, thread(1).collect()])));
  assertEquals(all.value("systole_connections_opened_total"), 5);
  assertEquals(all.value("systole_connections"), 1);
});

Deno.test("textOf() says what Metrics.text() says", async () => {
  const metrics = thread(2);
  const lines = (text: string) =>
    text.split("\n").filter((line) => !/^process_|^nodejs_/.test(line));
  assertEquals(lines(await textOf(metrics.collect())), lines(await metrics.text()));
});
