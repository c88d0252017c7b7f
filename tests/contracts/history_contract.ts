/**
 * What every Broker that keeps a history must do. Run by each implementation's own test.
 *
 * @module
 */

import { assert, assertEquals, assertLessOrEqual, assertNotEquals } from "@std/assert";
import type { Broker } from "../../server/brokers/broker.ts";
import type { Publication } from "../../server/message.ts";

/** How much it keeps; see `HistoryBounds`. */
export interface Bounds {
  readonly historyMessages: number;
  readonly historyTtlMs: number;
  readonly historyBytes: number;
  readonly historyPositionTtlMs: number;
}

/** A broker that has started, and what a test needs of its surroundings. */
export interface HistoryUnderTest {
  readonly broker: Broker;
  /** What was delivered to its hub. */
  readonly delivered: readonly Publication[];
  /** Lets time pass, with all that it does by itself. */
  pass(ms: number): Promise<void>;
  /** What is kept, bytes, and how many messages were removed for that bound. */
  usage(): { readonly bytes: number; readonly evicted: number };
}

/** Makes a broker that keeps a history of each channel but those that begin with `off/`. */
export type MakeHistory = (bounds: Bounds) => Promise<HistoryUnderTest>;

const BOUNDS: Bounds = {
  historyMessages: 4,
  historyTtlMs: 10_000,
  historyBytes: 1 << 20,
  historyPositionTtlMs: 60_000,
};

/** Registers the tests. @param name of the implementation */
export function testHistory(name: string, make: MakeHistory): void {
  const test = (
    what: string,
    bounds: Partial<Bounds>,
    run: (subject: HistoryUnderTest) => Promise<void> | void,
  ) =>
    Deno.test(`${name} ${what}`, async () => {
      const subject = await make({ ...BOUNDS, ...bounds });
      await run(subject);
      await subject.broker.close();
    });

  test("gives consecutive offsets from 1 within the epoch of each channel", {}, ({ broker }) => {
    const positions = ["a", "b", "a", "a", "b"].map((channel) => publish(broker, channel, "1"));
    assertEquals(positions.map((position) => position?.offset), [1, 1, 2, 3, 2]);
    const epochs = new Set(positions.map((position) => position?.epoch));
    assertEquals(epochs.size, 2);
    for (const epoch of epochs) assert(epoch!.length >= 8 && epoch!.length <= 64, epoch);
  });

  test("keeps what it delivers, the same object, in order", {}, ({ broker, delivered }) => {
    for (const data of ["1", "2", "3"]) publish(broker, "c", data);
    const history = broker.history("c")!;
    assertEquals([history.first, history.offset], [1, 3]);
    for (const [i, each] of delivered.entries()) {
      assert(history.at(i + 1) === each);
      assertEquals([each.offset, each.data], [i + 1, `${i + 1}`]);
    }
    assertEquals([history.at(0), history.at(4)], [undefined, undefined]);
  });

  test("keeps nothing of other channels and of relays", {}, ({ broker, delivered }) => {
    assertEquals(publish(broker, "off/c", "1"), undefined);
    assertEquals(broker.history("off/c"), undefined);
    assertEquals(broker.clear("off/c"), false);
    assertEquals(
      broker.publish({ kind: "relay", profile: "p", text: "t", sender: "s" }),
      undefined,
    );
    assertEquals(delivered[0].offset, undefined);
  });

  test("has a position from the first look on: 0 before a message", {}, ({ broker }) => {
    const { epoch, offset, first } = broker.history("c")!;
    assertEquals([offset, first], [0, 1]);
    assertEquals(publish(broker, "c", "1"), { epoch, offset: 1 });
  });

  test("keeps so many messages of a channel, the newest", {}, ({ broker }) => {
    for (let i = 1; i <= 100; i++) publish(broker, "c", `${i}`);
    publish(broker, "other", "1");
    assertEquals(kept(broker, "c"), ["97", "98", "99", "100"]);
    assertEquals(kept(broker, "other"), ["1"]);
  });

  test("keeps a message for so long", { historyMessages: 100 }, async ({ broker, pass }) => {
    publish(broker, "c", "1");
    await pass(6_000);
    publish(broker, "c", "2");
    await pass(3_999);
    assertEquals(kept(broker, "c"), ["1", "2"]);
    await pass(1);
    assertEquals(kept(broker, "c"), ["2"]);
    await pass(6_000);
    const { first, offset } = broker.history("c")!;
    assertEquals([first, offset], [3, 2]);
  });

  test("releases the memory of what has expired", {}, async ({ broker, pass, usage }) => {
    const channels = Array.from({ length: 50 }, (_, i) => `c${i}`);
    for (const channel of channels) publish(broker, channel, '"text"');
    const { bytes } = usage();
    await pass(12_000);
    assertLessOrEqual(usage().bytes, bytes - 50 * '"text"'.length);
    await pass(62_000);
    assertEquals(usage(), { bytes: 0, evicted: 0 });
  });

  test(
    "keeps within its bytes, the least recently used channel giving first",
    { historyMessages: 1_000, historyBytes: 40_000 },
    ({ broker, usage }) => {
      const data = JSON.stringify("x".repeat(1_000));
      for (const channel of ["old", "read", "new"]) {
        for (let i = 0; i < 5; i++) publish(broker, channel, data);
      }
      assertEquals(usage().evicted, 0);
      broker.history("read"); // used
      for (let i = 0; usage().evicted < 8; i++) {
        publish(broker, "hot", data);
        assertLessOrEqual(usage().bytes, 40_000);
        assert(i < 100);
      }
      const first = (channel: string) => broker.history(channel)!.first;
      assertEquals(["old", "new", "read", "hot"].map(first), [6, 4, 1, 1]);
    },
  );

  test("keeps no message larger than all its bytes", { historyBytes: 5_000 }, (subject) => {
    const { broker, delivered, usage } = subject;
    assertEquals(publish(broker, "c", JSON.stringify("x".repeat(6_000)))?.offset, 1);
    assertEquals([delivered.length, kept(broker, "c"), usage().evicted], [1, [], 1]);
    assertLessOrEqual(usage().bytes, 5_000);
  });

  test("has no use for bytes but for positions that subscribers need", { historyBytes: 5_000 }, ({
    broker,
    usage,
  }) => {
    const channels = Array.from({ length: 100 }, (_, i) => `c${i}`);
    const epochOf = (channel: string) => broker.history(channel)!.epoch;
    broker.subscribed("mine");
    const mine = epochOf("mine");
    const epochs = channels.map(epochOf);
    assertLessOrEqual(usage().bytes, 5_000);
    assertEquals(epochOf("mine"), mine);
    assertNotEquals(epochOf("c0"), epochs[0]); // another one: what came before is not known
  });

  test(
    "keeps the position of a quiet channel after its messages, while anybody subscribes and after",
    {},
    async ({ broker, pass }) => {
      broker.subscribed("c");
      const position = publish(broker, "c", "1");
      await pass(500_000);
      assertEquals(kept(broker, "c"), []);
      broker.unsubscribed("c");
      await pass(59_000);
      const { epoch, offset } = broker.history("c")!;
      assertEquals({ epoch, offset }, position);
      await pass(59_000); // that was a use
      assertEquals(broker.history("c")!.epoch, epoch);
      await pass(60_000);
      const next = broker.history("c")!;
      assertNotEquals(next.epoch, epoch);
      assertEquals(next.offset, 0);
    },
  );

  test("clear() removes messages, and the offsets go on", {}, ({ broker, usage }) => {
    assertEquals(broker.clear("c"), false);
    const { bytes } = (broker.history("c"), usage());
    publish(broker, "c", "1");
    const position = publish(broker, "c", "2")!;
    assertEquals(broker.clear("c"), true);
    assertEquals([kept(broker, "c"), usage().bytes], [[], bytes]);
    assertEquals(publish(broker, "c", "3"), { ...position, offset: 3 });
    assertEquals(kept(broker, "c"), ["3"]);
  });
}

function publish(broker: Broker, channel: string, data: string) {
  return broker.publish({ kind: "publication", channel, data, timestamp: 1 });
}

/** The data of all messages that are kept. */
function kept(broker: Broker, channel: string): string[] {
  const history = broker.history(channel)!;
  const data: string[] = [];
  for (let at = history.first; at <= history.offset; at++) data.push(history.at(at)!.data);
  return data;
}
