import { assert, assertEquals } from "@std/assert";
import { Admission, type AdmissionLimits, type Permit } from "../../server/auth/admission.ts";
import { OPEN_GRANT } from "../../server/auth/grant.ts";

const OFF: AdmissionLimits = {
  maxConnections: 0,
  maxConnectionsPerAddress: 0,
  maxConnectionsPerKey: 0,
  maxUpgradesPerSecond: 0,
};

const admissionOf = (limits: Partial<AdmissionLimits>) => new Admission({ ...OFF, ...limits }, 0);

/** Enters. @throws {AssertionError} when there is no permit */
function permitIn(admission: Admission, address = "a", nowMs = 0): Permit {
  const permit = admission.enter(address, nowMs);
  assert(typeof permit !== "string", `${address}: ${permit}`);
  return permit;
}

Deno.test("enter() counts permits overall, release() makes room again, once", () => {
  const admission = admissionOf({ maxConnections: 2 });
  const [first] = [permitIn(admission), permitIn(admission, "b")];
  assertEquals(admission.enter("c", 0), "too_many_connections");
  first.release();
  first.release();
  permitIn(admission, "c");
  assertEquals([admission.enter("d", 0), admission.open], ["too_many_connections", 2]);
});

Deno.test("enter() counts per address, and exempts those that have none", () => {
  const admission = admissionOf({ maxConnectionsPerAddress: 1 });
  const first = permitIn(admission, "a");
  assertEquals(admission.enter("a", 0), "too_many_from_address");
  for (const address of ["b", "", ""]) permitIn(admission, address);
  first.release();
  permitIn(admission, "a");
});

Deno.test("enter() bounds how many come at once, whatever becomes of them", () => {
  const admission = admissionOf({ maxUpgradesPerSecond: 5 });
  const admitted = (nowMs: number) => {
    const permits = Array.from({ length: 100 }, () => admission.enter("a", nowMs));
    const given = permits.filter((permit) => typeof permit !== "string");
    for (const permit of given) permit.release();
    return given.length;
  };
  assertEquals(admitted(0), 10); // the burst is twice the rate
  assertEquals(admitted(1_000), 5);
  assertEquals(admitted(60_000), 10);
  assertEquals(admission.enter("a", 60_000), "too_many_at_once");
});

Deno.test("enter() does not charge the rate for whom there is no permit", () => {
  const admission = admissionOf({ maxUpgradesPerSecond: 1, maxConnections: 1 });
  const first = permitIn(admission);
  for (let i = 0; i < 9; i++) assertEquals(admission.enter("a", 0), "too_many_connections");
  first.release();
  permitIn(admission);
});

Deno.test("enter() with all limits off lets everybody in", () => {
  const admission = admissionOf({});
  for (let i = 0; i < 1_000; i++) assert(permitIn(admission).claim(OPEN_GRANT));
});

Deno.test("claim() counts per key, the key's own limit before the general one", () => {
  const admission = admissionOf({ maxConnectionsPerKey: 2 });
  const claim = (keyId: string, maxConnections?: number) => {
    const permit = permitIn(admission);
    const claimed = permit.claim({ ...OPEN_GRANT, keyId, maxConnections });
    if (!claimed) permit.release();
    return { claimed, permit };
  };
  const all = [
    claim("k"),
    claim("k"),
    claim("k"),
    claim("own", 1),
    claim("own", 1),
    claim("other"),
  ];
  assertEquals(all.map(({ claimed }) => claimed), [true, true, false, true, false, true]);
  assertEquals([claim("k").claimed, admission.open], [false, 4]);
  all[0].permit.release();
  assertEquals(claim("k").claimed, true);
});
