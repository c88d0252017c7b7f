import { assert, assertEquals } from "@std/assert";
import { type VirtualPage, withPage } from "../support/fakes/virtual_page.ts";

/** Each sign that the line may have died unnoticed. */
const SIGNS: Record<string, (page: VirtualPage) => void> = {
  "online": (page) => page.fire("online"),
  "pageshow": (page) => page.fire("pageshow"),
  "resume": ({ document }) => document.dispatchEvent(new Event("resume")),
  "visibilitychange": ({ document }) => document.dispatchEvent(new Event("visibilitychange")),
  "a change of the connection": ({ connection }) => connection.dispatchEvent(new Event("change")),
};

for (const [name, show] of Object.entries(SIGNS)) {
  Deno.test(`HeartbeatSocket on ${name} asks once, and a peer that answers is kept`, () =>
    withPage(async (page) => {
      page.connect();
      await page.pass(1_000);
      show(page);
      show(page);
      await page.pass(20);
      assertEquals(page.server.last.beats.length, 2);
      await page.pass(20_000);
      assertEquals(page.of("close"), []);
      assertEquals(page.server.sockets.length, 1);
    }));

  Deno.test(`HeartbeatSocket on ${name} leaves a peer that does not answer within 5 s`, () =>
    withPage(async (page) => {
      page.connect();
      await page.pass(1_000);
      page.server.answersBeats = false;
      show(page);
      await page.pass(4_990);
      assertEquals(page.of("close"), []);
      await page.pass(20);
      assertEquals(page.of("close"), [{ code: 4000, reason: "Heartbeat timeout" }]);
    }));

  Deno.test(`HeartbeatSocket on ${name} tries at once where it waits to try`, () =>
    withPage(async (page) => {
      page.connect();
      await page.pass(20);
      page.server.last.end(1006);
      show(page);
      await page.pass(0);
      assertEquals(page.server.sockets.length, 2);
    }));
}

Deno.test("HeartbeatSocket asks nothing when the page is hidden", () =>
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
    assert(before > 3, "it tries");
    page.fire("offline");
    page.fire("pageshow");
    await page.pass(600_000);
    assertEquals(page.server.sockets.length, before, "it rests");
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

Deno.test("HeartbeatSocket without a network blames no peer for its silence", () =>
  withPage(async (page) => {
    page.connect();
    await page.pass(1_000);
    page.server.answersBeats = false;
    page.fire("offline");
    page.connection.dispatchEvent(new Event("change")); // to none, browsers say
    await page.pass(100_000);
    assertEquals(page.of("heartbeattimeout"), []);
    page.server.answersBeats = true;
    page.fire("online");
    await page.pass(60_000);
    assertEquals(page.of("heartbeattimeout"), []);
    assertEquals(page.server.sockets.length, 1);
  }));

Deno.test("HeartbeatSocket without a network keeps what is said until the peer answers", () =>
  withPage(async (page) => {
    const socket = page.connect();
    await page.pass(1_000);
    page.server.answersBeats = false; // nothing passes any more, and nothing says so
    page.fire("offline");
    socket.send("1");
    page.fire("online");
    socket.send("2");
    page.server.last.say("an old frame, on its way since before");
    assertEquals(page.server.last.messages, []);
    page.server.last.answer(page.server.last.sent.at(-1));
    await page.pass(20);
    socket.send("3");
    assertEquals(page.server.last.sent.slice(-3), ["1", "2", "3"]);
    socket.close();
  }));

Deno.test("HeartbeatSocket that the network left for good says it to the next server", () =>
  withPage(async (page) => {
    const socket = page.connect();
    await page.pass(1_000);
    page.server.answersBeats = false;
    page.fire("offline");
    socket.send("1");
    page.fire("online");
    page.server.last.say("an old frame, on its way since before");
    await page.pass(5_000); // the probe is not answered
    page.server.answersBeats = true;
    await page.pass(5_100);
    assertEquals(page.server.sockets.length, 2);
    assertEquals(page.server.last.sent[0], "1");
  }));

Deno.test("HeartbeatSocket on this very machine does without a network", () =>
  withPage(async (page) => {
    const socket = page.connect();
    await page.pass(1_000);
    page.fire("offline");
    await page.pass(20); // the beat of doubt is answered
    socket.send("said");
    assertEquals(page.server.last.sent.at(-1), "said");
    socket.close();
  }));

Deno.test("HeartbeatSocket drops an attempt that began without the network that is back", () =>
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
    assertEquals(page.of("open").length, 1, "the old attempt is deaf");
  }));

Deno.test("HeartbeatSocket keeps an attempt that succeeds just when it was to be dropped", () =>
  withPage(async (page) => {
    page.server.answersAttempts = false;
    page.connect();
    page.fire("online");
    page.server.last.accept();
    await page.pass(1_000);
    assertEquals(page.server.sockets.length, 1);
    assertEquals(page.of("open").length, 1);
  }));

Deno.test("HeartbeatSocket does not give up while the platform knows of no network", () =>
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

Deno.test("HeartbeatSocket listens to the page no more once it is closed", () =>
  withPage(async (page) => {
    const socket = page.connect();
    await page.pass(20);
    socket.close();
    await page.pass(20);
    for (const show of Object.values(SIGNS)) show(page);
    page.fire("offline");
    await page.pass(10_000);
    assertEquals(page.server.sockets.length, 1);
    assertEquals(page.server.last.beats.length, 1);
  }));
