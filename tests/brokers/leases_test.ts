import { assertEquals } from "@std/assert";
import { Leases } from "../../server/brokers/leases.ts";

const counters = (all: Record<string, number>) =>
  new Map(Object.entries(all).map(([node, counter]) => [node, `${counter}`]));

Deno.test("A node whose counter stands still for a lease is lost, once", () => {
  const leases = new Leases();
  const lost = (ms: number, a: number) => leases.observe(counters({ a, b: ms }), ms).lost;
  assertEquals([lost(0, 1), lost(2_000, 2), lost(4_000, 2), lost(6_000, 2)], [[], [], [], []]);
  assertEquals(lost(7_999, 2), []);
  assertEquals(lost(8_000, 2), ["a"]);
  assertEquals([...leases.alive], ["b"]);
});

Deno.test("A node that has left, or was removed, is not alive, and one that is back is", () => {
  const leases = new Leases();
  leases.observe(counters({ a: 1, b: 1 }), 0);
  assertEquals(leases.observe(counters({ b: 2 }), 2_000), { lost: [], left: ["a"] });
  assertEquals([...leases.alive], ["b"]);
  leases.observe(counters({ a: 1, b: 3 }), 4_000);
  assertEquals([...leases.alive].sort(), ["a", "b"]);
});

Deno.test("After an engine that has not answered, a whole lease passes first", () => {
  const leases = new Leases();
  const lost = (ms: number) => leases.observe(counters({ a: 1, b: ms }), ms).lost;
  lost(0);
  lost(2_000);
  leases.interrupted();
  assertEquals([lost(30_000), lost(32_000), lost(35_999)], [[], [], []]);
  assertEquals(lost(36_000), ["a"]);
});

Deno.test("A node that was not answered for two renewals lets a whole lease pass first", () => {
  const leases = new Leases();
  const lost = (ms: number) => leases.observe(counters({ a: 1, b: ms }), ms).lost;
  lost(0);
  lost(2_000);
  assertEquals([lost(9_000), lost(11_000), lost(13_000)], [[], [], []]);
  assertEquals(lost(15_000), ["a"]);
});

Deno.test("A node that is heard while counters are asked for is not gone by their answer", () => {
  const leases = new Leases();
  leases.observe(counters({ a: 1, b: 1 }), 0);
  leases.ask();
  leases.heard("a", 2_010);
  assertEquals(leases.observe(counters({ b: 2 }), 2_020).left, []);
  leases.ask();
  assertEquals(leases.observe(counters({ b: 3 }), 4_000).left, ["a"]);
});
