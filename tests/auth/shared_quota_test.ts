import { assert, assertEquals, assertGreater } from "@std/assert";
import { Quotas } from "../../server/auth/quotas.ts";
import { SharedQuota } from "../../server/auth/shared_quota.ts";
import { MemoryLimits } from "../../server/brokers/memory_limits.ts";
import type { Share, SharedLimits } from "../../server/brokers/shared_limits.ts";
import { VirtualClock } from "../support/fakes/virtual_clock.ts";

const LIMIT = 100;
const MINUTE_MS = 60_000;

/** Limits whose answers come later, or not at all. */
class LaterLimits implements SharedLimits {
  readonly memory: SharedLimits;
  isAway = false;
  /** How often a share was asked for. */
  asked = 0;

  constructor(clock: VirtualClock) {
    this.memory = new MemoryLimits(clock).of("a");
  }

  count(): boolean {
    return true;
  }

  take(...request: Parameters<SharedLimits["take"]>): Promise<Share | undefined> | undefined {
    this.asked++;
    return this.isAway ? undefined : Promise.resolve(this.memory.take(...request));
  }
}

function quotaOf(limits: SharedLimits, perMinute = LIMIT): SharedQuota {
  return new SharedQuota({ limits, name: "n", perMinute });
}

Deno.test("take() lets a burst up to the limit through, and no more, until the minute is over", async () => {
  const clock = new VirtualClock();
  const quota = quotaOf(new LaterLimits(clock));
  const burst = async (count: number) => {
    const nowMs = clock.now();
    const taken = await Promise.all(Array.from({ length: count }, () => quota.take(nowMs)));
    return taken.filter(Boolean).length;
  };
  assertEquals(await burst(150), LIMIT);
  await clock.pass(MINUTE_MS - 1);
  assertEquals([await burst(10), quota.waitMs(clock.now()) > 0], [0, true]);
  await clock.pass(1);
  assertEquals(await burst(150), LIMIT);
});

Deno.test("take() of one message after the other mostly finds the next share already there", async () => {
  const clock = new VirtualClock();
  const limits = new LaterLimits(clock);
  const quota = quotaOf(limits);
  let waited = 0;
  for (let n = 0; n < LIMIT; n++) {
    const taken = quota.take(clock.now());
    if (taken instanceof Promise) waited++;
    assertEquals(await taken, true);
    await clock.pass(10);
  }
  assertEquals(await quota.take(clock.now()), false);
  assert(waited <= 3, `${waited} messages waited`);
  assert(limits.asked <= 30, `${limits.asked} questions`);
});

Deno.test("Nodes that share a limit exceed it by a tenth each at most", async () => {
  const clock = new VirtualClock();
  const shared = new MemoryLimits(clock);
  const quotas = ["a", "b", "c"].map((node) => quotaOf(shared.of(node)));
  const sent: number[] = [];
  for (let step = 0; step < 3_000; step++) {
    await clock.pass(100);
    // One of them is busy for a while, then the next.
    const quota = quotas[Math.floor(step / 400) % 3];
    if (await quota.take(clock.now())) sent.push(clock.now());
  }
  let most = 0;
  for (const startMs of sent) {
    const within = sent.filter((ms) => ms >= startMs && ms < startMs + MINUTE_MS).length;
    most = Math.max(most, within);
  }
  assert(most >= LIMIT && most <= LIMIT + 3 * LIMIT / 10, `${most} in a minute`);
});

Deno.test("Nodes that send little leave the limit to the others", async () => {
  const clock = new VirtualClock();
  const shared = new MemoryLimits(clock);
  for (let node = 0; node < 20; node++) {
    assertEquals(await quotaOf(shared.of(`${node}`)).take(clock.now()), true);
  }
  const busy = quotaOf(shared.of("busy"));
  let taken = 0;
  while (await busy.take(clock.now())) taken++;
  assertEquals(taken, LIMIT - 20);
});

Deno.test("While the others cannot be asked, a node judges by its own messages", async () => {
  const clock = new VirtualClock();
  const limits = new LaterLimits(clock);
  const quota = quotaOf(limits);
  for (let n = 0; n < 30; n++) assertEquals(await quota.take(clock.now()), true);
  limits.isAway = true;
  let taken = 0;
  while (await quota.take(clock.now())) taken++;
  assertEquals(taken, LIMIT - 30);
  assertGreater(quota.waitMs(clock.now()), 0);
  limits.isAway = false;
  await clock.pass(2 * MINUTE_MS);
  assertEquals(await quota.take(clock.now()), true);
});

Deno.test("Quotas of several nodes: connections and requests share what the key has", async () => {
  const clock = new VirtualClock();
  const limits = new MemoryLimits(clock);
  const claims = { keyId: "k", maxMessagesPerMinute: 3 };
  const [a, b] = [new Quotas(limits.of("a")), new Quotas(limits.of("b"))];
  const quota = a.join(claims, clock.now())!;
  assertEquals(await quota.take(clock.now()), true);
  assertEquals(await b.take(claims, clock.now()), 0);
  assertEquals(await a.take(claims, clock.now()), 0);
  assertEquals(await b.take(claims, clock.now()), MINUTE_MS);
  assertEquals(await quota.take(clock.now()), false);
});
