import { assert, assertEquals } from "@std/assert";
import { type VirtualPage, withPage } from "../support/fakes/virtual_page.ts";

/** The events after which a connection may be lost without a close event. */
const CHANGES: Record<string, (page: VirtualPage) => void> = {
  "online": (page) => page.fire("online"),
  "pageshow": (page) => page.fire("pageshow"),
  "resume": ({ document }) => document.dispatchEvent(new Event("resume")),
  "visibilitychange": ({ document }) => document.dispatchEvent(new Event("visibilitychange")),
  "a change of the connection": ({ connection }) => connection.dispatchEvent(new Event("change")),
};

for (const [name, change] of Object.entries(CHANGES)) {
  Deno.test(`HeartbeatSocket on ${name} probes once, and keeps a server that answers`, () =>
    withPage(async (page) => {
      page.connect();
      await page.pass(1_000);
      change(page);
      change(page);
      await page.pass(20);
      assertEquals(page.server.last.beats.length, 2);
      await page.pass(20_000);
      assertEquals(page.of("close"), []);
      assertEquals(page.server.sockets.length, 1);
    }));

  Deno.test(`HeartbeatSocket on ${name} closes a connection whose server does not answer within 5 s`, () =>
    withPage(async (page) => {
      page.connect();
      await page.pass(1_000);
      page.server.answersBeats = false;
      change(page);
      await page.pass(4_990);
      assertEquals(page.of("close"), []);
      await page.pass(20);
      assertEquals(page.of("close"), [{ code: 4000, reason: "Heartbeat timeout" }]);
    }));

  Deno.test(`HeartbeatSocket on ${name} makes a scheduled attempt at once`, () =>
    withPage(async (page) => {
      page.connect();
      await page.pass(20);
      page.server.last.end(1006);
      change(page);
      await page.pass(0);
      assertEquals(page.server.sockets.length, 2);
    }));
}

Deno.test("HeartbeatSocket does not probe when the page is hidden", () =>
  withPage(async (page) => {
    page.connect();
    await page.pass(1_000);
    page.document.visibilityState = "hidden";
    page.document.dispatchEvent(new Event("visibilitychange"));
    await page.pass(20);
    assertEquals(page.server.last.beats.length, 1);
  }));

Deno.test("HeartbeatSocket without a network makes no attempts until there is one", () =>
  withPage(async (page) => {
    page.connect();
    await page.pass(20);
    page.server.die();
    await page.pass(60_000);
    const before = page.server.sockets.length;
    assert(before > 3, "attempts are made");
    page.fire("offline");
    page.fire("pageshow");
    await page.pass(600_000);
    assertEquals(page.server.sockets.length, before, "no attempts are made");
    page.server.isUp = true;
    page.fire("online");
    await page.pass(20);
    assertEquals(page.server.sockets.length, before + 1);
    assertEquals(page.of("reconnecting").at(-1), {
      attempt: 1,
      delayMs: 0,
      reason: "the network is back",
    });
    assertEquals(page.of("open").length, 2);
  }));

Deno.test("HeartbeatSocket that loses its connection without a network waits for one", () =>
  withPage(async (page) => {
    page.connect();
    await page.pass(20);
    page.fire("offline");
    page.server.last.end(1006);
    assertEquals(page.of("reconnecting"), [{ attempt: 1, delayMs: Infinity, reason: "code 1006" }]);
    await page.pass(100_000);
    assertEquals(page.server.sockets.length, 1);
    page.fire("online");
    await page.pass(20);
    assertEquals(page.of("open").length, 2);
  }));

Deno.test("HeartbeatSocket without a network does not time out", () =>
  withPage(async (page) => {
    page.connect();
    await page.pass(1_000);
    page.server.answersBeats = false;
    page.fire("offline");
    page.connection.dispatchEvent(new Event("change")); // browsers fire this for the loss, too
    await page.pass(100_000);
    assertEquals(page.of("heartbeattimeout"), []);
    page.server.answersBeats = true;
    page.fire("online");
    await page.pass(60_000);
    assertEquals(page.of("heartbeattimeout"), []);
    assertEquals(page.server.sockets.length, 1);
  }));

Deno.test("HeartbeatSocket without a network keeps messages in the outbox until the server answers", () =>
  withPage(async (page) => {
    const socket = page.connect();
    await page.pass(1_000);
    page.server.answersBeats = false; // no frame arrives any more, and no event reports it
    page.fire("offline");
    socket.send("1");
    page.fire("online");
    socket.send("2");
    page.server.last.say("a frame sent before the loss");
    assertEquals(page.server.last.messages, []);
    page.server.last.answer(page.server.last.sent.at(-1));
    await page.pass(20);
    socket.send("3");
    assertEquals(page.server.last.sent.slice(-3), ["1", "2", "3"]);
    socket.close();
  }));

Deno.test("HeartbeatSocket whose connection was lost with the network sends the messages on the next one", () =>
  withPage(async (page) => {
    const socket = page.connect();
    await page.pass(1_000);
    page.server.answersBeats = false;
    page.fire("offline");
    socket.send("1");
    page.fire("online");
    page.server.last.say("a frame sent before the loss");
    await page.pass(5_000); // the probe is not answered
    page.server.answersBeats = true;
    await page.pass(5_100);
    assertEquals(page.server.sockets.length, 2);
    assertEquals(page.server.last.sent[0], "1");
  }));

Deno.test("HeartbeatSocket connected to the same machine sends without a network", () =>
  withPage(async (page) => {
    const socket = page.connect();
    await page.pass(1_000);
    page.fire("offline");
    await page.pass(20); // the heartbeat of suspend() is answered
    socket.send("local");
    assertEquals(page.server.last.sent.at(-1), "local");
    socket.close();
  }));

Deno.test("HeartbeatSocket replaces an attempt that began without a network when the network is back", () =>
  withPage(async (page) => {
    page.server.answersAttempts = false;
    page.connect();
    await page.pass(1_000);
    page.server.answersAttempts = true;
    page.fire("online");
    await page.pass(20);
    assertEquals(page.server.sockets.length, 2);
    assertEquals(page.of("open").length, 1);
    page.server.sockets[0].accept();
    assertEquals(page.of("open").length, 1, "the old attempt has no listeners");
  }));

Deno.test("HeartbeatSocket keeps an attempt that opens just before it would be replaced", () =>
  withPage(async (page) => {
    page.server.answersAttempts = false;
    page.connect();
    page.fire("online");
    page.server.last.accept();
    await page.pass(1_000);
    assertEquals(page.server.sockets.length, 1);
    assertEquals(page.of("open").length, 1);
  }));

Deno.test("HeartbeatSocket does not give up while the platform reports no network", () =>
  withPage(async (page) => {
    Object.defineProperty(navigator, "onLine", { value: false, configurable: true });
    try {
      page.server.isUp = false;
      page.connect({ maxReconnectAttempts: 2 });
      await page.pass(300_000);
      assertEquals(page.of("giveup"), []);
      assert(page.server.sockets.length > 5);
    } finally {
      Reflect.deleteProperty(navigator, "onLine");
    }
    await page.pass(60_000);
    assertEquals(page.of("giveup").length, 1);
  }));

Deno.test("HeartbeatSocket without attempts ends with its connection, without a network, too", () =>
  withPage(async (page) => {
    Object.defineProperty(navigator, "onLine", { value: false, configurable: true });
    try {
      page.connect({ maxReconnectAttempts: 0 });
      await page.pass(20);
      page.server.last.end(1006, "");
      await page.pass(60_000);
    } finally {
      Reflect.deleteProperty(navigator, "onLine");
    }
    page.fire("online");
    await page.pass(60_000);
    assertEquals(page.of("giveup").length, 1);
    assertEquals(page.server.sockets.length, 1);
  }));

Deno.test("HeartbeatSocket removes its page listeners when it is closed", () =>
  withPage(async (page) => {
    const socket = page.connect();
    await page.pass(20);
    socket.close();
    await page.pass(20);
    for (const change of Object.values(CHANGES)) change(page);
    page.fire("offline");
    await page.pass(10_000);
    assertEquals(page.server.sockets.length, 1);
    assertEquals(page.server.last.beats.length, 1);
  }));
