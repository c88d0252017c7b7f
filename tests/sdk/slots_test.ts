/**
 * Slots: the hub has spread its clients itself, so that each comes back when it is told to, and not a
 * random while later.
 *
 * @module
 */

import { assertEquals, assertGreater, assertLess } from "@std/assert";
import type { FakeWebSocket } from "../support/fakes/fake_web_socket.ts";
import { type VirtualPage, withPage } from "../support/fakes/virtual_page.ts";

/** An attempt. */
const TRIP_MS = 20;

/** Runs a test in a page with the same backoff each time. */
function withBackoff(test: (page: VirtualPage) => Promise<void>): Promise<void> {
  return withPage(async (page) => {
    const { random } = Math;
    Math.random = () => 0.5;
    try {
      await test(page);
    } finally {
      Math.random = random;
    }
  });
}

/** Asserts that the newest attempt was made so long after a moment. */
function assertSlot({ server }: VirtualPage, startMs: number, afterMs: number): void {
  assertLess(Math.abs(server.last.bornMs - startMs - afterMs), 1);
}

/** Ends the newest connection, once it is open. @returns when */
async function end(page: VirtualPage, code: number, reason: string): Promise<number> {
  await page.pass(TRIP_MS);
  page.server.last.end(code, reason);
  return performance.now();
}

/** A client that is advised to move. */
async function advised(page: VirtualPage, afterMs: number): Promise<FakeWebSocket> {
  page.connect();
  await page.pass(TRIP_MS);
  const { last } = page.server;
  last.say({ type: "welcome", clientId: "c", pongWaitMs: 60_000 });
  await page.pass(10_000); // it is stable
  last.say({ type: "reconnect", afterMs, reason: "drain" });
  return last;
}

Deno.test("HeartbeatSocket that is sent away comes back at each slot, however often", () =>
  withBackoff(async (page) => {
    page.connect();
    for (const afterMs of [1_234, 5, 8_000, 700, 3_333]) {
      const startMs = await end(page, 1013, `overload: too many at once; afterMs=${afterMs}`);
      await page.pass(afterMs + 1);
      assertSlot(page, startMs, afterMs);
    }
    assertEquals(page.server.sockets.length, 6);
  }));

Deno.test("HeartbeatSocket of a server that restarts comes back at its slot", () =>
  withBackoff(async (page) => {
    page.connect();
    const startMs = await end(page, 1012, "drain: server restarting; afterMs=9876");
    await page.pass(9_877);
    assertSlot(page, startMs, 9_876);
  }));

Deno.test("HeartbeatSocket moves at its slot", () =>
  withBackoff(async (page) => {
    await advised(page, 2_222);
    const startMs = performance.now();
    await page.pass(2_223);
    assertSlot(page, startMs, 2_222);
    assertEquals(page.of("close"), []);
  }));

Deno.test("HeartbeatSocket that finds no other node comes back at the slot of the close", () =>
  withBackoff(async (page) => {
    const old = await advised(page, 100);
    page.server.isUp = false;
    await page.pass(100 + TRIP_MS + 1);
    assertEquals([page.server.sockets.length, old.readyState], [2, 1]);
    const [, next] = page.of("reconnecting");
    assertGreater(next.delayMs, 500, "the attempt by itself is later");
    old.end(1012, "drain: server restarting; afterMs=500");
    const startMs = performance.now();
    page.server.isUp = true;
    await page.pass(501);
    assertSlot(page, startMs, 500);
    await page.pass(60_000);
    assertEquals(page.server.sockets.length, 3);
  }));

Deno.test("HeartbeatSocket that is moving goes on when it is advised again, and closed", () =>
  withBackoff(async (page) => {
    const old = await advised(page, 100);
    page.server.answersAttempts = false; // the next connection takes its time
    await page.pass(101);
    const next = page.server.last;
    old.say({ type: "reconnect", afterMs: 200, reason: "drain" });
    old.end(1012, "drain: server restarting; afterMs=200");
    await page.pass(1_000);
    next.accept();
    await page.pass(10_000);
    assertEquals([page.server.sockets.length, next.readyState], [2, 1]);
  }));

Deno.test("HeartbeatSocket waits a random while after other waits that a hub demands", () =>
  withBackoff(async (page) => {
    for (
      const [code, reason] of [
        [1013, "slow_consumer: reading too slowly, send queue full; afterMs=1000"],
        [1008, "key_suspended: key suspended; afterMs=1000"],
        [1012, "drain: server restarting; afterMs=0"],
      ] as const
    ) {
      page.connect();
      await end(page, code, reason);
      const [{ delayMs }] = page.of("reconnecting").slice(-1);
      const waitMs = reason.endsWith("1000") ? 1_000 : 0;
      assertGreater(delayMs, waitMs, reason);
    }
  }));
