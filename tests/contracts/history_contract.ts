/**
 * What every Broker that keeps a history must do. Run by each implementation's own test.
 *
 * @module
 */

import { assert, assertEquals, assertLessOrEqual, assertNotEquals } from "@std/assert";
import type { Broker, Placed } from "../../server/brokers/broker.ts";
import type { Position, Publication } from "../../server/message.ts";
import type { BrokerUnderTest } from "./broker_contract.ts";

/** How much it keeps; see `HistoryBounds`. */
export interface Bounds {
  readonly historyMessages: number;
  readonly historyTtlMs: number;
  readonly historyBytes: number;
  readonly historyPositionTtlMs: number;
  readonly dedupeMs: number;
}

/** A broker that has started, and what a test needs of its surroundings. */
export interface HistoryUnderTest extends BrokerUnderTest {
  /** What was delivered to its hub. */
  readonly delivered: readonly Publication[];
  /** Lets time pass, with all that it does by itself. Where it is real time, a little more passes. */
  pass(ms: number): Promise<void>;
}

/** One that keeps the history in this process, within a bound. */
export interface BoundedHistoryUnderTest extends HistoryUnderTest {
  /** What is kept, bytes, and how many messages and ids were removed for that bound. */
  usage(): { readonly bytes: number; readonly evicted: number; readonly evictedIds: number };
}

/** Makes a broker that keeps a history of each channel but those that begin with `off/`. */
export type MakeHistory<Subject> = (bounds: Bounds) => Promise<Subject>;

const BOUNDS: Bounds = {
  historyMessages: 4,
  historyTtlMs: 10_000,
  historyBytes: 1 << 20,
  historyPositionTtlMs: 60_000,
  dedupeMs: 20_000,
};

/** Registers the tests of a suite. @param name of the implementation */
function suite<Subject extends HistoryUnderTest>(name: string, make: MakeHistory<Subject>) {
  return (
    what: string,
    bounds: Partial<Bounds>,
    run: (subject: Subject) => Promise<void> | void,
  ): void =>
    Deno.test(`${name} ${what}`, async () => {
      const subject = await make({ ...BOUNDS, ...bounds });
      await run(subject);
      await subject.broker.close();
      await subject.end();
    });
}

/** What must hold wherever the history is kept. @param name of the implementation */
export function testHistory(name: string, make: MakeHistory<HistoryUnderTest>): void {
  const test = suite(name, make);

  test(
    "gives consecutive offsets from 1 within the epoch of each channel",
    {},
    async ({ broker }) => {
      const positions: (Position | undefined)[] = [];
      for (const channel of ["a", "b", "a", "a", "b"]) {
        positions.push(await publish(broker, channel, "1"));
      }
      assertEquals(positions.map((position) => position?.offset), [1, 1, 2, 3, 2]);
      const epochs = new Set(positions.map((position) => position?.epoch));
      assertEquals(epochs.size, 2);
      for (const epoch of epochs) assert(epoch!.length >= 8 && epoch!.length <= 64, epoch);
    },
  );

  test("keeps what it delivers, the same object, in order", {}, async (subject) => {
    const { broker, delivered, settle } = subject;
    await broker.subscribe("c");
    for (const data of ["1", "2", "3"]) await publish(broker, "c", data);
    await settle();
    assertEquals(delivered.length, 3);
    const history = (await broker.history("c"))!;
    assertEquals([history.first, history.offset], [1, 3]);
    for (const [i, each] of delivered.entries()) {
      assert(history.at(i + 1) === each);
      assertEquals([each.offset, each.data], [i + 1, `${i + 1}`]);
    }
    assertEquals([history.at(0), history.at(4)], [undefined, undefined]);
  });

  test("keeps nothing of other channels and of relays", {}, async (subject) => {
    const { broker, delivered, settle } = subject;
    await broker.subscribe("off/c");
    assertEquals(await publish(broker, "off/c", "1"), undefined);
    assertEquals(await broker.history("off/c"), undefined);
    assertEquals(await broker.clear("off/c"), false);
    broker.relay({ kind: "relay", profile: "p", text: "t", sender: "s" });
    await settle();
    assertEquals(delivered.map(({ offset }) => offset), [undefined]);
  });

  test("has a position from the first look on: 0 before a message", {}, async ({ broker }) => {
    const { epoch, offset, first } = (await broker.history("c"))!;
    assertEquals([offset, first], [0, 1]);
    assertEquals(await publish(broker, "c", "1"), { epoch, offset: 1 });
  });

  test("keeps so many messages of a channel, the newest", {}, async ({ broker }) => {
    for (let i = 1; i <= 100; i++) await publish(broker, "c", `${i}`);
    await publish(broker, "other", "1");
    assertEquals(await kept(broker, "c"), ["97", "98", "99", "100"]);
    assertEquals(await kept(broker, "other"), ["1"]);
  });

  test("keeps a message for so long", { historyMessages: 100 }, async ({ broker, pass }) => {
    await publish(broker, "c", "1");
    await pass(5_000);
    await publish(broker, "c", "2");
    await pass(4_000);
    assertEquals(await kept(broker, "c"), ["1", "2"]);
    await pass(1_000);
    assertEquals(await kept(broker, "c"), ["2"]);
    await pass(5_000);
    const { first, offset } = (await broker.history("c"))!;
    assertEquals([first, offset], [3, 2]);
  });

  test(
    "keeps the position of a quiet channel after its messages, while anybody subscribes and after",
    {},
    async ({ broker, pass }) => {
      await broker.subscribe("c");
      const position = await publish(broker, "c", "1");
      await pass(500_000);
      assertEquals(await kept(broker, "c"), []);
      broker.unsubscribe("c");
      await pass(59_000);
      const { epoch, offset } = (await broker.history("c"))!;
      assertEquals({ epoch, offset }, position);
      await pass(59_000); // that was a use
      assertEquals((await broker.history("c"))!.epoch, epoch);
      await pass(60_000);
      const next = (await broker.history("c"))!;
      assertNotEquals(next.epoch, epoch);
      assertEquals(next.offset, 0);
    },
  );

  test("clear() removes messages, and the offsets go on", {}, async ({ broker }) => {
    assertEquals(await broker.clear("c"), false);
    await publish(broker, "c", "1");
    const position = (await publish(broker, "c", "2"))!;
    assertEquals(await broker.clear("c"), true);
    assertEquals(await kept(broker, "c"), []);
    assertEquals(await publish(broker, "c", "3"), { ...position, offset: 3 });
    assertEquals(await kept(broker, "c"), ["3"]);
  });

  test("knows a repeat by its key, and gives it the first position", {}, async (subject) => {
    const { broker, delivered, pass, settle } = subject;
    for (const channel of ["c", "d", "off/c"]) await broker.subscribe(channel);
    const first = await publishOnce(broker, "c", "k");
    assertEquals(first.duplicate, undefined);
    assertEquals(await publishOnce(broker, "c", "k"), { ...first, duplicate: true });
    assertEquals((await publishOnce(broker, "c", "other")).position?.offset, 2);
    assertEquals((await publishOnce(broker, "d", "k")).duplicate, undefined);
    assertEquals((await publishOnce(broker, "off/c", "k")).duplicate, undefined);
    assertEquals(await publishOnce(broker, "off/c", "k"), { position: undefined, duplicate: true });
    await settle();
    assertEquals(delivered.length, 4);
    await pass(19_000);
    assertEquals((await publishOnce(broker, "c", "k")).duplicate, true);
    await pass(2_000); // a repeat does not prolong it
    assertEquals((await publishOnce(broker, "c", "k")).position?.offset, 3);
    await settle();
    assertEquals(delivered.length, 5);
  });

  test("knows no repeats for 0 ms", { dedupeMs: 0 }, async ({ broker }) => {
    await publishOnce(broker, "off/c", "k");
    assertEquals((await publishOnce(broker, "off/c", "k")).duplicate, undefined);
  });

  test("clear() removes messages of a channel with subscribers, too", {}, async (subject) => {
    const { broker, settle } = subject;
    const history = (await broker.subscribe("c"))!;
    await publish(broker, "c", "1");
    assertEquals(await broker.clear("c"), true);
    await settle();
    assertEquals([history.first, history.offset], [2, 1]);
    await publish(broker, "c", "2");
    await settle();
    assertEquals([history.first, history.offset, history.at(2)?.data], [2, 2, "2"]);
  });

  test("keeps up the history of a channel with subscribers", {}, async (subject) => {
    const { broker, settle } = subject;
    for (const data of ["1", "2"]) await publish(broker, "c", data);
    const history = (await broker.subscribe("c"))!;
    assertEquals([history.first, history.offset], [1, 2]);
    for (const data of ["3", "4", "5"]) await publish(broker, "c", data);
    await settle();
    assertEquals([history.first, history.offset, history.at(5)?.data], [2, 5, "5"]);
  });
}

/** What must hold where the history is kept in this process. @param name of the implementation */
export function testBoundedHistory(
  name: string,
  make: MakeHistory<BoundedHistoryUnderTest>,
): void {
  const test = suite(name, make);

  test("releases the memory of what has expired", {}, async ({ broker, pass, usage }) => {
    const channels = Array.from({ length: 50 }, (_, i) => `c${i}`);
    for (const channel of channels) await publish(broker, channel, '"text"');
    const { bytes } = usage();
    await pass(12_000);
    assertLessOrEqual(usage().bytes, bytes - 50 * '"text"'.length);
    await pass(62_000);
    assertEquals(usage(), { bytes: 0, evicted: 0, evictedIds: 0 });
  });

  test(
    "keeps within its bytes, the least recently used channel giving first",
    { historyMessages: 1_000, historyBytes: 40_000 },
    async ({ broker, usage }) => {
      const data = JSON.stringify("x".repeat(1_000));
      for (const channel of ["old", "read", "new"]) {
        for (let i = 0; i < 5; i++) await publish(broker, channel, data);
      }
      assertEquals(usage().evicted, 0);
      await broker.history("read"); // used
      for (let i = 0; usage().evicted < 8; i++) {
        await publish(broker, "hot", data);
        assertLessOrEqual(usage().bytes, 40_000);
        assert(i < 100);
      }
      const first = async (channel: string) => (await broker.history(channel))!.first;
      assertEquals(await Promise.all(["old", "new", "read", "hot"].map(first)), [6, 4, 1, 1]);
    },
  );

  test("keeps no message larger than all its bytes", { historyBytes: 5_000 }, async (subject) => {
    const { broker, delivered, usage } = subject;
    await broker.subscribe("c");
    assertEquals((await publish(broker, "c", JSON.stringify("x".repeat(6_000))))?.offset, 1);
    assertEquals([delivered.length, await kept(broker, "c"), usage().evicted], [1, [], 1]);
    assertLessOrEqual(usage().bytes, 5_000);
  });

  test(
    "has no use for bytes but for positions that subscribers need",
    { historyBytes: 5_000 },
    async ({
      broker,
      usage,
    }) => {
      const channels = Array.from({ length: 100 }, (_, i) => `c${i}`);
      const epochOf = async (channel: string) => (await broker.history(channel))!.epoch;
      await broker.subscribe("mine");
      const mine = await epochOf("mine");
      const epochs = await Promise.all(channels.map(epochOf));
      assertLessOrEqual(usage().bytes, 5_000);
      assertEquals(await epochOf("mine"), mine);
      assertNotEquals(await epochOf("c0"), epochs[0]); // another one: what came before is not known
    },
  );

  test("keeps within its bytes when subscribers leave", { historyBytes: 5_000 }, async ({
    broker,
    usage,
  }) => {
    const channels = Array.from({ length: 100 }, (_, i) => `c${i}`);
    for (const channel of channels) await broker.subscribe(channel);
    for (const channel of channels) broker.unsubscribe(channel);
    await broker.clear("none"); // answered after what was asked for before
    assertLessOrEqual(usage().bytes, 5_000);
  });

  test("clear() releases memory", {}, async ({ broker, usage }) => {
    const { bytes } = (await broker.history("c"), usage());
    await publish(broker, "c", "1");
    assertEquals([await broker.clear("c"), usage().bytes], [true, bytes]);
  });

  test("remembers no ids for 0 ms", { dedupeMs: 0 }, async ({ broker, usage }) => {
    await publishOnce(broker, "off/c", "k");
    assertEquals(usage().bytes, 0);
  });

  test(
    "counts ids among its bytes, and gives up the oldest",
    { historyBytes: 40_000 },
    async ({ broker, pass, usage }) => {
      await publish(broker, "old", JSON.stringify("x".repeat(1_000)));
      await pass(2_000);
      for (let i = 0; i < 1_000; i++) {
        await publishOnce(broker, "off/c", `${i}`);
        assertLessOrEqual(usage().bytes, 40_000);
      }
      assertEquals(await kept(broker, "old"), []);
      assert(usage().evictedIds > 500);
      assertEquals((await publishOnce(broker, "off/c", "999")).duplicate, true);
      assertEquals((await publishOnce(broker, "off/c", "0")).duplicate, undefined);
    },
  );

  test("releases the memory of ids that have expired", {}, async ({ broker, pass, usage }) => {
    for (let i = 0; i < 100; i++) await publishOnce(broker, "off/c", `${i}`);
    await pass(22_000);
    assertEquals(usage(), { bytes: 0, evicted: 0, evictedIds: 0 });
  });
}

async function publishOnce(broker: Broker, channel: string, key: string): Promise<Placed> {
  return await broker.publish({ kind: "publication", channel, data: "1", timestamp: 1 }, key);
}

async function publish(
  broker: Broker,
  channel: string,
  data: string,
): Promise<Position | undefined> {
  return (await broker.publish({ kind: "publication", channel, data, timestamp: 1 })).position;
}

/** The data of all messages that are kept. */
async function kept(broker: Broker, channel: string): Promise<string[]> {
  const history = (await broker.history(channel))!;
  const data: string[] = [];
  for (let at = history.first; at <= history.offset; at++) data.push(history.at(at)!.data);
  return data;
}
