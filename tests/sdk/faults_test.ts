/** The known faults of the article's client code: none of them is in the SDK. */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { HEARTBEAT_ID_PREFIX } from "../../server/sdk/profile.ts";
import { HeartbeatSocket } from "../../server/sdk/heartbeat_socket.ts";
import { withPage } from "../support/fakes/virtual_page.ts";

Deno.test("Fault: ids from Date.now() collide", () =>
  withPage(async (page) => {
    const socket = page.connect();
    await page.pass(20);
    page.server.answersBeats = false;
    page.fire("pageshow");
    page.server.last.say({ type: "pong", id: page.server.last.beats[1].id });
    page.fire("pageshow"); // within the same ms
    const [first, second, third] = page.server.last.beats;
    assertEquals(second.timestamp, third.timestamp);
    assertNotEquals(second.id, third.id);
    assertNotEquals(first.id, second.id);
    socket.close();
  }));

Deno.test("Fault: a pong is not matched with its ping", () =>
  withPage(async (page) => {
    const socket = page.connect();
    page.server.answersBeats = false;
    await page.pass(20);
    const [{ id }] = page.server.last.beats;
    page.server.last.say({ type: "pong", id: "another client's", timestamp: Date.now() });
    page.server.last.say({ type: "pong", id: `${HEARTBEAT_ID_PREFIX}0`, timestamp: Date.now() });
    assertEquals(socket.rtt, undefined);
    await page.pass(50);
    page.server.last.say({ type: "pong", id });
    assertEquals(socket.rtt, 50);
    page.server.last.say({ type: "pong", id });
    assertEquals(page.of("heartbeat"), [undefined, 50, undefined], "an answer is measured once");
  }));

Deno.test("Fault: a server that sends messages but no app pong times out", () =>
  withPage(async (page) => {
    page.connect();
    page.server.answersBeats = false;
    for (let second = 0; second < 300; second++) {
      await page.pass(1_000);
      page.server.last.say({ type: "message", channel: "news", data: second });
    }
    assertEquals(page.of("heartbeattimeout"), []);
    assertEquals(page.of("close"), []);
  }));

Deno.test('Fault: JSON.parse("null") or an array throws in the handler', () =>
  withPage(async (page) => {
    page.connect();
    await page.pass(20);
    const frames = ["null", "[]", "1", '"text"', "true", "{", "", "heartbeat", '{"type":null}'];
    for (const frame of frames) page.server.last.say(frame);
    assertEquals(page.of("message"), frames);
    await page.pass(60_000);
    assertEquals(page.of("close"), []);
  }));

Deno.test("Fault: an option given as undefined overrides its default", () =>
  withPage(async (page) => {
    const names = [
      ...["profile", "protocols", "heartbeatInterval", "heartbeatTimeout", "connectTimeout"],
      ...["reconnectInterval", "maxReconnectAttempts", "heartbeatInWorker", "outboxMessages"],
      ...["outboxAgeMs", "healthyLatency", "degradedLatency", "poorLatency"],
    ];
    const socket = page.connect(Object.fromEntries(names.map((name) => [name, undefined])));
    socket.send("kept");
    await page.pass(30_000);
    assertEquals(page.server.last.beats.length, 1);
    await page.pass(20);
    assertEquals(page.server.last.beats.length, 2);
    assert(page.server.last.sent.includes("kept"));
    page.server.die();
    await page.pass(600_000);
    assertEquals(page.of("giveup"), [{ attempts: 10, reason: "too many attempts failed" }]);
  }));

Deno.test("Fault: close() does not cancel a reconnect already scheduled", () =>
  withPage(async (page) => {
    const socket = page.connect();
    await page.pass(20);
    page.server.last.end(1006);
    assertEquals(page.of("reconnecting").length, 1);
    socket.close();
    await page.pass(100_000);
    assertEquals(page.server.sockets.length, 1);
    assertEquals(socket.readyState, socket.CLOSED);
    assertEquals(page.of("close").at(-1), { code: 1000, reason: "Client closed" });
  }));

Deno.test("Fault: close() does not cancel an attempt under way", () =>
  withPage(async (page) => {
    const socket = page.connect();
    socket.close();
    page.server.last.accept();
    await page.pass(100_000);
    assertEquals(page.of("open"), []);
    assertEquals(page.server.sockets.length, 1);
  }));

Deno.test("Fault: handlers of an old socket act on the new one", () =>
  withPage(async (page) => {
    const socket = page.connect();
    await page.pass(40);
    page.server.answersBeats = page.server.answersCloses = false;
    const [old] = page.server.sockets;
    const [{ id }] = old.beats;
    await page.pass(46_000); // timed out, and reconnected within the first backoff
    page.server.answersBeats = true;
    assertEquals(page.server.sockets.length, 2);
    await page.pass(100);
    const before = page.happened.length;
    old.say("a late message");
    old.say({ type: "pong", id });
    old.say({ type: "reconnect", afterMs: 0, reason: "old" });
    old.onerror?.();
    old.end(1000, "admin: closed by an operator; no retry");
    await page.pass(1_000);
    assertEquals(page.happened.slice(before), []);
    assertEquals(socket.readyState, socket.OPEN);
    socket.send("new");
    assert(!old.sent.includes("new"));
  }));

Deno.test("Fault: linear backoff without jitter", () =>
  withPage(async (page) => {
    page.server.isUp = false;
    for (let client = 0; client < 200; client++) page.connect({ maxReconnectAttempts: 4 });
    await page.pass(100_000);
    for (const [attempt, range] of [[1, 5_000], [2, 10_000], [3, 20_000], [4, 30_000]]) {
      const waits = page.of("reconnecting").filter((it) => it.attempt === attempt)
        .map(({ delayMs }) => delayMs as number);
      assertEquals(waits.length, 200);
      assert(waits.every((ms) => ms >= 0 && ms < range));
      // Of 200 uniform waits the lowest tenth and the highest are empty once in 10^9.
      assert(waits.some((ms) => ms < range / 10) && waits.some((ms) => ms > range * 9 / 10));
    }
  }));

Deno.test("Fault: attempts reset on open, so a flapping server gets an attempt without end", () =>
  withPage(async (page) => {
    page.connect();
    for (let flap = 0; flap < 200; flap++) {
      await page.pass(1_000);
      if (page.server.last.readyState === 1) page.server.last.end(1006);
    }
    assertEquals(page.of("giveup").length, 1, "each of ten attempts opened and was closed soon");
    assertEquals(page.server.sockets.length, 11);
    assertEquals(page.of("reconnecting").at(-1).attempt, 10);
  }));

Deno.test("Fault: attempts never reset, so the tenth loss ends a long-lived socket", () =>
  withPage(async (page) => {
    page.connect();
    for (let day = 0; day < 20; day++) {
      await page.pass(60_000);
      page.server.last.end(1006);
      await page.pass(5_100);
    }
    assertEquals(page.of("giveup"), []);
    assert(page.of("reconnecting").every(({ attempt }) => attempt === 1));
  }));

Deno.test("Fault: the final event fires repeatedly", () =>
  withPage(async (page) => {
    const socket = page.connect({ maxReconnectAttempts: 0 });
    await page.pass(20);
    page.server.last.end(1006);
    await page.pass(100_000);
    socket.close();
    page.fire("online");
    await page.pass(100_000);
    assertEquals(page.of("giveup").length, 1);
    assertEquals(page.of("health").filter((change) => change.endsWith("dead")).length, 1);
    assertEquals(page.of("close").length, 1);
  }));

Deno.test("Fault: a listener that throws stops the heartbeat", () =>
  withPage(async (page) => {
    const thrown: unknown[] = [];
    const onError = (event: ErrorEvent) => {
      event.preventDefault();
      thrown.push(event.error.message);
    };
    globalThis.addEventListener("error", onError);
    try {
      const socket = new HeartbeatSocket("ws://hub.test/", { WebSocket: page.server.WebSocket });
      socket.onopen = () => {
        throw new Error("mine");
      };
      await page.pass(60_100);
      assertEquals(page.server.last.beats.length, 3);
      assertEquals(thrown, ["mine"]);
      socket.close();
    } finally {
      globalThis.removeEventListener("error", onError);
    }
  }));

for (const firesClose of [true, false]) {
  const how = firesClose ? "an error and a close" : "an error alone, as in Node 22";
  Deno.test(`Fault: a failed attempt that the platform reports by ${how} counts more than once`, () =>
    withPage(async (page) => {
      page.server.isUp = false;
      page.server.tellsOfFailures = firesClose;
      page.connect({ maxReconnectAttempts: 1 });
      await page.pass(20);
      assertEquals(page.of("close"), [{ code: 1006, reason: "" }]);
      await page.pass(5_020);
      assertEquals(page.happened.map(([type]) => type), [
        ...["error", "close", "reconnecting", "error", "health", "close", "giveup"],
      ]);
    }));
}
