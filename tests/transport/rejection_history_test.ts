import { assertEquals } from "@std/assert";
import { type Rejection, RejectionHistory } from "../../server/transport/rejection_history.ts";

const REJECTION: Rejection = {
  profile: "json",
  key: undefined,
  address: "192.0.2.1",
  reason: "unauthorized",
  detail: "no credential",
};

Deno.test("RejectionHistory lists the most recent first, and counts the same one", () => {
  const history = new RejectionHistory();
  history.add(REJECTION, 1);
  history.add({ ...REJECTION, address: "192.0.2.2" }, 2);
  history.add(REJECTION, 3);
  assertEquals(history.latest(10), [
    { ...REJECTION, count: 2, firstMs: 1, lastMs: 3 },
    { ...REJECTION, address: "192.0.2.2", count: 1, firstMs: 2, lastMs: 2 },
  ]);
  assertEquals(history.latest(1).length, 1);
  const found = history.latest(10, ({ address }) => address === "192.0.2.2");
  assertEquals(found.map(({ lastMs }) => lastMs), [2]);
});

Deno.test("RejectionHistory is bounded: the least recent goes, one client alone is one entry", () => {
  const history = new RejectionHistory(3);
  for (const address of ["a", "b", "c"]) history.add({ ...REJECTION, address }, 1);
  for (let n = 0; n < 100; n++) history.add({ ...REJECTION, address: "a" }, n);
  history.add({ ...REJECTION, address: "d" }, 200);
  assertEquals(history.latest(10).map(({ address }) => address), ["d", "a", "c"]);
});
