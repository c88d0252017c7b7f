import { assertEquals } from "@std/assert";
import { Admission } from "../../server/guard/admission.ts";

const OFF = { maxConnections: 0, maxConnectionsPerAddress: 0, maxUpgradesPerSecond: 0 };

Deno.test("enter() counts connections overall, leave() makes room again", () => {
  const admission = new Admission({ ...OFF, maxConnections: 2 }, 0);
  assertEquals(["a", "b", "c"].map((address) => admission.enter(address, 0)), [
    undefined,
    undefined,
    "too many connections",
  ]);
  admission.leave("a");
  assertEquals(admission.enter("c", 0), undefined);
  assertEquals(admission.open, 2);
});

Deno.test("enter() counts per address, and exempts those that have none", () => {
  const admission = new Admission({ ...OFF, maxConnectionsPerAddress: 1 }, 0);
  assertEquals(admission.enter("a", 0), undefined);
  assertEquals(admission.enter("a", 0), "too many from this address");
  assertEquals(admission.enter("b", 0), undefined);
  assertEquals([admission.enter("", 0), admission.enter("", 0)], [undefined, undefined]);
  admission.leave("a");
  assertEquals(admission.enter("a", 0), undefined);
});

Deno.test("enter() bounds how many come in at once", () => {
  const admission = new Admission({ ...OFF, maxUpgradesPerSecond: 5 }, 0);
  const admitted = (nowMs: number) =>
    Array.from({ length: 100 }, () => admission.enter("a", nowMs)).filter((no) => !no).length;
  assertEquals(admitted(0), 10); // the burst is twice the rate
  assertEquals(admitted(1_000), 5);
  assertEquals(admitted(60_000), 10);
});

Deno.test("enter() with all limits off lets everybody in", () => {
  const admission = new Admission(OFF, 0);
  for (let i = 0; i < 1_000; i++) assertEquals(admission.enter("a", 0), undefined);
});
