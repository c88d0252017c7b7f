/**
 * What every AdmissionRate must do. Run by each implementation's own test.
 *
 * @module
 */

import { assertEquals, assertGreater, assertLessOrEqual } from "@std/assert";
import type { AdmissionRate } from "../../server/brokers/admission_rate.ts";

/** The admissions of a second. */
export const PER_SECOND = 20;
/** From one slot to the next, ms: nine tenths of them are handed out. */
const STEP_MS = 1_000 / 18;

/** Nodes that admit together. */
export interface RateSubject extends AsyncDisposable {
  /** One of the nodes. */
  readonly rate: AdmissionRate;
  /** Another one, or the same. */
  readonly other: AdmissionRate;
  /** Lets time pass. */
  readonly pass: (ms: number) => Promise<void>;
  /** How much more time may have passed, ms. */
  readonly toleranceMs: number;
}

/** Admits clients at the same time. @returns the slots of those that were refused */
async function arrive(rate: AdmissionRate, count: number): Promise<number[]> {
  const waits = await Promise.all(Array.from({ length: count }, () => rate.admit()));
  return waits.filter((ms) => ms > 0);
}

function assertNear(ms: number, expectedMs: number, toleranceMs: number): void {
  assertLessOrEqual(Math.abs(ms - expectedMs), toleranceMs, `${ms} ms`);
}

/** Registers the tests. @param name of the implementation */
export function testAdmissionRate(name: string, makeSubject: () => Promise<RateSubject>): void {
  const test = (what: string, body: (subject: RateSubject) => Promise<void>) =>
    Deno.test(`${name} ${what}`, async () => {
      await using subject = await makeSubject();
      await body(subject);
    });

  test("admits the budget at once, and hands out slots at nine tenths of it", async (subject) => {
    const { rate, other, toleranceMs } = subject;
    assertEquals(await arrive(rate, PER_SECOND / 2), []);
    assertEquals(await arrive(other, PER_SECOND / 2), []);
    const slots = [...await arrive(rate, 3), ...await arrive(other, 3), ...await rate.slots(3)];
    assertNear(slots[0], 1_000, toleranceMs + 1);
    for (let i = 1; i < slots.length; i++) {
      assertNear(slots[i] - slots[i - 1], STEP_MS, toleranceMs + 1);
    }
  });

  test("has room for those that come back at their slots", async (subject) => {
    const { rate, other, pass } = subject;
    await arrive(rate, PER_SECOND);
    const slots = await arrive(other, 12);
    assertEquals(slots.length, 12);
    await pass(slots[0]);
    for (const [i, slotMs] of slots.entries()) {
      assertEquals(await arrive(i % 2 ? rate : other, 1), [], `slot ${slotMs}`);
      await pass(STEP_MS);
    }
  });

  test("hands out slots in order to several nodes, from now on where nobody has come", async (subject) => {
    const { rate, other, toleranceMs } = subject;
    const [first, second] = [await rate.slots(5), await other.slots(5)];
    assertEquals([first.length, second.length, first[0]], [5, 5, 1]);
    assertNear(second[0], 5 * STEP_MS, toleranceMs + 1);
    assertNear(second[4] - second[0], 4 * STEP_MS, 1);
  });

  test("has room for one that was given back", async ({ rate, pass }) => {
    await arrive(rate, PER_SECOND);
    rate.giveBack();
    rate.giveBack();
    assertEquals((await arrive(rate, 3)).length, 1);
    await pass(2_000);
    assertEquals(await arrive(rate, PER_SECOND), []);
  });

  test("lets no client wait for longer than a minute, however many were refused", async ({ rate }) => {
    await arrive(rate, PER_SECOND);
    await rate.slots(60 * PER_SECOND);
    const slots = await arrive(rate, 50);
    assertEquals(slots.length, 50);
    for (const slotMs of slots) assertLessOrEqual(slotMs, 60_000);
    assertGreater(new Set(slots).size, 40, "they come back together");
    const [next] = await rate.slots(1);
    assertLessOrEqual(next, 60 * PER_SECOND * STEP_MS + 1_001, "the slots have moved");
  });
}
