import { assert, assertEquals, assertGreater, assertThrows } from "@std/assert";
import { webSocket } from "rxjs/webSocket";
import { HeartbeatSocket } from "../../server/sdk/heartbeat_socket.ts";
import { CountedWorkers } from "../support/fakes/counted_workers.ts";
import { type VirtualPage, withPage } from "../support/fakes/virtual_page.ts";

const TOO_MANY = "too many attempts failed";

/** Without a server until all attempts have failed. */
async function exhausted(page: VirtualPage, options = {}): Promise<HeartbeatSocket> {
  page.server.isUp = false;
  const socket = page.connect({ maxReconnectAttempts: 3, ...options });
  await page.pass(120_000);
  assertEquals(page.of("giveup"), [{ attempts: 3, reason: TOO_MANY }]);
  assertEquals([socket.readyState, socket.status], [socket.CLOSED, "dead"]);
  return socket;
}

const WAKES: Record<string, (page: VirtualPage, socket: HeartbeatSocket) => void> = {
  "online": (page) => page.fire("online"),
  "pageshow": (page) => page.fire("pageshow"),
  "visibilitychange": ({ document }) => document.dispatchEvent(new Event("visibilitychange")),
  "reconnect()": (_, socket) => socket.reconnect(),
};

for (const [name, wake] of Object.entries(WAKES)) {
  Deno.test(`HeartbeatSocket that gave up for too many attempts begins anew on ${name}`, () =>
    withPage(async (page) => {
      const socket = await exhausted(page, { outboxAgeMs: 600_000 });
      const before = page.server.sockets.length;
      socket.subscribe("a");
      socket.send("kept");
      await page.pass(300_000);
      assertEquals(page.server.sockets.length, before, "it sleeps");
      page.server.isUp = true;
      wake(page, socket);
      assertEquals([socket.readyState, socket.status], [socket.CONNECTING, "unknown"]);
      await page.pass(40);
      assertEquals([socket.readyState, socket.retryCount], [socket.OPEN, 1]);
      assertEquals(page.server.last.messages[0], { type: "subscribe", channel: "a" });
      assert(page.server.last.sent.includes("kept"));
    }));
}

Deno.test("HeartbeatSocket that was woken has all its attempts again, and then sleeps again", () =>
  withPage(async (page) => {
    const socket = await exhausted(page);
    const before = page.server.sockets.length;
    socket.reconnect();
    await page.pass(120_000);
    assertEquals(page.server.sockets.length - before, 3);
    assertEquals(page.of("giveup").length, 2);
    page.server.isUp = true;
    page.fire("online");
    await page.pass(40);
    assertEquals(socket.readyState, socket.OPEN);
  }));

Deno.test("HeartbeatSocket that sleeps ends with close(), and fires no second close", () =>
  withPage(async (page) => {
    const socket = await exhausted(page);
    const before = page.of("close").length;
    socket.send("never");
    socket.close();
    assertEquals(page.of("drop"), [{ data: "never", reason: "closed" }]);
    page.server.isUp = true;
    for (const wake of Object.values(WAKES)) wake(page, socket);
    await page.pass(60_000);
    assertEquals([page.of("close").length, page.of("open")], [before, []]);
    assertEquals(socket.readyState, socket.CLOSED);
  }));

Deno.test("HeartbeatSocket that the server forbids to reconnect stays closed", () =>
  withPage(async (page) => {
    const socket = page.connect();
    await page.pass(20);
    page.server.last.end(1008, "forbidden: no rights; no retry");
    for (const wake of Object.values(WAKES)) wake(page, socket);
    await page.pass(60_000);
    assertEquals([socket.readyState, page.server.sockets.length], [socket.CLOSED, 1]);
  }));

Deno.test("HeartbeatSocket without attempts is woken by reconnect() alone", () =>
  withPage(async (page) => {
    const socket = page.connect({ maxReconnectAttempts: 0 });
    await page.pass(20);
    page.server.last.end(1006);
    socket.send("dropped");
    assertEquals(page.of("drop"), [{ data: "dropped", reason: "closed" }]);
    page.fire("online");
    await page.pass(60_000);
    assertEquals(page.server.sockets.length, 1);
    socket.reconnect();
    await page.pass(20);
    assertEquals([socket.readyState, page.server.sockets.length], [socket.OPEN, 2]);
    await page.pass(1_000);
    page.fire("online");
    assertEquals(page.server.last.beats.length, 2, "a probe");
    page.server.last.end(1006);
    await page.pass(60_000);
    assertEquals([page.of("giveup").length, page.server.sockets.length], [2, 2]);
  }));

Deno.test("reconnect() makes a scheduled attempt at once, but not before the server allows it", () =>
  withPage(async (page) => {
    const socket = page.connect();
    await page.pass(20);
    page.server.last.end(1006);
    socket.reconnect();
    await page.pass(20);
    assertEquals([socket.readyState, page.server.sockets.length], [socket.OPEN, 2]);
    page.server.last.end(1008, "rate_limited: too many messages; afterMs=60000");
    socket.reconnect();
    await page.pass(59_900);
    assertEquals(page.server.sockets.length, 2);
    await page.pass(200);
    assertEquals(page.server.sockets.length, 3);
  }));

Deno.test("reconnect() counts attempts from 1", () =>
  withPage(async (page) => {
    const socket = page.connect();
    await page.pass(20);
    page.server.die();
    await page.pass(60_000);
    assertGreater(socket.retryCount, 2);
    socket.reconnect();
    await page.pass(10);
    assertEquals(socket.retryCount, 1);
  }));

Deno.test("reconnect() in a close listener is the only attempt", () =>
  withPage(async (page) => {
    const socket = page.connect();
    await page.pass(20);
    socket.onclose = () => socket.reconnect();
    page.server.last.end(1012, "drain: server restarting; afterMs=2000");
    assertEquals(page.of("reconnecting"), [
      { attempt: 1, delayMs: 2_000, reason: "asked to reconnect" },
    ]);
    await page.pass(2_020);
    assertEquals([socket.readyState, page.server.sockets.length], [socket.OPEN, 2]);
  }));

Deno.test("reconnect() replaces an open connection, and starts one that waits for connect()", () =>
  withPage(async (page) => {
    const socket = page.connect({ startClosed: true });
    socket.reconnect();
    await page.pass(20);
    assertEquals([socket.readyState, page.server.sockets.length], [socket.OPEN, 1]);
    socket.reconnect();
    await page.pass(20);
    assertEquals(page.server.sockets[0].closedWith, { code: 1000, reason: "Reconnecting" });
    assertEquals([socket.readyState, page.server.sockets.length], [socket.OPEN, 2]);
    socket.close();
    socket.reconnect();
    await page.pass(20);
    assertEquals([socket.readyState, page.server.sockets.length], [socket.CLOSED, 2]);
  }));

Deno.test("HeartbeatSocket in a worker of its own gets one again when it is woken", () =>
  withPage(async (page) => {
    using workers = new CountedWorkers();
    const socket = await exhausted(page, { heartbeatInWorker: true });
    assertEquals(workers.running, 0);
    page.server.isUp = true;
    socket.reconnect();
    await page.pass(40);
    assertEquals(workers.running, 1);
    socket.close();
    await page.pass(40);
    assertEquals(workers.running, 0);
  }));

Deno.test('HeartbeatSocket with closeEvents "final" fires neither close nor error for a reconnect', () =>
  withPage(async (page) => {
    const socket = page.connect({ closeEvents: "final", maxReconnectAttempts: 3 });
    await page.pass(20);
    page.server.last.end(1006);
    await page.pass(6_000);
    page.server.last.say({ type: "reconnect", afterMs: 0, reason: "drain" });
    await page.pass(20_000);
    assertEquals(page.of("open").length, 3);
    page.server.die();
    await page.pass(3_000);
    assertEquals([page.of("close"), page.of("error")], [[], []]);
    assertEquals(socket.readyState, socket.CONNECTING);
    await page.pass(120_000);
    const ends = page.happened.map(([type]) => type)
      .filter((type) => ["close", "error", "giveup"].includes(type));
    assertEquals(ends, ["error", "close", "giveup"]);
  }));

Deno.test('HeartbeatSocket with closeEvents "final" fires no error for an attempt before the last connection', () =>
  withPage(async (page) => {
    page.server.isUp = false;
    page.connect({ closeEvents: "final" });
    await page.pass(20);
    page.server.isUp = true;
    await page.pass(20_000);
    page.server.last.end(1008, "forbidden: no rights; no retry");
    assertEquals(page.of("error"), []);
    assertEquals(page.of("close").length, 1);
  }));

Deno.test('HeartbeatSocket with closeEvents "final" fires close for close()', () =>
  withPage(async (page) => {
    page.server.isUp = false;
    const socket = page.connect({ closeEvents: "final" });
    await page.pass(20_000);
    page.server.isUp = true;
    socket.close();
    await page.pass(40);
    assertEquals(page.of("error"), [], "the last attempt is no longer of interest");
    assertEquals(page.of("close"), [{ code: 1000, reason: "Client closed" }]);
  }));

Deno.test("HeartbeatSocket throws for other closeEvents", () =>
  withPage((page) => {
    const connect = () => page.connect({ closeEvents: "none" as never });
    assertThrows(connect, TypeError, "closeEvents must be all or final, got none");
  }));

Deno.test('rxjs\'s webSocket() lives through reconnects with closeEvents "final"', () =>
  withPage(async (page) => {
    const made: HeartbeatSocket[] = [];
    class FinalSocket extends HeartbeatSocket {
      constructor(url: string | URL, protocols: string | string[] = []) {
        const { WebSocket } = page.server;
        super(url, { profile: "none", closeEvents: "final", protocols, WebSocket });
        made.push(this);
      }
    }
    const subject = webSocket<unknown>({
      url: "ws://other.test/",
      WebSocketCtor: FinalSocket as unknown as typeof WebSocket,
    });
    const got: unknown[] = [];
    const subscription = subject.subscribe({
      next: (value) => got.push(value),
      error: () => got.push("error"),
      complete: () => got.push("complete"),
    });
    await page.pass(20);
    page.server.last.say("1");
    page.server.die();
    await page.pass(20_000);
    subject.next("dropped by rxjs, which sends only while readyState is 1");
    page.server.isUp = true;
    await page.pass(40_000);
    page.server.last.say("2");
    subject.next("hello");
    assertEquals([got, made.length], [[1, 2], 1]);
    assertEquals(page.server.last.sent, ['"hello"']);
    subscription.unsubscribe();
    await page.pass(5_000);
  }));
