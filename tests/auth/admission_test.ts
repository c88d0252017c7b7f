import { assert, assertEquals } from "@std/assert";
import { Admission, type AdmissionLimits, type Permit } from "../../server/auth/admission.ts";
import { OPEN_GRANT } from "../../server/auth/grant.ts";
import { seeded } from "../support/fakes/seeded.ts";

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
  for (let i = 0; i < 1_000; i++) assertEquals(permitIn(admission).claim(OPEN_GRANT, 0), undefined);
});

Deno.test("claim() counts per key, the key's own limit before the general one", () => {
  const admission = admissionOf({ maxConnectionsPerKey: 2 });
  const claim = (keyId: string, maxConnections?: number) => {
    const permit = permitIn(admission);
    const claimed = permit.claim({ ...OPEN_GRANT, keyId, maxConnections }, 0) === undefined;
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

/** A hub with limits, the connections of which can be replaced. */
class ReplaceableHub {
  readonly admission: Admission;
  nowMs = 0;
  #opened = 0;

  constructor(limits: Partial<AdmissionLimits>) {
    this.admission = admissionOf(limits);
  }

  /** Opens a connection. @returns it with its id, or why it is rejected */
  open(
    { address = "a", keyId, replaces }: { address?: string; keyId?: string; replaces?: string } =
      {},
  ): { id: string; permit: Permit } | string {
    const permit = this.admission.enter(address, this.nowMs, replaces);
    if (typeof permit === "string") return permit;
    const reached = permit.claim({ ...OPEN_GRANT, keyId }, this.nowMs);
    assert(!(reached instanceof Promise), "no other node is asked");
    if (reached !== undefined) {
      permit.release();
      return reached;
    }
    const id = `${++this.#opened}`;
    permit.opened(id);
    return { id, permit };
  }

  /** Opens one. @throws {AssertionError} when it is rejected */
  opened(connection: Parameters<ReplaceableHub["open"]>[0] = {}): { id: string; permit: Permit } {
    const opened = this.open(connection);
    assert(typeof opened !== "string", `${opened}`);
    return opened;
  }
}

for (
  const [name, limits, keyId, reason] of [
    ["key", { maxConnectionsPerKey: 1 }, "k", "too_many_for_key"],
    ["address", { maxConnectionsPerAddress: 1 }, undefined, "too_many_from_address"],
  ] as const
) {
  Deno.test(`A connection that replaces another one is counted with it by ${name}, for 10 s`, () => {
    const hub = new ReplaceableHub(limits);
    const old = hub.opened({ keyId });
    assertEquals(hub.open({ keyId }), reason);
    const replaces = old.id;
    const replacement = hub.opened({ keyId, replaces });
    assertEquals(hub.open({ keyId }), reason, "the old one is counted");
    old.permit.release();
    assertEquals(hub.open({ keyId }), reason, "the new one is counted in its place");
    replacement.permit.release();
    hub.opened({ keyId }).permit.release();
    assertEquals(hub.admission.open, 0);
  });

  Deno.test(`A connection that is replaced and stays is counted by ${name} beside the other after 10 s`, () => {
    const hub = new ReplaceableHub(limits);
    const old = hub.opened({ keyId });
    const replacement = hub.opened({ keyId, replaces: old.id });
    hub.nowMs = 9_999;
    assertEquals(hub.open({ keyId, replaces: old.id }), reason, "one replacement at a time");
    assertEquals(hub.open({ keyId, replaces: replacement.id }), reason, "no chain");
    hub.nowMs = 10_000;
    for (const { id } of [old, replacement]) {
      assertEquals(hub.open({ keyId, replaces: id }), reason, "the limit is exceeded already");
    }
    old.permit.release();
    assertEquals(hub.open({ keyId }), reason);
    const last = hub.opened({ keyId, replaces: replacement.id });
    for (const { permit } of [replacement, last]) permit.release();
    hub.opened({ keyId });
  });

  Deno.test(`A replacement that ends first gives up nothing that is counted by ${name}`, () => {
    const hub = new ReplaceableHub(limits);
    const old = hub.opened({ keyId });
    for (let times = 0; times < 3; times++) {
      hub.opened({ keyId, replaces: old.id }).permit.release();
      assertEquals(hub.open({ keyId }), reason);
    }
    old.permit.release();
    assertEquals(hub.open({ keyId, replaces: old.id }) === reason, false);
    assertEquals(hub.open({ keyId, replaces: old.id }), reason, "it has ended");
  });
}

Deno.test("A connection that replaces one of another user is counted as usual", () => {
  const hub = new ReplaceableHub({ maxConnectionsPerKey: 1, maxConnectionsPerAddress: 2 });
  const [a, b] = [hub.opened({ keyId: "a" }), hub.opened({ keyId: "b" })];
  const replaces = a.id;
  assertEquals(hub.open({ keyId: "b", replaces }), "too_many_from_address");
  b.permit.release();
  hub.opened({ keyId: "b", replaces });
  assertEquals(hub.open({ keyId: "b", address: "c", replaces }), "too_many_for_key");
  assertEquals(hub.open({ keyId: "c" }), "too_many_from_address");
  hub.opened({ keyId: "a", address: "d", replaces });
});

Deno.test("Without users a connection of another address is counted as usual", () => {
  const hub = new ReplaceableHub({ maxConnectionsPerAddress: 1 });
  const { id: replaces } = hub.opened({ address: "a" });
  hub.opened({ address: "b" });
  assertEquals(hub.open({ address: "b", replaces }), "too_many_from_address");
  hub.opened({ address: "c", replaces });
  assertEquals(hub.open({ address: "c" }), "too_many_from_address");
});

Deno.test("A user who moves to another address is counted there once the old connection ends", () => {
  const hub = new ReplaceableHub({ maxConnectionsPerAddress: 1, maxConnectionsPerKey: 2 });
  hub.opened({ keyId: "b", address: "b" });
  const old = hub.opened({ keyId: "a", address: "a" });
  const replacement = hub.opened({ keyId: "a", address: "b", replaces: old.id });
  old.permit.release();
  hub.opened({ keyId: "a", address: "a" });
  replacement.permit.release();
  assertEquals(hub.open({ keyId: "b", address: "b" }), "too_many_from_address");
});

Deno.test("A connection that replaces another one counts for MAX_CONNECTIONS", () => {
  const hub = new ReplaceableHub({ maxConnections: 1, maxConnectionsPerKey: 1 });
  const { id: replaces } = hub.opened({ keyId: "k" });
  assertEquals(hub.open({ keyId: "k", replaces }), "too_many_connections");
});

Deno.test("An old connection that ends while the credential of its replacement is checked is no exemption", () => {
  const admission = admissionOf({ maxConnectionsPerKey: 1 });
  const grant = { ...OPEN_GRANT, keyId: "k" };
  const old = permitIn(admission);
  assertEquals(old.claim(grant, 0), undefined);
  old.opened("old");
  const replacement = admission.enter("a", 0, "old");
  assert(typeof replacement !== "string");
  old.release();
  const other = permitIn(admission);
  assertEquals(other.claim(grant, 0), undefined);
  assertEquals(replacement.claim(grant, 0), "too_many_for_key");
});

Deno.test("No way of replacing connections exceeds twice a limit, and nothing stays counted", () => {
  const LIMIT = 3;
  for (const seed of [1, 2, 3, 4, 5]) {
    const random = seeded(seed);
    const oneOf = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)];
    const hub = new ReplaceableHub({
      maxConnectionsPerKey: LIMIT,
      maxConnectionsPerAddress: LIMIT,
    });
    const open = new Map<string, { permit: Permit; keyId: string; address: string }>();
    let most = 0;
    for (let step = 0; step < 5_000; step++) {
      hub.nowMs += random() * 2_000;
      const [keyId, address] = [oneOf(["k", "l"]), oneOf(["a", "b"])];
      const ids = [...open.keys()];
      if (random() < 0.3 && ids.length > 0) {
        const id = oneOf(ids);
        open.get(id)!.permit.release();
        open.delete(id);
        continue;
      }
      const opened = hub.open({ keyId, address, replaces: oneOf([...ids, "none"]) });
      if (typeof opened !== "string") open.set(opened.id, { ...opened, keyId, address });
      for (const by of ["keyId", "address"] as const) {
        for (const name of ["k", "l", "a", "b"]) {
          most = Math.max(most, [...open.values()].filter((it) => it[by] === name).length);
        }
      }
    }
    assert(most > LIMIT && most <= 2 * LIMIT, `${most} at the same time`);
    for (const { permit } of open.values()) permit.release();
    for (const keyId of ["k", "l"]) {
      for (let count = 0; count < LIMIT; count++) hub.opened({ keyId, address: keyId });
      assertEquals(hub.open({ keyId, address: "other" }), "too_many_for_key");
    }
    assertEquals(hub.admission.open, 2 * LIMIT);
  }
});
