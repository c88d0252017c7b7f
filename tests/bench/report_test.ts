import { assert, assertEquals } from "@std/assert";
import { reportText, tableText } from "./report.ts";
import { SUITE } from "./figures.ts";
import { type Outcome, Results, targetOutcomes } from "./results.ts";

const results = new Results(SUITE);
for (const [server, values] of [["systole", [2.25, 2, 3]], ["ws", [9, 9, 9]]] as const) {
  for (const value of values) results.record(server, "fanout4", { value, loadBusy: 0.4 });
  results.count(server, "fanout", { what: "deliveries", count: 12_000 });
}

const OUTCOME: Outcome = {
  machine: { processor: "A processor", cores: 2, system: "linux 6" },
  tookSeconds: 61.4,
  repetitions: 3,
  ratio: "systole / server",
  servers: [{ name: "systole", label: "Systole 1" }, { name: "ws", label: "bare ws 8" }],
  missing: [{ name: "gorilla", why: "go is not on the PATH" }],
  figures: results.figures(),
  counts: results.counts,
  failures: [{ server: "ws", load: "storm", message: "lost: 1 of 50 clients ended" }],
  targets: targetOutcomes(results.figures(), SUITE.targets),
};

Deno.test("tableText() aligns columns, the first one to the left", () => {
  assertEquals(
    tableText([["", "median"], ["a server", "1.5"], ["b", "10.25"]]),
    [
      "          median",
      "----------------",
      "a server     1.5",
      "b          10.25",
    ].join("\n"),
  );
});

Deno.test("reportText() has a row for each server, what is missing, what failed, the targets", () => {
  assertEquals(
    reportText(OUTCOME, { format: "text", isShort: false }),
    `A processor, 2 cores, linux 6; 61 s in all
medians of 3 (lowest..highest); ratio = systole / server; load = share of a core that the load used

                                                     median       range  ratio  load
------------------------------------------------------------------------------------
fan-out to 1,000, 4 in flight: CPU per delivery, µs
  Systole 1                                            2.25  2.00..3.00         40 %
  bare ws 8                                            9.00  9.00..9.00   0.25  40 %

not measured: gorilla: go is not on the PATH

failed: ws, storm: lost: 1 of 50 clients ended

systole, fan-out to 1,000, 4 in flight: CPU per delivery: 0.250, target at most 0.27 of ws: met`,
  );
});

Deno.test("reportText() in short has the counts, and neither ratios nor targets", () => {
  const text = reportText(OUTCOME, { format: "text", isShort: true });
  assert(text.includes("fanout  systole  12,000 deliveries"), text);
  assert(text.includes("not measured: gorilla") && text.includes("failed: ws, storm"));
  assert(!/ratio|target/.test(text), text);
});

Deno.test("reportText() as Markdown has a column for each server, and the targets", () => {
  assertEquals(
    reportText(OUTCOME, { format: "markdown", isShort: false }),
    `| measured | Systole 1 | bare ws 8 |
| --- | --- | --- |
| fan-out to 1,000, 4 in flight: CPU per delivery, µs | 2.25 (2.00..3.00) | 9.00 (9.00..9.00); 0.25 |

| figure | target | in this run | result |
| --- | --- | --- | --- |
| fan-out to 1,000, 4 in flight: CPU per delivery | at most 0.27 of ws | 0.250 | met |`,
  );
});

Deno.test("reportText() as JSON is the outcome", () => {
  assertEquals(JSON.parse(reportText(OUTCOME, { format: "json", isShort: false })), OUTCOME);
});
