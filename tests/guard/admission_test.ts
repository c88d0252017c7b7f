import { assertEquals } from "@std/assert";
import { Admission, type AdmissionLimits } from "../../server/guard/admission.ts";
import { OPEN_GRANT } from "../../server/guard/grant.ts";

const OFF: AdmissionLimits = {
  maxConnections: 0,
  maxConnectionsPerAddress: 0,
  maxConnectionsPerKey: 0,
  maxUpgradesPerSecond: 0,
};

/** An admission on an open hub, told of addresses alone. */
function admissionOf(limits: Partial<AdmissionLimits>) {
  const admission = new Admission({ ...OFF, ...limits }, 0);
  return {
    admission,
    enter: (address: string, nowMs = 0) => admission.enter({ address, grant: OPEN_GRANT, nowMs }),
    leave: (address: string) => admission.leave({ address, grant: OPEN_GRANT }),
  };
}

Deno.test("enter() counts connections overall, leave() makes room again", () => {
  const { admission, enter, leave } = admissionOf({ maxConnections: 2 });
  assertEquals(["a", "b", "c"].map((address) => enter(address)), [
    undefined,
    undefined,
    "too many connections",
  ]);
  leave("a");
  assertEquals(enter("c"), undefined);
  assertEquals(admission.open, 2);
});

Deno.test("enter() counts per address, and exempts those that have none", () => {
  const { enter, leave } = admissionOf({ maxConnectionsPerAddress: 1 });
  assertEquals(enter("a"), undefined);
  assertEquals(enter("a"), "too many from this address");
  assertEquals(enter("b"), undefined);
  assertEquals([enter(""), enter("")], [undefined, undefined]);
  leave("a");
  assertEquals(enter("a"), undefined);
});

Deno.test("enter() bounds how many come in at once", () => {
  const { enter } = admissionOf({ maxUpgradesPerSecond: 5 });
  const admitted = (nowMs: number) =>
    Array.from({ length: 100 }, () => enter("a", nowMs)).filter((no) => !no).length;
  assertEquals(admitted(0), 10); // the burst is twice the rate
  assertEquals(admitted(1_000), 5);
  assertEquals(admitted(60_000), 10);
});

Deno.test("enter() with all limits off lets everybody in", () => {
  const { enter } = admissionOf({});
  for (let i = 0; i < 1_000; i++) assertEquals(enter("a"), undefined);
});

Deno.test("enter() counts per key, the key's own limit before the general one", () => {
  const admission = new Admission({ ...OFF, maxConnectionsPerKey: 2 }, 0);
  const enter = (keyId: string, maxConnections?: number) =>
    admission.enter({ address: "", grant: { ...OPEN_GRANT, keyId, maxConnections }, nowMs: 0 });
  assertEquals([enter("k"), enter("k"), enter("k")], [
    undefined,
    undefined,
    "too many for this key",
  ]);
  assertEquals([enter("own", 1), enter("own", 1)], [undefined, "too many for this key"]);
  assertEquals(enter("other"), undefined);
  admission.leave({ address: "", grant: { ...OPEN_GRANT, keyId: "k" } });
  assertEquals(enter("k"), undefined);
});
