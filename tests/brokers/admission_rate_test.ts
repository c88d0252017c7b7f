import { assert, assertEquals, assertLess, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import { MemoryAdmissionRate, UnlimitedAdmission } from "../../server/brokers/admission_rate.ts";
import { PER_SECOND, testAdmissionRate } from "../contracts/admission_rate_contract.ts";
import { seeded } from "../support/fakes/seeded.ts";
import { VirtualClock } from "../support/fakes/virtual_clock.ts";

testAdmissionRate("MemoryAdmissionRate", () => {
  const clock = new VirtualClock();
  const rate = new MemoryAdmissionRate({ perSecond: PER_SECOND, clock, random: seeded(1) });
  return Promise.resolve({
    rate,
    other: rate,
    pass: (ms) => clock.pass(ms),
    toleranceMs: 0,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
});

/** Clients that come at given times, and again at each slot that they are told. */
function simulate(
  rate: MemoryAdmissionRate,
  time: { nowMs: number },
  arrivals: readonly number[],
  latency: () => number,
): { readonly admittedMs: number[]; readonly refusals: number[] } {
  const queue = arrivals.map((atMs) => ({ atMs, refused: 0 }));
  const admittedMs: number[] = [];
  const refusals: number[] = [];
  for (let n = 0; queue.length > 0 && n < 100_000; n++) {
    queue.sort((a, b) => b.atMs - a.atMs);
    const client = queue.pop()!;
    time.nowMs = client.atMs;
    const slotMs = rate.admit();
    if (slotMs > 0) {
      queue.push({ atMs: client.atMs + slotMs + latency(), refused: client.refused + 1 });
      continue;
    }
    admittedMs.push(client.atMs);
    refusals.push(client.refused);
  }
  return { admittedMs, refusals };
}

/** The most admissions within a second, wherever it begins. */
function worstSecond(sortedMs: readonly number[]): number {
  let [first, worst] = [0, 0];
  for (const [i, ms] of sortedMs.entries()) {
    while (ms - sortedMs[first] >= 1_000) first++;
    worst = Math.max(worst, i + 1 - first);
  }
  return worst;
}

const crowds = fc.record({
  perSecond: fc.integer({ min: 1, max: 60 }),
  crowd: fc.integer({ min: 1, max: 300 }),
  spreadMs: fc.integer({ min: 0, max: 6_000 }),
  latencyMs: fc.integer({ min: 0, max: 200 }),
  seed: fc.integer(),
});

Deno.test("MemoryAdmissionRate admits everybody finally, and in no second more than the budget", () => {
  fc.assert(fc.property(crowds, ({ perSecond, crowd, spreadMs, latencyMs, seed }) => {
    const random = seeded(seed);
    const time = { nowMs: 5_000 };
    const rate = new MemoryAdmissionRate({ perSecond, random, clock: { now: () => time.nowMs } });
    const arrivals = Array.from({ length: crowd }, () => 5_000 + random() * spreadMs);
    const { admittedMs } = simulate(rate, time, arrivals, () => random() * latencyMs);
    assertEquals(admittedMs.length, crowd);
    assertLessOrEqual(worstSecond(admittedMs), perSecond);
  }));
});

Deno.test("MemoryAdmissionRate refuses once those that all keep to their slots", () => {
  fc.assert(fc.property(crowds, ({ perSecond, crowd }) => {
    const time = { nowMs: 0 };
    const random = () => 0;
    const rate = new MemoryAdmissionRate({ perSecond, random, clock: { now: () => time.nowMs } });
    const count = Math.min(crowd, 50 * perSecond); // none of them waits for a minute
    const { refusals } = simulate(rate, time, Array(count).fill(0), () => 0);
    assertLessOrEqual(Math.max(...refusals), 1);
  }));
});

Deno.test("MemoryAdmissionRate admits 6000 clients that come unasked within 5 s in less than 14 s", () => {
  const random = seeded(3);
  const time = { nowMs: 0 };
  const clock = { now: () => time.nowMs };
  const rate = new MemoryAdmissionRate({ perSecond: 500, random, clock });
  const arrivals = Array.from({ length: 6_000 }, () => random() * 5_000);
  const { admittedMs, refusals } = simulate(rate, time, arrivals, () => 5 + random() * 50);
  assertEquals([admittedMs.length, worstSecond(admittedMs)], [6_000, 500]);
  assertLess(admittedMs.at(-1)!, 6_000 / 450 * 1_000);
  assertLess(Math.max(...refusals), 8, "the client library gives up after ten attempts");
});

Deno.test("MemoryAdmissionRate admits a node's share as the number of nodes changes", () => {
  const time = { nowMs: 0 };
  let nodes = 3;
  const rate = new MemoryAdmissionRate({
    perSecond: 100,
    random: () => 0,
    clock: { now: () => time.nowMs },
    nodes: () => nodes,
  });
  const admitted = () => Array.from({ length: 200 }, () => rate.admit()).filter((ms) => ms === 0);
  assertEquals(admitted().length, 33);
  nodes = 2;
  assertEquals(admitted().length, 17, "what the second has already counts");
  nodes = 1_000;
  time.nowMs += 1_000;
  assertEquals(admitted().length, 1);
});

Deno.test("UnlimitedAdmission admits all, and spreads slots over five seconds", () => {
  const rate = new UnlimitedAdmission(seeded(1));
  assertEquals(Array.from({ length: 10_000 }, () => rate.admit()).filter(Boolean), []);
  const slots = rate.slots(1_000);
  assertEquals(slots, slots.toSorted((a, b) => a - b));
  assert(slots[0] >= 1 && slots[999] <= 5_000 && slots[500] > 2_000);
});
