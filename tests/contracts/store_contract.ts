/**
 * What every Store must do. Run by each implementation's own test.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Clock } from "../../server/base/clock.ts";
import type { Entry, Store } from "../../server/stores/store.ts";
import { VirtualClock } from "../support/fakes/virtual_clock.ts";

/** Data of a store, empty at first. */
export interface StoreSubject extends AsyncDisposable {
  /** Opens the store, as a process does after a restart. */
  readonly open: (clock: Clock) => Promise<Store>;
  /** Whether several nodes may open it at the same time. */
  readonly shared: boolean;
}

/** Registers the tests. @param name of the implementation */
export function testStore(name: string, makeSubject: () => Promise<StoreSubject>): void {
  const test = (what: string, body: (store: Store, clock: VirtualClock) => Promise<void>) =>
    Deno.test(`${name} ${what}`, async () => {
      await using subject = await makeSubject();
      const clock = new VirtualClock();
      const store = await subject.open(clock);
      await body(store, clock);
      await store.close();
      await store.close();
    });
  const entry = (clock: Clock, id: string, value: unknown = null): Entry => (
    { id, value, expiresAtMs: clock.wall() + 1_000 }
  );

  test(
    "get() returns what was put, any JSON value, by collection and id",
    async (store, clock) => {
      const value = { text: "ü", list: [1, null, { deep: true }], n: 1.5 };
      await store.put("a", entry(clock, "x", value));
      await store.put("a", entry(clock, "jwt:Zoë/ x", null));
      await store.put("b", entry(clock, "x", "other"));
      assertEquals(await store.get("a", "x"), entry(clock, "x", value));
      assertEquals((await store.get("a", "jwt:Zoë/ x"))?.value, null);
      assertEquals((await store.get("b", "x"))?.value, "other");
      assertEquals(await store.get("a", "y"), undefined);
      assertEquals(await store.get("c", "x"), undefined);
      const ids = (await store.list("a")).map(({ id }) => id).sort();
      assertEquals(ids, ["jwt:Zoë/ x", "x"]);
      assertEquals(await store.list("c"), []);
    },
  );

  test("put() replaces value and expiry", async (store, clock) => {
    await store.put("a", entry(clock, "x", 1));
    clock.block(900);
    await store.put("a", entry(clock, "x", 2));
    clock.block(900);
    assertEquals((await store.get("a", "x"))?.value, 2);
    assertEquals((await store.list("a")).length, 1);
  });

  test("returns no entry from the moment it expires", async (store, clock) => {
    await store.put("a", entry(clock, "x"));
    clock.block(999);
    assertEquals((await store.get("a", "x"))?.id, "x");
    clock.block(1);
    assertEquals(await store.get("a", "x"), undefined);
    assertEquals(await store.list("a"), []);
    assertEquals(await store.take("a", "x"), undefined);
  });

  test(
    "put() accepts an entry that has already expired and never returns it",
    async (store, clock) => {
      await store.put("a", { id: "x", value: 1, expiresAtMs: clock.wall() - 5_000 });
      assertEquals(await store.get("a", "x"), undefined);
    },
  );

  test("take() returns an entry once", async (store, clock) => {
    await store.put("a", entry(clock, "x", 7));
    assertEquals((await store.take("a", "x"))?.value, 7);
    assertEquals(await store.take("a", "x"), undefined);
    assertEquals(await store.get("a", "x"), undefined);
    await store.put("a", entry(clock, "x", 8));
    assertEquals((await store.take("a", "x"))?.value, 8);
  });

  Deno.test(`${name} take() returns an entry to one of many callers, on any node`, async () => {
    await using subject = await makeSubject();
    const clock = new VirtualClock();
    const first = await subject.open(clock);
    const nodes = [first, subject.shared ? await subject.open(clock) : first];
    for (let round = 0; round < 10; round++) {
      await nodes[0].put("a", entry(clock, "x", round));
      const callers = Array.from({ length: 10 }, (_, i) => nodes[i % 2].take("a", "x"));
      const taken = (await Promise.all(callers)).filter((each) => each !== undefined);
      assertEquals(taken.map(({ value }) => value), [round]);
    }
    for (const node of nodes) await node.close();
  });

  Deno.test(`${name} keeps entries after close() for the next open()`, async () => {
    await using subject = await makeSubject();
    const clock = new VirtualClock();
    const before = await subject.open(clock);
    await before.put("a", entry(clock, "x", 1));
    await before.put("a", entry(clock, "y", 2));
    await before.take("a", "y");
    await before.close();
    clock.block(500);
    const after = await subject.open(clock);
    assertEquals((await after.list("a")).map(({ value }) => value), [1]);
    clock.block(500);
    assertEquals(await after.list("a"), []);
    await after.close();
  });
}
