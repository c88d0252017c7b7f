import { assert, assertEquals } from "@std/assert";
import { clusterSuite } from "./cluster_figures.ts";
import { CLUSTER_LOAD_NAMES } from "./cluster_sizes.ts";
import { SUITE } from "./figures.ts";
import { Results, targetOutcomes } from "./results.ts";
import { SERVER_NAMES } from "./servers.ts";
import { SETUP_NAMES } from "./setups.ts";
import { LOAD_NAMES } from "./sizes.ts";

/** Samples of as many runs as values. */
function record<Figure extends string>(
  results: Results<Figure>,
  server: string,
  figure: NoInfer<Figure>,
  values: number[],
): void {
  for (const value of values) results.record(server, figure, { value, loadBusy: value / 10 });
}

Deno.test("Results.figures() has medians, ranges and Systole's ratio to each control", () => {
  const results = new Results(SUITE);
  record(results, "systole", "fanout4", [2, 1, 3]);
  record(results, "ws", "fanout4", [8, 9, 7]);
  const [figure, ...others] = results.figures();
  assertEquals(others, []);
  assertEquals([figure.name, figure.unit], ["fanout4", "µs"]);
  assertEquals(figure.servers, [
    { server: "systole", values: [2, 1, 3], median: 2, min: 1, max: 3, loadBusy: 0.2 },
    { server: "ws", values: [8, 9, 7], median: 8, min: 7, max: 9, loadBusy: 0.8, ratio: 0.25 },
  ]);
});

Deno.test("Results.figures() has no ratio where Systole was not measured", () => {
  const results = new Results(SUITE);
  record(results, "ws", "own", [3]);
  assertEquals(results.figures()[0].servers[0].ratio, undefined);
});

Deno.test("Results.figures() has no ratio to a control that used nothing", () => {
  const results = new Results(SUITE);
  record(results, "systole", "empty", [3]);
  record(results, "ws", "empty", [0]);
  assertEquals(results.figures()[0].servers[1].ratio, undefined);
});

Deno.test("Results.fail() leaves out the figures of that server and load, and no other", () => {
  const results = new Results(SUITE);
  for (const server of ["systole", "deno"] as const) {
    record(results, server, "fanout1", [1]);
    record(results, server, "own", [1]);
  }
  results.fail("deno", "fanout", "lost: 3 deliveries");
  const measured = results.figures().map(({ name, servers }) => [
    name,
    ...servers.map(({ server }) => server),
  ]);
  assertEquals(measured, [["fanout1", "systole"], ["own", "systole", "deno"]]);
  assertEquals(results.failures, [
    { server: "deno", load: "fanout", message: "lost: 3 deliveries" },
  ]);
});

Deno.test("Results.count() adds up by server, load and thing", () => {
  const results = new Results(SUITE);
  for (const count of [2, 3]) results.count("ws", "storm", { what: "upgrades", count });
  results.count("deno", "storm", { what: "upgrades", count: 4 });
  assertEquals(results.counts.map(({ count }) => count), [5, 4]);
});

Deno.test("targetOutcomes() compares a ratio to a control, or a figure itself", () => {
  const results = new Results(SUITE);
  record(results, "systole", "fanout1", [2]);
  record(results, "ws", "fanout1", [1]);
  record(results, "systole", "idleMemory", [12]);
  record(results, "systole", "upgrades", [75]);
  record(results, "ws", "upgrades", [100]);
  const outcomes = targetOutcomes(results.figures(), SUITE.targets);
  assertEquals(
    outcomes.map(({ figure, value, result }) => [figure, value, result]),
    [
      ["fanout1", 2, "missed"],
      ["upgrades", 0.75, "met"],
      ["idleMemory", 12, "met"],
    ],
  );
});

Deno.test("targetOutcomes() says nothing of what was not measured", () => {
  const results = new Results(SUITE);
  record(results, "ws", "fanout1", [1]);
  record(results, "systole", "fanout4", [1]);
  assertEquals(targetOutcomes(results.figures(), SUITE.targets), []);
});

Deno.test("Results.figures() has the ratio of each setup to one process", () => {
  const results = new Results(clusterSuite(2));
  record(results, "one", "publish", [2, 2, 2]);
  record(results, "two-redis", "publish", [6, 5, 7]);
  assertEquals(results.figures()[0].servers.map(({ ratio }) => ratio), [undefined, 3]);
});

Deno.test("The throughput of threads is a target where there are four cores", () => {
  const names = (cores: number) => clusterSuite(cores).targets.map(({ figure }) => figure);
  assertEquals(names(3), ["fanout1", "fanout4", "busiest"]);
  assertEquals(names(4), ["fanout1", "fanout4", "busiest", "throughput"]);
});

for (
  const [task, { figures, targets, subject }, loads, servers] of [
    ["bench", SUITE, LOAD_NAMES, SERVER_NAMES],
    ["bench:cluster", clusterSuite(4), CLUSTER_LOAD_NAMES, SETUP_NAMES],
  ] as const
) {
  Deno.test(`${task}: every load has a figure, each with a label of its own; each target a figure`, () => {
    const all = Object.values(figures);
    assertEquals(new Set(all.map(({ load }) => load)), new Set<string>(loads));
    assertEquals(new Set(all.map(({ label }) => label)).size, all.length);
    const names = new Set<string>(servers);
    assert(names.has(subject));
    for (const { figure, server, control = server } of targets) {
      assert(figure in figures && names.has(server) && names.has(control), figure);
    }
  });
}
