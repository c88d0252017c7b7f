import { assert, assertEquals } from "@std/assert";
import { FIGURES, Results, targetOutcomes, TARGETS } from "./results.ts";
import { LOAD_NAMES } from "./sizes.ts";

/** Samples of as many runs as values. */
function record(
  results: Results,
  server: Parameters<Results["record"]>[0],
  figure: Parameters<Results["record"]>[1],
  values: number[],
): void {
  for (const value of values) results.record(server, figure, { value, loadBusy: value / 10 });
}

Deno.test("Results.figures() has medians, ranges and Systole's ratio to each control", () => {
  const results = new Results();
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
  const results = new Results();
  record(results, "ws", "own", [3]);
  assertEquals(results.figures()[0].servers[0].ratio, undefined);
});

Deno.test("Results.figures() has no ratio to a control that used nothing", () => {
  const results = new Results();
  record(results, "systole", "empty", [3]);
  record(results, "ws", "empty", [0]);
  assertEquals(results.figures()[0].servers[1].ratio, undefined);
});

Deno.test("Results.fail() leaves out the figures of that server and load, and no other", () => {
  const results = new Results();
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
  const results = new Results();
  for (const count of [2, 3]) results.count("ws", "storm", { what: "upgrades", count });
  results.count("deno", "storm", { what: "upgrades", count: 4 });
  assertEquals(results.counts.map(({ count }) => count), [5, 4]);
});

Deno.test("targetOutcomes() compares a ratio to a control, or a figure itself", () => {
  const results = new Results();
  record(results, "systole", "fanout1", [2]);
  record(results, "ws", "fanout1", [1]);
  record(results, "systole", "idleMemory", [12]);
  record(results, "systole", "upgrades", [75]);
  record(results, "ws", "upgrades", [100]);
  const outcomes = targetOutcomes(results.figures());
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
  const results = new Results();
  record(results, "ws", "fanout1", [1]);
  record(results, "systole", "fanout4", [1]);
  assertEquals(targetOutcomes(results.figures()), []);
});

Deno.test("Every load has a figure, each with a label of its own; each target a figure", () => {
  const figures = Object.values(FIGURES);
  assertEquals(new Set(figures.map(({ load }) => load)), new Set(LOAD_NAMES));
  assertEquals(new Set(figures.map(({ label }) => label)).size, figures.length);
  for (const { figure } of TARGETS) assert(figure in FIGURES);
});
