import { assert, assertEquals } from "@std/assert";
import { Quotas } from "../../server/auth/quotas.ts";

const KEY = { keyId: "k", maxMessagesPerMinute: 2 };

Deno.test("join() gives all connections of a key one window, and others their own or none", () => {
  const quotas = new Quotas();
  const [one, two] = [quotas.join(KEY, 0), quotas.join(KEY, 0)];
  const other = quotas.join({ ...KEY, keyId: "other" }, 0);
  assert(one !== undefined && two !== undefined && other !== undefined);
  assertEquals([one.take(1), two.take(2), one.take(3), two.take(4)], [true, true, false, false]);
  assertEquals([other.take(5), one.take(60_001), two.take(60_001)], [true, true, false]);
  assertEquals(quotas.join({ keyId: "free" }, 0), undefined);
  quotas.leave({ keyId: "free" }, 0);
  assertEquals(quotas.size, 2);
});

Deno.test("join() counts tokens of one subject that give different limits apart", () => {
  const quotas = new Quotas();
  const narrow = quotas.join({ ...KEY, maxMessagesPerMinute: 1 }, 0);
  assertEquals([narrow?.take(0), narrow?.take(0), quotas.join(KEY, 0)?.take(0)], [
    true,
    false,
    true,
  ]);
});

Deno.test("Who connects again within the minute finds what is left of it, later all", () => {
  const quotas = new Quotas();
  const spend = (nowMs: number) => {
    const window = quotas.join(KEY, nowMs)!;
    const taken = [window.take(nowMs), window.take(nowMs)];
    quotas.leave(KEY, nowMs);
    return taken;
  };
  assertEquals(spend(0), [true, true]);
  assertEquals(spend(59_999), [false, false]);
  assertEquals(spend(60_000), [true, true]);
});

Deno.test("A window is kept while anybody holds it, and no longer than a minute after", () => {
  const quotas = new Quotas();
  for (let each = 0; each < 100; each++) {
    quotas.join({ ...KEY, keyId: `k${each}` }, 0);
    if (each > 0) quotas.leave({ ...KEY, keyId: `k${each}` }, each);
  }
  quotas.join({ ...KEY, keyId: "k0" }, 0);
  quotas.leave({ ...KEY, keyId: "k0" }, 100); // one of the two
  assertEquals(quotas.size, 100);
  quotas.join(KEY, 60_098);
  assertEquals(quotas.size, 3); // k0, k99, k
  quotas.leave(KEY, 200_000);
  assertEquals(quotas.size, 2); // k0, k
});

Deno.test("take() counts with the connections of the key, and says how long to wait", () => {
  const quotas = new Quotas();
  const window = quotas.join(KEY, 0)!;
  assertEquals([quotas.take(KEY, 0), window.take(10_000), quotas.take(KEY, 15_000)], [
    0,
    true,
    45_000,
  ]);
  assertEquals([window.take(20_000), quotas.take({ keyId: "free" }, 20_000)], [false, 0]);
  assertEquals(quotas.take(KEY, 60_000), 0);
});
