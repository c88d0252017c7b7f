import { assertEquals, assertRejects } from "@std/assert";
import { Suspensions } from "../../server/auth/suspensions.ts";
import { KvStore } from "../../server/stores/kv.ts";
import type { Store } from "../../server/stores/store.ts";
import { failingStore } from "../support/fakes/failing_store.ts";
import { VirtualClock } from "../support/fakes/virtual_clock.ts";

const MINUTE_MS = 60_000;
const RULES = { afterViolations: 3, windowMs: 10 * MINUTE_MS, durationMs: 15 * MINUTE_MS };

/** A node on a store of its own or a shared one, with what it has been told. */
function nodeOn(store: Store, clock: VirtualClock, rules = RULES) {
  const errors: unknown[] = [];
  const told: string[] = [];
  const waits: number[] = [];
  const suspensions = new Suspensions({
    store,
    clock,
    newId: () => crypto.randomUUID(),
    rules,
    onError: (error) => errors.push(error),
  });
  suspensions.onSuspended = (keyId, afterMs) => {
    told.push(keyId);
    waits.push(afterMs);
  };
  return { suspensions, errors, told, waits };
}

/** A store that takes its time: each write waits until it is let through, or refused. */
class SlowStore implements Store {
  readonly #store: Store;
  readonly #waiting: PromiseWithResolvers<void>[] = [];

  constructor(store: Store) {
    this.#store = store;
  }

  async put(...args: Parameters<Store["put"]>): Promise<void> {
    const turn = Promise.withResolvers<void>();
    this.#waiting.push(turn);
    await turn.promise;
    await this.#store.put(...args);
  }

  get: Store["get"] = (...args) => this.#store.get(...args);
  take: Store["take"] = (...args) => this.#store.take(...args);
  list: Store["list"] = (...args) => this.#store.list(...args);
  close: Store["close"] = () => Promise.resolve();

  /** Lets through what waits. */
  write(): void {
    for (const { resolve } of this.#waiting.splice(0)) resolve();
  }

  /** Loses what waits. */
  fail(): void {
    for (const { reject } of this.#waiting.splice(0)) reject(new Error("the disk is full"));
  }
}

function test(
  name: string,
  body: (store: Store, clock: VirtualClock) => Promise<void>,
): void {
  Deno.test(name, async () => {
    const clock = new VirtualClock();
    const store = await KvStore.open({ kind: "memory" }, clock);
    await body(store, clock);
    await store.close();
  });
}

test(
  "violation() suspends a key at the third within the window, and no other",
  async (store, clock) => {
    const { suspensions, told } = nodeOn(store, clock);
    // 0 and 9:59.999: two; 10:00: the first is too old, so two again; 10:00.001: three
    const violate = async (afterMs: number) => {
      clock.block(afterMs);
      await suspensions.violation("k1");
      return suspensions.isSuspendedHere("k1");
    };
    assertEquals(await violate(0), false);
    assertEquals(await violate(10 * MINUTE_MS - 1), false);
    assertEquals(await violate(1), false);
    assertEquals(await suspensions.isSuspended("k1"), false);
    assertEquals(await violate(1), true);
    assertEquals(await suspensions.isSuspended("k1"), true);
    assertEquals(await suspensions.isSuspended("k2"), false);
    assertEquals(told, ["k1"]);
    assertEquals(await suspensions.list(), [
      { keyId: "k1", untilMs: clock.wall() + 15 * MINUTE_MS },
    ]);
  },
);

test(
  "A suspension ends by itself, and the violations that led to it are paid for",
  async (store, clock) => {
    const { suspensions, told } = nodeOn(store, clock, { ...RULES, durationMs: MINUTE_MS });
    for (let i = 0; i < 3; i++) await suspensions.violation("k1");
    clock.block(MINUTE_MS - 1);
    assertEquals([suspensions.isSuspendedHere("k1"), await suspensions.isSuspended("k1")], [
      true,
      true,
    ]);
    clock.block(1);
    assertEquals([suspensions.isSuspendedHere("k1"), await suspensions.isSuspended("k1")], [
      false,
      false,
    ]);
    assertEquals(await suspensions.list(), []);
    // Still within the window of the first three.
    for (let i = 0; i < 2; i++) await suspensions.violation("k1");
    assertEquals(await suspensions.isSuspended("k1"), false);
    await suspensions.violation("k1");
    assertEquals(await suspensions.isSuspended("k1"), true);
    assertEquals(told, ["k1", "k1"]);
  },
);

test(
  "violation() does not count what a suspended key's last connections do",
  async (store, clock) => {
    const { suspensions, told } = nodeOn(store, clock);
    for (let i = 0; i < 9; i++) await suspensions.violation("k1");
    assertEquals(told, ["k1"]);
    assertEquals(await store.list("violations:k1"), []);
  },
);

test("violation() counts those that come at the same time", async (store, clock) => {
  const { suspensions, told } = nodeOn(store, clock);
  await Promise.all([1, 2, 3].map(() => suspensions.violation("k1")));
  assertEquals(await suspensions.isSuspended("k1"), true);
  assertEquals(told, ["k1"]);
});

test(
  "violation() suspends at once, before the store has heard of it, and stays when it has",
  async (store, clock) => {
    const slow = new SlowStore(store);
    const { suspensions, told, waits } = nodeOn(slow, clock);
    const counted = [1, 2].map(() => suspensions.violation("k1"));
    assertEquals(suspensions.isSuspendedHere("k1"), false);
    counted.push(suspensions.violation("k1"));
    assertEquals([suspensions.isSuspendedHere("k1"), told, waits], [true, ["k1"], [
      RULES.durationMs,
    ]]);
    assertEquals([await suspensions.isSuspended("k1"), await store.list("suspensions")], [
      true,
      [],
    ]);
    assertEquals((await suspensions.list()).map(({ keyId }) => keyId), ["k1"]);
    slow.write();
    await Promise.all(counted);
    assertEquals([await suspensions.isSuspended("k1"), told], [true, ["k1"]]);
    assertEquals((await suspensions.list()).map(({ keyId }) => keyId), ["k1"]);
    assertEquals(await store.list("violations:k1"), []);
    const { suspensions: restarted } = nodeOn(store, clock);
    assertEquals(await restarted.isSuspended("k1"), true);
    assertEquals(await restarted.lift("k1"), true);
    assertEquals(await suspensions.isSuspended("k1"), false, "lifted elsewhere");
  },
);

test(
  "A suspension that the store has lost holds here all the same, until it ends or is lifted",
  async (store, clock) => {
    for (const end of ["time", "lift"]) {
      const slow = new SlowStore(store);
      const { suspensions, waits } = nodeOn(slow, clock);
      const counted = [1, 2, 3].map(() => assertRejects(() => suspensions.violation("k1")));
      slow.fail();
      await Promise.all(counted);
      assertEquals([await suspensions.isSuspended("k1"), suspensions.isSuspendedHere("k1")], [
        true,
        true,
      ]);
      assertEquals((await suspensions.list()).map(({ keyId }) => keyId), ["k1"]);
      if (end === "time") clock.block(waits[0]);
      else {assertEquals([await suspensions.lift("k1"), await suspensions.lift("k1")], [
          true,
          false,
        ]);}
      assertEquals([await suspensions.isSuspended("k1"), await suspensions.list()], [false, []]);
      const again = suspensions.violation("k1"); // the three of before are paid for
      assertEquals(suspensions.isSuspendedHere("k1"), false);
      slow.write();
      await again;
      await suspensions.lift("k1");
    }
  },
);

test(
  "A node that learns of a suspension late tells how much of it is left",
  async (store, clock) => {
    const [one, other] = [nodeOn(store, clock), nodeOn(store, clock)];
    for (let i = 0; i < 3; i++) await one.suspensions.violation("k1");
    clock.block(MINUTE_MS);
    assertEquals(await other.suspensions.isSuspended("k1"), true);
    assertEquals([one.waits, other.waits], [[15 * MINUTE_MS], [14 * MINUTE_MS]]);
  },
);

test("violation() suspends nobody when SUSPEND_AFTER_VIOLATIONS is 0", async (store, clock) => {
  const { suspensions } = nodeOn(store, clock, { ...RULES, afterViolations: 0 });
  for (let i = 0; i < 9; i++) await suspensions.violation("k1");
  assertEquals(await suspensions.isSuspended("k1"), false);
  assertEquals(await store.list("violations:k1"), []);
});

test(
  "lift() ends a suspension and forgives; it says whether there was one",
  async (store, clock) => {
    const { suspensions } = nodeOn(store, clock);
    for (let i = 0; i < 3; i++) await suspensions.violation("k1");
    assertEquals(await suspensions.lift("k1"), true);
    assertEquals([suspensions.isSuspendedHere("k1"), await suspensions.isSuspended("k1")], [
      false,
      false,
    ]);
    assertEquals(await suspensions.lift("k1"), false);
    for (let i = 0; i < 2; i++) await suspensions.violation("k1");
    await suspensions.lift("k1");
    await suspensions.violation("k1");
    assertEquals(await suspensions.isSuspended("k1"), false);
  },
);

test("lift() of a suspension that is still being stored is for good", async (store, clock) => {
  const slow = new SlowStore(store);
  const { suspensions } = nodeOn(slow, clock, { ...RULES, afterViolations: 1 });
  const stored = suspensions.violation("k1");
  assertEquals([suspensions.isSuspendedHere("k1"), await suspensions.lift("k1")], [true, true]);
  slow.write();
  await stored;
  assertEquals([await suspensions.isSuspended("k1"), await suspensions.list()], [false, []]);
});

test("lift() of what no key can be called finds nothing", async (store, clock) => {
  const { suspensions } = nodeOn(store, clock);
  for (const id of ["x".repeat(3_000), "\u{1F511}".repeat(276), "jwt:" + "\u{1F511}".repeat(256)]) {
    assertEquals(await suspensions.lift(id), false);
  }
});

test("Suspensions survive a restart: load() fills the mirror again", async (store, clock) => {
  const before = nodeOn(store, clock);
  for (let i = 0; i < 3; i++) await before.suspensions.violation("k1");
  await before.suspensions.violation("k2");
  const { suspensions } = nodeOn(store, clock);
  assertEquals(suspensions.isSuspendedHere("k1"), false);
  assertEquals(await suspensions.isSuspended("k1"), true);
  const again = nodeOn(store, clock);
  await again.suspensions.load();
  assertEquals(again.suspensions.isSuspendedHere("k1"), true);
  // Violations are not forgotten either.
  for (let i = 0; i < 2; i++) await again.suspensions.violation("k2");
  assertEquals(await again.suspensions.isSuspended("k2"), true);
});

test(
  "Nodes on one store count together and learn of each other's suspensions",
  async (store, clock) => {
    const nodes = [nodeOn(store, clock), nodeOn(store, clock)];
    for (let i = 0; i < 3; i++) await nodes[i % 2].suspensions.violation("k1");
    const [one, other] = nodes;
    assertEquals([one.told, other.told], [["k1"], []]);
    await other.suspensions.load();
    assertEquals(other.told, ["k1"]);
    await one.suspensions.lift("k1");
    assertEquals(other.suspensions.isSuspendedHere("k1"), true); // not seen yet
    assertEquals(await other.suspensions.isSuspended("k1"), false);
    for (let i = 0; i < 3; i++) await one.suspensions.violation("k1");
    assertEquals(await other.suspensions.isSuspended("k1"), true);
    assertEquals(other.told, ["k1", "k1"]);
  },
);

test(
  "isSuspended() uses the local view when the store fails, and reports the failure",
  async (store, clock) => {
    let now: Store = store;
    const flaky: Store = {
      put: (...args) => now.put(...args),
      get: (...args) => now.get(...args),
      take: (...args) => now.take(...args),
      list: (...args) => now.list(...args),
      close: () => Promise.resolve(),
    };
    const { suspensions, errors } = nodeOn(flaky, clock);
    for (let i = 0; i < 3; i++) await suspensions.violation("k1");
    now = failingStore;
    assertEquals([await suspensions.isSuspended("k1"), await suspensions.isSuspended("k2")], [
      true,
      false,
    ]);
    assertEquals(errors.length, 2);
    await assertRejects(() => suspensions.violation("k2"), Error, "gone");
  },
);

test(
  "A suspension holds that is read from the store before its writer goes on",
  async (store, clock) => {
    const key = "k";
    const node = nodeOn({
      put: async (...args) => {
        await store.put(...args);
        if (args[0] === "suspensions") assertEquals(await node.suspensions.isSuspended(key), true);
      },
      get: (...args) => store.get(...args),
      take: (...args) => store.take(...args),
      list: (...args) => store.list(...args),
      close: () => Promise.resolve(),
    }, clock);
    for (let violations = 1; violations <= 3; violations++) await node.suspensions.violation(key);
    assertEquals(await node.suspensions.isSuspended(key), true);
    assertEquals(await nodeOn(store, clock).suspensions.isSuspended(key), true);
    assertEquals((await node.suspensions.list()).map(({ keyId }) => keyId), [key]);
  },
);
