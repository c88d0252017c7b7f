import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import type { ChannelLog } from "../../server/brokers/channel_log.ts";
import { LogCache } from "../../server/brokers/log_cache.ts";
import type { Publication } from "../../server/message.ts";
import { VirtualClock } from "../support/fakes/virtual_clock.ts";

const BOUNDS = { historyMessages: 4, historyTtlMs: 10_000, historyBytes: 1 << 20 };

const message = (data: string): Publication => (
  { kind: "publication", channel: "c", data, timestamp: 1 }
);

const dataOf = (log: ChannelLog) =>
  Array.from({ length: log.length }, (_, i) => log.at(log.first + i)!.data);

function cacheOf(bounds: Partial<typeof BOUNDS> = {}): { clock: VirtualClock; cache: LogCache } {
  const clock = new VirtualClock();
  return { clock, cache: new LogCache({ ...BOUNDS, ...bounds, clock }) };
}

Deno.test("A log goes on after the position that it was opened at", () => {
  const { cache } = cacheOf();
  const log = cache.open("c", { epoch: "e", offset: 40 });
  assertEquals([log.first, log.offset], [41, 40]);
  for (const data of ["1", "2", "3", "4", "5"]) cache.add(log, message(data));
  assertEquals([log.first, log.offset, log.at(45)?.data], [42, 45, "5"]);
  cache.removeTo(log, 43);
  assertEquals(dataOf(log), ["4", "5"]);
  cache.restart(log, { epoch: "f", offset: 7 });
  assertEquals([log.epoch, log.first, log.offset], ["f", 8, 7]);
});

Deno.test("A message expires by its own age, whether or not anything else happens", async () => {
  const { cache, clock } = cacheOf();
  const log = cache.open("c", { epoch: "e", offset: 0 });
  cache.add(log, message("old"), 6_000);
  cache.add(log, message("new"));
  const { bytes } = cache;
  await clock.pass(4_000);
  cache.use(log);
  assertEquals(dataOf(log), ["new"]);
  await clock.pass(10_000);
  assertEquals(cache.onDue(5), 1_005);
  assertEquals([log.length, log.first], [0, 3]);
  assertLessOrEqual(cache.bytes, bytes);
});

Deno.test("Within its bytes the log used least recently gives first, and is not whole any more", () => {
  const { cache, clock } = cacheOf({ historyBytes: 8_000 });
  const logs = ["old", "used", "new"].map((name) => cache.open(name, { epoch: "e", offset: 0 }));
  const [old, used, fresh] = logs;
  const data = JSON.stringify("x".repeat(500));
  for (const log of logs) {
    for (let n = 0; n < 2; n++) cache.add(log, message(data));
    clock.block(1);
  }
  cache.use(used);
  cache.charge(8_000 - cache.bytes);
  assertEquals(cache.evicted, 0);
  cache.charge(1);
  assertEquals([old.length, used.length, fresh.length], [1, 2, 2]);
  assertEquals(logs.map((log) => cache.isWhole(log)), [false, true, true]);
  cache.restart(old, { epoch: "e", offset: 0 });
  assert(cache.isWhole(old));
});

Deno.test("A log that is opened makes room for its position", () => {
  const { cache } = cacheOf({ historyBytes: 4_000 });
  const log = cache.open("c", { epoch: "e", offset: 0 });
  cache.add(log, message(JSON.stringify("x".repeat(500))));
  cache.charge(4_000 - cache.bytes);
  cache.open("d", { epoch: "e", offset: 0 });
  assertEquals([log.length, cache.isWhole(log)], [0, false]);
});

Deno.test("Whatever happens, the bytes are those of what is kept", () => {
  const step = fc.record({
    kind: fc.constantFrom("add", "add", "add", "removeTo", "restart", "close", "use"),
    log: fc.nat(3),
    size: fc.nat(400),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { cache } = cacheOf({ historyBytes: 4_000 });
      const logs = new Map<number, ChannelLog>();
      for (const { kind, log: n, size } of steps) {
        const log = logs.get(n) ?? cache.open(`${n}`, { epoch: "e", offset: 0 });
        logs.set(n, log);
        if (kind === "add") cache.add(log, message("x".repeat(size)));
        else if (kind === "removeTo") cache.removeTo(log, log.first + size % 3);
        else if (kind === "restart") cache.restart(log, { epoch: "f", offset: size });
        else if (kind === "use") cache.use(log);
        else {
          cache.close(log);
          logs.delete(n);
        }
        const messages = [...logs.values()].reduce((sum, { length }) => sum + length, 0);
        assert(cache.bytes <= 4_000 || messages === 0, `${cache.bytes}`);
      }
      for (const log of logs.values()) cache.close(log);
      assertEquals([cache.bytes, cache.channels], [0, 0]);
    }),
    { numRuns: 1_000 },
  );
});
