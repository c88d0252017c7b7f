/**
 * What every SharedLimits must do. Run by each implementation's own test.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { SharedLimits } from "../../server/brokers/shared_limits.ts";

/** Two nodes that share limits. */
export interface LimitsSubject extends AsyncDisposable {
  readonly a: SharedLimits;
  readonly b: SharedLimits;
  /** The second one is gone. */
  readonly loseB: () => Promise<void>;
  readonly pass: (ms: number) => Promise<void>;
}

/** Registers the tests. @param name of the implementation */
export function testLimits(name: string, makeSubject: () => Promise<LimitsSubject>): void {
  const test = (what: string, body: (subject: LimitsSubject) => Promise<void>) =>
    Deno.test(`${name} ${what}`, async () => {
      await using subject = await makeSubject();
      await body(subject);
    });

  test("count() adds up the nodes, and keeps what was where it is too many", async ({ a, b }) => {
    const own = (counted: number, uncounted?: number, most?: number) => {
      const bounds = most === undefined ? undefined : { counted: most, uncounted: most };
      return { counted, uncounted: uncounted ?? 0, most: bounds };
    };
    assertEquals(await a.count("k", own(2, 0, 3)), true);
    assertEquals(await b.count("k", own(1, 0, 3)), true);
    assertEquals(await b.count("k", own(2, 0, 3)), false);
    assertEquals(await a.count("k", own(3, 0, 3)), false);
    assertEquals(await b.count("other {k}", own(3, 0, 3)), true);
    await a.count("k", own(1, 1));
    assertEquals(await b.count("k", own(2, 0, 3)), true);
    assertEquals(await b.count("k", own(0, 2, 2)), false);
    assertEquals(await b.count("k", own(0, 1, 2)), true);
    await a.count("k", own(0));
    assertEquals(await b.count("k", own(3, 0, 3)), true);
  });

  test("count() does not count a node that is gone", async ({ a, b, loseB }) => {
    const request = { counted: 2, uncounted: 0, most: { counted: 3, uncounted: 0 } };
    assertEquals(await b.count("k", request), true);
    assertEquals(await a.count("k", request), false);
    await loseB();
    assertEquals(await a.count("k", request), true);
  });

  test("take() grants all nodes together so many a minute", async ({ a, b, pass }) => {
    const perMinute = 10;
    assertEquals(await a.take("n", { amount: 6, perMinute }), { granted: 6, waitMs: 0 });
    assertEquals((await b.take("n", { amount: 6, perMinute }))?.granted, 4);
    assertEquals((await b.take("other", { amount: 6, perMinute }))?.granted, 6);
    const { granted, waitMs } = (await a.take("n", { amount: 1, perMinute }))!;
    assertEquals(granted, 0);
    assert(waitMs > 50_000 && waitMs <= 61_000, `${waitMs}`);
    await pass(63_000);
    assertEquals((await b.take("n", { amount: 9, perMinute }))?.granted, 9);
  });
}
