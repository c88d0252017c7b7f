import { assert, assertEquals, assertGreater, assertThrows } from "@std/assert";
import { HeartbeatSocket } from "../../server/sdk/heartbeat_socket.ts";
import { withPage } from "../support/fakes/virtual_page.ts";

const HELLO = { type: "welcome", clientId: "c" };

/** Frames without what identifies a publication. */
// deno-lint-ignore no-explicit-any -- of any kind
const plain = (frames: any[]) => frames.map(({ id: _, session: __, ...frame }) => frame);

Deno.test("HeartbeatSocket has the interface of WebSocket", () =>
  withPage(async (page) => {
    const socket = page.connect({ protocols: ["systole", "other"] });
    assertEquals(socket.readyState, HeartbeatSocket.CONNECTING);
    assertEquals(socket.url, "ws://hub.test/ws");
    assertEquals(page.server.last.protocols, ["systole", "other"]);
    page.server.last.protocol = "systole";
    const events: string[] = [];
    socket.onopen = () => events.push("open");
    socket.onmessage = ({ data }) => events.push(data);
    socket.onclose = ({ code, reason }) => events.push(`${code} ${reason}`);
    await page.pass(20);
    assertEquals(socket.readyState, socket.OPEN);
    assertEquals(socket.protocol, "systole");
    page.server.last.say("hello");
    socket.send("to the server");
    assertEquals(page.server.last.sent.at(-1), "to the server");
    socket.binaryType = "arraybuffer";
    assertEquals(page.server.last.binaryType, "arraybuffer");
    socket.close();
    assertEquals(socket.readyState, HeartbeatSocket.CLOSING);
    await page.pass(20);
    assertEquals(socket.readyState, HeartbeatSocket.CLOSED);
    assertEquals(events, ["open", "hello", "1000 Client closed"]);
  }));

Deno.test("HeartbeatSocket takes subprotocols as its second argument, as WebSocket does", () =>
  withPage((page) => {
    const original = globalThis.WebSocket;
    globalThis.WebSocket = page.server.WebSocket as typeof WebSocket;
    try {
      new HeartbeatSocket("ws://hub.test/ws", "one").close();
      new HeartbeatSocket("ws://hub.test/ws", ["two"]).close();
    } finally {
      globalThis.WebSocket = original;
    }
    assertEquals(page.server.sockets.map(({ protocols }) => protocols), ["one", ["two"]]);
  }));

Deno.test("HeartbeatSocket converts an http address to ws", () =>
  withPage((page) => {
    page.connect({}, "https://hub.test/ws?x=1");
    assertEquals(page.server.last.url, "wss://hub.test/ws?x=1");
  }));

Deno.test("HeartbeatSocket sends a heartbeat at once and at every interval, and measures the round trip", () =>
  withPage(async (page) => {
    const socket = page.connect();
    await page.pass(40); // 20 ms: open and a heartbeat; 40 ms: its answer
    assertEquals(page.of("heartbeat"), [20]);
    assertEquals(socket.rtt, 20);
    page.server.latencyMs = 40;
    await page.pass(60_000); // heartbeats at 30 020 and 60 020 ms
    assertEquals(page.server.last.beats.length, 3);
    assertEquals(page.of("heartbeat"), [20, 40]);
    assertEquals(socket.rtt, 40);
    assertEquals(page.of("message"), [], "heartbeat traffic is not the user's");
  }));

Deno.test("HeartbeatSocket answers the server's pings and fires no message for them", () =>
  withPage(async (page) => {
    page.connect();
    await page.pass(20);
    page.server.last.say({ type: "ping", id: "s1", timestamp: 7 });
    const clientTime = Date.now();
    const [pong] = page.server.last.messages;
    assertEquals(pong, { type: "pong", id: "s1", timestamp: 7, clientTime });
    assertEquals(page.of("message"), []);
  }));

Deno.test("HeartbeatSocket fires a message for every frame that is no heartbeat traffic", () =>
  withPage(async (page) => {
    page.connect();
    await page.pass(20);
    const own = { type: "pong", id: "of the user's own ping", timestamp: 1 };
    const frames = [HELLO, own, { type: "health_status", status: "healthy" }, { type: "message" }];
    for (const frame of frames) page.server.last.say(frame);
    assertEquals(page.of("message").map((text) => JSON.parse(text)), frames);
  }));

Deno.test("HeartbeatSocket closes a silent connection without waiting for the server's close frame", () =>
  withPage(async (page) => {
    const socket = page.connect();
    await page.pass(1_000);
    page.server.answersBeats = page.server.answersCloses = false;
    // 0.04 s: last frame; 30.02 s: a heartbeat; 40.04 s: timeout.
    await page.pass(39_030);
    assertEquals(page.of("heartbeattimeout"), []);
    const { last } = page.server;
    await page.pass(20);
    assertEquals(page.of("heartbeattimeout").length, 1);
    assertEquals(last.closedWith, { code: 4000, reason: "Heartbeat timeout" });
    assertEquals(page.of("close"), [{ code: 4000, reason: "Heartbeat timeout" }]);
    assertEquals(socket.status, "timeout");
    assertEquals(socket.readyState, socket.CONNECTING);
    page.server.answersBeats = true;
    await page.pass(6_000);
    assertEquals(page.of("open").length, 2);
    assertEquals(page.of("health"), [
      "unknown -> healthy",
      "healthy -> timeout",
      "timeout -> unknown",
      "unknown -> healthy",
    ]);
  }));

Deno.test("HeartbeatSocket times out an attempt that does not open", () =>
  withPage(async (page) => {
    page.server.answersAttempts = false;
    page.connect();
    await page.pass(20_000);
    assertEquals(page.of("close"), [{ code: 1006, reason: "Connect timeout" }]);
    assertEquals(page.of("heartbeattimeout"), []);
    await page.pass(5_000);
    assertEquals(page.server.sockets.length, 2);
  }));

Deno.test("HeartbeatSocket restores its subscriptions, fires open, then sends its outbox", () =>
  withPage(async (page) => {
    const socket = page.connect();
    socket.subscribe("a");
    socket.subscribe("b");
    socket.subscribe("b");
    socket.subscribe("gone");
    socket.unsubscribe("gone");
    socket.publish("a", 1);
    socket.send("two");
    const { bufferedAmount } = socket;
    socket.onopen = () => socket.send('{"type":"login"}');
    const expected = [
      { type: "subscribe", channel: "a" },
      { type: "subscribe", channel: "b" },
      { type: "login" },
    ];
    await page.pass(20);
    const publication = { type: "publish", channel: "a", data: 1 };
    const { messages, sent } = page.server.last;
    assertEquals(plain(messages), [...expected, publication, {}]); // "two" is no JSON and has no fields
    assertEquals(sent[4], "two");
    assertEquals(bufferedAmount, `${sent[3]}two`.length);
    const { id } = messages[3];
    page.server.last.say({ type: "published", channel: "a", id });
    assertEquals(socket.bufferedAmount, 0, "answered");
    page.server.die();
    for (const data of [1, 2, 3]) socket.publish("b", data);
    socket.subscribe("c");
    page.server.isUp = true;
    await page.pass(6_000);
    const published = [1, 2, 3].map((data) => ({ type: "publish", channel: "b", data }));
    const subscribed = { type: "subscribe", channel: "c" };
    const again = [...expected.slice(0, 2), subscribed, expected[2]];
    assertEquals(plain(page.server.last.messages), [...again, ...published]);
    assertEquals(page.of("drop"), []);
  }));

Deno.test("HeartbeatSocket subscribes at once when it is open, and once", () =>
  withPage(async (page) => {
    const socket = page.connect();
    await page.pass(20);
    socket.subscribe("a");
    socket.subscribe("a");
    socket.unsubscribe("a");
    socket.unsubscribe("a");
    assertEquals(page.server.last.messages, [
      { type: "subscribe", channel: "a" },
      { type: "unsubscribe", channel: "a" },
    ]);
  }));

Deno.test("HeartbeatSocket fires drop for each message that its outbox drops", () =>
  withPage(async (page) => {
    page.server.isUp = false;
    const socket = page.connect({ outboxMessages: 2, outboxAgeMs: 8_000 });
    for (const text of ["1", "2", "3"]) socket.send(text);
    assertEquals(page.of("drop"), [{ data: "1", reason: "full" }]);
    await page.pass(8_001);
    socket.send("4");
    page.server.isUp = true;
    page.fire("online");
    await page.pass(100);
    assertEquals(page.of("drop").slice(1), [
      { data: "2", reason: "expired" },
      { data: "3", reason: "expired" },
    ]);
    const sent = page.server.last.sent.filter((text) => !`${text}`.startsWith("{"));
    assertEquals(sent, ["4"]);
    socket.close();
    socket.send("5");
    assertEquals(page.of("drop").slice(3), [{ data: "5", reason: "closed" }]);
  }));

Deno.test("HeartbeatSocket keeps messages in the outbox while the server closes", () =>
  withPage(async (page) => {
    const socket = page.connect();
    await page.pass(20);
    const { last } = page.server;
    last.readyState = 2; // its close frame was received, the close event has not fired yet
    socket.send("kept");
    assertEquals(last.sent.includes("kept"), false);
    last.end(1012, "drain: server restarting; afterMs=0");
    await page.pass(6_000);
    assert(page.server.last.sent.includes("kept"));
  }));

Deno.test("HeartbeatSocket reconnects after the wait that the server requests", () =>
  withPage(async (page) => {
    page.connect();
    await page.pass(20);
    page.server.last.end(1012, "drain: server restarting; afterMs=90000");
    const [{ attempt, delayMs, reason }] = page.of("reconnecting");
    assertEquals([attempt, reason], [1, "drain: server restarting; afterMs=90000"]);
    assert(delayMs >= 90_000 && delayMs <= 95_000, `${delayMs}`);
    page.fire("online"); // makes no attempt earlier than the server allows
    await page.pass(89_000);
    assertEquals(page.server.sockets.length, 1);
    await page.pass(1_100);
    assertEquals(page.server.sockets.length, 2);
  }));

for (const [code, reason] of [[1000, "admin: closed by an operator; no retry"], [1009, ""]]) {
  Deno.test(`HeartbeatSocket does not reconnect after ${code} "${reason}"`, () =>
    withPage(async (page) => {
      const socket = page.connect();
      await page.pass(20);
      socket.onclose = () => assertEquals(socket.readyState, socket.CLOSED);
      page.server.last.end(code as number, reason as string);
      assertEquals(page.of("giveup"), [{ attempts: 0, reason: reason || "code 1009" }]);
      assertEquals(socket.status, "dead");
      page.fire("online");
      await page.pass(60_000);
      assertEquals(page.server.sockets.length, 1);
      assertEquals(page.of("reconnecting"), []);
    }));
}

Deno.test("HeartbeatSocket reconnects on advice: it keeps the connection until then, and counts no failure", () =>
  withPage(async (page) => {
    const socket = page.connect();
    await page.pass(40);
    const [old] = page.server.sockets;
    old.say({ type: "reconnect", afterMs: 2_000, reason: "poor" });
    assertEquals(page.of("message").length, 1, "the user receives it, too");
    const [{ attempt, reason }] = page.of("reconnecting");
    assertEquals([attempt, reason], [1, "advised: poor"]);
    await page.pass(2_000);
    socket.send("still there");
    assert(old.sent.includes("still there"));
    await page.pass(5_000);
    assertEquals(page.server.sockets.length, 2);
    assertEquals(old.closedWith, { code: 1000, reason: "Reconnecting" });
    assertEquals(page.happened.map(([type]) => type).filter((type) => type !== "heartbeat"), [
      ...["open", "health", "reconnecting", "message"],
      ...["health", "close", "open", "health"],
    ]);
  }));

Deno.test("HeartbeatSocket keeps its messages for as long as a busy server asks, and then sends them", () =>
  withPage(async (page) => {
    const socket = page.connect();
    await page.pass(40);
    const { last } = page.server;
    const busy = { type: "error", code: "busy", message: "not published", afterMs: 1_000 };
    last.say(busy);
    assertEquals(page.of("message").length, 1, "the user receives it, too");
    socket.send("a");
    socket.publish("c", 1);
    await page.pass(500);
    last.say(busy); // the wait begins anew
    await page.pass(990);
    assert(!last.sent.includes("a"));
    assertGreater(socket.bufferedAmount, 0);
    await page.pass(20);
    const own = last.sent.slice(last.sent.indexOf("a"));
    assertEquals([own[0], own.length, plain(last.messages).at(-1)], [
      ...["a", 2, { type: "publish", channel: "c", data: 1 }],
    ]);
    socket.send("b");
    assertEquals(last.sent.at(-1), "b");
  }));

Deno.test("HeartbeatSocket makes one attempt for advice and the close that follows it", () =>
  withPage(async (page) => {
    page.connect();
    await page.pass(20);
    page.server.last.say({ type: "reconnect", afterMs: 3_000, reason: "drain" });
    page.server.last.end(1012, "drain: server restarting; afterMs=3000");
    assertEquals(page.of("reconnecting").length, 1);
    await page.pass(2_900);
    assertEquals(page.server.sockets.length, 1);
    await page.pass(5_200);
    assertEquals(page.server.sockets.length, 2);
    assertEquals(page.of("open").length, 2);
  }));

Deno.test("HeartbeatSocket waits longer when the close after the advice requests a longer wait", () =>
  withPage(async (page) => {
    page.connect();
    await page.pass(20);
    page.server.last.say({ type: "reconnect", afterMs: 1_000, reason: "poor" });
    page.server.last.end(1008, "rate_limited: too many messages; afterMs=60000");
    await page.pass(59_900);
    assertEquals(page.server.sockets.length, 1);
    await page.pass(10_200);
    assertEquals(page.server.sockets.length, 2);
  }));

Deno.test("HeartbeatSocket uses its only attempt for advice, and without one keeps the connection", () =>
  withPage(async (page) => {
    page.connect({ maxReconnectAttempts: 1 });
    page.connect({ maxReconnectAttempts: 0 });
    await page.pass(20);
    const [first, second] = page.server.sockets;
    for (const socket of [first, second]) {
      socket.say({ type: "reconnect", afterMs: 3_000, reason: "drain" });
    }
    await page.pass(1_000);
    first.end(1012, "drain: server restarting; afterMs=1000");
    await page.pass(10_000);
    assertEquals(page.server.sockets.length, 3, "one reconnected");
    assertEquals(page.of("giveup"), []);
    assertEquals(second.readyState, 1);
  }));

const ADVICE = { type: "reconnect", afterMs: 2_000, reason: "drain" };

Deno.test("HeartbeatSocket counts attempts from 1 on advice to a stable connection", () =>
  withPage(async (page) => {
    page.connect();
    for (const ageMs of [20, 5_100, 25_000]) {
      await page.pass(ageMs);
      page.server.last.end(1006);
    }
    await page.pass(20_000);
    page.server.last.say(ADVICE);
    page.server.last.say(ADVICE);
    const attempts = page.of("reconnecting").map(({ attempt }) => attempt);
    assertEquals(attempts, [1, 2, 1, 1, 1]);
  }));

Deno.test("HeartbeatSocket counts advice to a young connection as an attempt, once until it reconnects", () =>
  withPage(async (page) => {
    page.connect();
    await page.pass(20);
    page.server.last.end(1006);
    await page.pass(5_020);
    for (let times = 0; times < 3; times++) page.server.last.say(ADVICE);
    assertEquals(page.of("reconnecting").map(({ attempt }) => attempt), [1, 2, 2, 2]);
  }));

Deno.test("HeartbeatSocket stops reconnecting to a server that advises it at once every time", () =>
  withPage(async (page) => {
    const socket = page.connect({ reconnectInterval: 100, maxReconnectAttempts: 3 });
    socket.onopen = () => page.server.last.say({ ...ADVICE, afterMs: 0 });
    await page.pass(5_000);
    assertEquals(page.server.sockets.length, 4);
    assertEquals(page.of("reconnecting").map(({ attempt }) => attempt), [1, 2, 3]);
    assertEquals(socket.readyState, socket.OPEN, "it keeps the connection");
    await page.pass(6_000); // 10 s: stable
    socket.onopen = null;
    page.server.last.say(ADVICE);
    assertEquals(page.of("reconnecting").at(-1).attempt, 1);
    page.server.last.end(1012, "drain: server restarting; afterMs=9000");
    await page.pass(10_000);
    assertEquals(page.server.sockets.length, 5);
    assertEquals(page.of("giveup"), []);
  }));

Deno.test("HeartbeatSocket reconnects for bad health once until it is healthy again, each time after a longer wait", () =>
  withPage(async (page) => {
    page.server.latencyMs = 700;
    page.connect({ reconnectInterval: 100 });
    await page.pass(60_000);
    const waitsS = () => page.of("reconnecting").map(({ delayMs }) => Math.floor(delayMs / 1_000));
    const advise = async (reason: string) => {
      page.server.last.say({ type: "reconnect", afterMs: 1_000, reason });
      await page.pass(60_000);
    };
    await advise("poor");
    assertEquals([waitsS(), page.server.sockets.length], [[1], 2]);
    for (const reason of ["critical", "poor", "critical"]) await advise(reason);
    assertEquals(page.server.sockets.length, 2, "another connection was no better");
    await advise("drain");
    assertEquals([waitsS(), page.server.sockets.length], [[1, 1], 3]);
    page.server.latencyMs = 20;
    await page.pass(600_000);
    assertEquals(page.of("health").at(-1), "degraded -> healthy");
    page.server.latencyMs = 700;
    for (const reason of ["poor", "critical"]) await advise(reason);
    assertEquals([waitsS(), page.server.sockets.length], [[1, 1, 2], 4]);
  }));

Deno.test("HeartbeatSocket makes its only attempt, however often it is postponed", () =>
  withPage(async (page) => {
    page.connect({ maxReconnectAttempts: 1 });
    await page.pass(20);
    page.server.last.say(ADVICE);
    page.server.last.end(1008, "rate_limited: too many messages; afterMs=60000");
    assertEquals(page.of("giveup"), []);
    await page.pass(66_000);
    assertEquals(page.server.sockets.length, 2);
  }));

Deno.test("HeartbeatSocket reconnects on advice after a time offline", () =>
  withPage(async (page) => {
    page.connect();
    await page.pass(20);
    page.server.last.end(1006);
    await page.pass(5_020);
    page.server.last.say(ADVICE);
    page.fire("offline");
    await page.pass(10_000);
    assertEquals(page.server.sockets.length, 2);
    page.fire("online");
    await page.pass(20);
    assertEquals(page.server.sockets.length, 3);
  }));

Deno.test("HeartbeatSocket closed during a reconnect does not reconnect", () =>
  withPage(async (page) => {
    const socket = page.connect();
    await page.pass(20);
    socket.onclose = () => socket.close();
    page.server.last.say({ type: "reconnect", afterMs: 0, reason: "poor" });
    await page.pass(10_000);
    assertEquals(page.server.sockets.length, 1);
    assertEquals(socket.readyState, socket.CLOSED);
  }));

Deno.test("HeartbeatSocket requests a new address before each attempt", () =>
  withPage(async (page) => {
    let tickets = 0;
    const address = () => Promise.resolve(`ws://hub.test/?ticket=${++tickets}`);
    const socket = page.connect({ profile: "talo" }, address);
    assertEquals(socket.url, "");
    await page.pass(20);
    assertEquals(socket.url, "ws://hub.test/?ticket=1");
    page.server.last.end(3000); // the ticket was used; a new one may be valid
    await page.pass(6_000);
    assertEquals(socket.url, "ws://hub.test/?ticket=2");
  }));

Deno.test("HeartbeatSocket counts an address function that throws as a failed attempt", () =>
  withPage(async (page) => {
    let calls = 0;
    const address = () => {
      if (++calls === 1) throw new Error("no ticket");
      return "ws://hub.test/";
    };
    page.connect({}, address);
    await page.pass(6_000);
    assertEquals(page.of("close").map(({ reason }) => reason), [
      "No address: Error: no ticket",
    ]);
    assertEquals(page.of("open").length, 1);
  }));

Deno.test("HeartbeatSocket includes the address function in the time of the attempt", () =>
  withPage(async (page) => {
    const pending: ((url: string) => void)[] = [];
    page.connect({ reconnectInterval: 1 }, () => new Promise((resolve) => pending.push(resolve)));
    await page.pass(19_999);
    assertEquals(page.happened, []);
    await page.pass(11); // 20 s: timeout; by 20.001 s the second attempt
    const timeout = { code: 1006, reason: "Connect timeout" };
    assertEquals(page.of("close"), [timeout]);
    assertEquals(pending.length, 2);
    pending[0]("ws://hub.test/late");
    await page.pass(15_000);
    assertEquals(page.server.sockets.length, 0, "a timed-out attempt opens no socket");
    page.server.answersAttempts = false;
    pending[1]("ws://hub.test/");
    await page.pass(4_000);
    assertEquals(page.server.last.url, "ws://hub.test/");
    assertEquals(page.of("close").length, 1);
    await page.pass(1_100); // 20 s from the start of the attempt, not from its address
    assertEquals(page.of("close"), [timeout, timeout]);
  }));

Deno.test("HeartbeatSocket ignores an address that resolves after close()", () =>
  withPage(async (page) => {
    const { promise, resolve } = Promise.withResolvers<string>();
    const socket = page.connect({}, () => promise);
    socket.close();
    resolve("ws://hub.test/");
    await page.pass(1_000);
    assertEquals(page.server.sockets.length, 0);
    assertEquals(page.of("close"), [{ code: 1000, reason: "Client closed" }]);
  }));

Deno.test("HeartbeatSocket closes although the server does not answer", () =>
  withPage(async (page) => {
    const socket = page.connect();
    await page.pass(20);
    page.server.answersCloses = false;
    socket.close(4321, "enough");
    assertEquals(page.server.last.closedWith, { code: 4321, reason: "enough" });
    await page.pass(2_000);
    assertEquals(socket.readyState, socket.CLOSED);
    assertEquals(page.of("close").length, 1);
  }));

Deno.test("HeartbeatSocket closed by a listener stays closed", () =>
  withPage(async (page) => {
    const types = [
      "error",
      "open",
      "close",
      "reconnecting",
      "heartbeat",
      "heartbeattimeout",
    ] as const;
    for (const type of [...types, "health"] as const) {
      page.server.isUp = type !== "error";
      const socket = page.connect({ heartbeatInterval: 1_000, heartbeatTimeout: 500 });
      const { last } = page.server;
      const states: number[] = [];
      socket.addEventListener("close", () => states.push(socket.readyState));
      socket.addEventListener(type, () => socket.close());
      await page.pass(30);
      if (type === "heartbeattimeout") page.server.answersBeats = false;
      else if (type === "close" || type === "reconnecting") last.end(1006);
      await page.pass(30_000);
      assertEquals(socket.readyState, socket.CLOSED, type);
      assertEquals(last, page.server.last, `${type}: a new attempt`);
      assertEquals(states.filter((state) => state === socket.CLOSED).length, 1, type);
      page.server.answersBeats = true;
    }
  }));

Deno.test("HeartbeatSocket that is closing ignores advice", () =>
  withPage(async (page) => {
    const socket = page.connect();
    await page.pass(30);
    const { last } = page.server;
    socket.close();
    last.say(ADVICE); // sockets of some runtimes fire messages until the close is answered
    await page.pass(30_000);
    assertEquals([socket.readyState, last === page.server.last], [socket.CLOSED, true]);
    assertEquals(page.happened.filter(([type]) => type === "reconnecting"), []);
  }));

Deno.test("HeartbeatSocket closed in its error event fires one close, with the default code", () =>
  withPage(async (page) => {
    page.server.isUp = false;
    const noAddress = () => Promise.reject(new Error("no ticket"));
    for (const address of ["ws://hub.test/ws", noAddress]) {
      page.happened.length = 0;
      const socket = page.connect({}, address);
      socket.onerror = () => socket.close();
      await page.pass(10_000);
      assertEquals(page.happened, [
        ["error", undefined],
        ["close", { code: 1000, reason: "Client closed" }],
      ]);
    }
  }));

Deno.test("HeartbeatSocket throws an error that names the invalid option", () => {
  const rules = [
    [{ profile: "mqtt" }, TypeError, "profile must be one of json,events-hub,infoway,tank,talo"],
    [
      { heartbeatInterval: 0 },
      RangeError,
      "heartbeatInterval must be a number from 1 to 2147483647",
    ],
    [{ heartbeatInterval: "30000" }, RangeError, "heartbeatInterval must be a number from 1 to"],
    [{ heartbeatTimeout: NaN }, RangeError, "heartbeatTimeout must be a number from 1 to"],
    [{ connectTimeout: 2 ** 31 }, RangeError, "connectTimeout must be a number from 1 to"],
    [{ reconnectInterval: Infinity }, RangeError, "reconnectInterval must be a number from 1 to"],
    [{ maxReconnectAttempts: -1 }, RangeError, "maxReconnectAttempts must be a number from 0"],
    [
      { outboxMessages: "8" },
      RangeError,
      "outboxMessages must be a number from 0 to Infinity, got 8",
    ],
    [
      { outboxBytes: true },
      RangeError,
      "outboxBytes must be a number from 0 to Infinity, got true",
    ],
    [{ maxSamples: 0 }, RangeError, "maxSamples must be a number from 1 to 2147483647, got 0"],
  ] as const;
  for (const [options, kind, text] of rules) {
    const connect = () => new HeartbeatSocket("ws://hub.test/", options as never);
    assertThrows(connect, kind, text);
  }
  assertThrows(() => new HeartbeatSocket("no address"), TypeError);
  const original = globalThis.WebSocket;
  Reflect.deleteProperty(globalThis, "WebSocket");
  try {
    const connect = () => new HeartbeatSocket("ws://hub.test/");
    assertThrows(connect, TypeError, "WebSocket must be given where the platform has none");
  } finally {
    globalThis.WebSocket = original;
  }
});

Deno.test("HeartbeatSocket throws for a method that the profile does not have", () =>
  withPage((page) => {
    const cases = [
      ["events-hub", "subscribe", "Cannot subscribe: events-hub has no frame for it"],
      ["tank", "publish", "Cannot publish: tank has no frame for it"],
      ["talo", "unsubscribe", "Cannot unsubscribe: talo has no frame for it"],
      ["talo", "publish", "talo has channels/<id>, got x"],
      ["infoway", "subscribe", "Cannot use this channel: infoway has trade/<code>"],
    ] as const;
    for (const [profile, method, text] of cases) {
      const socket = page.connect({ profile });
      assertThrows(() => socket[method]("x", 1 as never), TypeError, text);
      socket.close();
    }
    const socket = page.connect();
    const error = assertThrows(() => socket.close(1001), DOMException, "got 1001");
    assertEquals(error.name, "InvalidAccessError");
    assertEquals(socket.readyState, socket.CONNECTING);
  }));

Deno.test("HeartbeatSocket closes with a reason of at most 123 bytes, open or not", () =>
  withPage(async (page) => {
    const socket = page.connect();
    const longest = "é".repeat(61) + "x";
    for (const state of [socket.CONNECTING, socket.OPEN]) {
      const close = () => socket.close(1000, `${longest}x`);
      const error = assertThrows(close, DOMException, "at most 123 bytes, got 1000 and 124");
      assertEquals(error.name, "SyntaxError");
      assertEquals(socket.readyState, state);
      await page.pass(20);
    }
    socket.close(1000, longest);
    assertEquals(page.server.last.closedWith?.reason, longest);
  }));
