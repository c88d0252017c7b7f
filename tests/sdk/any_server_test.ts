/**
 * The SDK before servers of other kinds: what it sends, and that it convicts nobody who does not know
 * its heartbeat.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { withPage } from "../support/fakes/virtual_page.ts";

const TEN_MINUTES_MS = 600_000;

/** What is written to the console meanwhile. */
async function warnings(run: () => Promise<void>): Promise<string[]> {
  const texts: string[] = [];
  const { warn } = console;
  console.warn = (text: string) => texts.push(text);
  try {
    await run();
  } finally {
    console.warn = warn;
  }
  return texts;
}

for (const options of [{ profile: "none" }, { heartbeat: false }] as const) {
  Deno.test(`HeartbeatSocket with ${JSON.stringify(options)} sends nothing, and silence is no timeout`, () =>
    withPage(async (page) => {
      page.server.answersBeats = false;
      const socket = page.connect(options);
      await page.pass(TEN_MINUTES_MS);
      page.fire("online");
      await page.pass(TEN_MINUTES_MS);
      assertEquals([socket.readyState, page.server.sockets.length], [1, 1]);
      assertEquals(page.server.last.sent, []);
      socket.send("own");
      assertEquals(page.server.last.sent, ["own"]);
      page.server.last.say('{"type":"anything"}');
      assertEquals(page.of("message"), ['{"type":"anything"}']);
      page.server.last.end(1006);
      await page.pass(20_000);
      assertEquals(page.server.sockets.length, 2, "it reconnects as ever");
    }));
}

Deno.test("HeartbeatSocket with heartbeat: false still answers the hub's pings", () =>
  withPage(async (page) => {
    page.connect({ heartbeat: false });
    await page.pass(40);
    page.server.last.say({ type: "ping", id: "p1", timestamp: 1 });
    assertEquals(page.server.last.messages.map(({ type, id }) => [type, id]), [["pong", "p1"]]);
  }));

Deno.test("HeartbeatSocket never convicts a server that has never answered, and says so once", () =>
  withPage(async (page) => {
    page.server.answersBeats = false;
    let socket: ReturnType<typeof page.connect> | undefined;
    const texts = await warnings(async () => {
      socket = page.connect();
      await page.pass(TEN_MINUTES_MS);
      page.fire("online"); // a probe
      await page.pass(TEN_MINUTES_MS);
      page.server.last.end(1006);
      await page.pass(TEN_MINUTES_MS);
    });
    assertEquals([socket!.readyState, page.server.sockets.length], [1, 2]);
    assertEquals(page.of("heartbeattimeout"), []);
    assertEquals(texts.length, 1);
    assert(texts[0].includes("ws://hub.test/ws has never answered a heartbeat"));
  }));

Deno.test("HeartbeatSocket convicts a hub that has sent no more than its welcome", () =>
  withPage(async (page) => {
    page.server.answersBeats = false;
    page.connect();
    await page.pass(40);
    page.server.last.say({ type: "welcome", clientId: "c", pingPeriodMs: 1, pongWaitMs: 2 });
    await page.pass(41_000);
    assertEquals(page.of("heartbeattimeout").length, 1);
  }));

Deno.test("HeartbeatSocket convicts a server that has answered on any connection before", () =>
  withPage(async (page) => {
    page.connect();
    await page.pass(40);
    page.server.answersBeats = false;
    page.server.last.end(1006);
    await page.pass(60_000);
    assert(page.of("heartbeattimeout").length > 0);
  }));

Deno.test("HeartbeatSocket sends a heartbeat of one's own, and measures its answers", () =>
  withPage(async (page) => {
    let count = 0;
    const socket = page.connect({
      heartbeat: {
        message: () => `beat ${++count}`,
        isAnswer: (data) => data === "heard",
        interval: 5_000,
        timeout: 2_000,
      },
    });
    await page.pass(20);
    assertEquals(page.server.last.sent, ["beat 1"]);
    await page.pass(30);
    page.server.last.say("heard");
    page.server.last.say("news");
    assertEquals([socket.rtt, page.of("message")], [30, ["news"]]);
    await page.pass(4_970);
    assertEquals(page.server.last.sent, ["beat 1", "beat 2"]);
    await page.pass(2_100); // 7 s after the last word
    assertEquals(page.of("heartbeattimeout").length, 1);
  }));

Deno.test("HeartbeatSocket sends bytes as a heartbeat; without isAnswer any data is a sign of life", () =>
  withPage(async (page) => {
    const message = Uint8Array.of(9);
    page.connect({ heartbeat: { message, interval: 1_000, timeout: 500 } });
    await page.pass(20);
    for (let second = 0; second < 10; second++) {
      await page.pass(1_000);
      page.server.last.say("x");
    }
    assertEquals(page.server.last.sent.length, 11);
    assert(page.server.last.sent.every((data) => data === message));
    const texts = await warnings(() => page.pass(TEN_MINUTES_MS));
    assertEquals([page.of("heartbeattimeout").length, texts.length], [0, 1]);
  }));

Deno.test("HeartbeatSocket with startClosed connects when asked to, and keeps what is sent before", () =>
  withPage(async (page) => {
    const socket = page.connect({ startClosed: true });
    assertEquals([socket.readyState, socket.url], [3, ""]);
    page.fire("online");
    socket.send("early");
    await page.pass(1_000);
    assertEquals(page.server.sockets.length, 0);
    socket.connect();
    socket.connect();
    assertEquals(socket.readyState, 0);
    await page.pass(40);
    assertEquals(page.server.sockets.length, 1);
    assert(page.server.last.sent.includes("early"));
    const never = page.connect({ startClosed: true });
    never.close();
    never.connect();
    await page.pass(40);
    assertEquals([never.readyState, page.server.sockets.length], [3, 1]);
  }));

Deno.test("HeartbeatSocket counts its retries, and tells debug what it decides", () =>
  withPage(async (page) => {
    const told: string[] = [];
    const socket = page.connect(
      { debug: (text) => told.push(text) },
      "ws://hub.test/ws?key=secret",
    );
    await page.pass(40);
    assertEquals(socket.retryCount, 0);
    page.server.isUp = false;
    page.server.last.end(1006);
    await page.pass(30_000);
    assert(socket.retryCount >= 2);
    assertEquals(told.slice(0, 2), ["connecting to ws://hub.test/ws", "open"]);
    assert(told.some((text) => /^attempt 1 in \d+ ms: code 1006$/.test(text)));
    assert(!told.join().includes("secret"));
  }));

Deno.test("HeartbeatSocket names the profiles that there are", async () => {
  const connect = () =>
    withPage((page) => {
      // @ts-expect-error what a program without types may do
      page.connect({ profile: "mqtt" });
    });
  await assertRejects(connect, TypeError, "json,events-hub,infoway,tank,talo,none");
});
