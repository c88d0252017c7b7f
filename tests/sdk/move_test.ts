/**
 * A move on the server's advice: the new connection is made while the old one is used, and takes over
 * once it has caught up.
 *
 * @module
 */

import { assert, assertEquals, assertGreater } from "@std/assert";
import type { HeartbeatSocket, HeartbeatSocketOptions } from "../../server/sdk/heartbeat_socket.ts";
import type { Address } from "../../server/sdk/options.ts";
import { fieldsOf } from "../../server/sdk/profile.ts";
import type { FakeWebSocket } from "../support/fakes/fake_web_socket.ts";
import { type VirtualPage, withPage } from "../support/fakes/virtual_page.ts";

const ADVICE = { type: "reconnect", afterMs: 1_000, reason: "poor" };
/** The advised attempt is made then, without a backoff. */
const ATTEMPT_MS = 1_000;
/** An attempt, or a heartbeat and its answer. */
const TRIP_MS = 20;

const welcome = (clientId: string) => ({ type: "welcome", clientId, pongWaitMs: 60_000 });

const subscribed = (offset: number | undefined, fields: object = {}) => ({
  type: "subscribed",
  channel: "a",
  epoch: offset === undefined ? undefined : "e",
  offset,
  ...fields,
});

const message = (offset: number | undefined, data: unknown = offset) => ({
  type: "message",
  channel: "a",
  data,
  timestamp: 1,
  offset,
});

/** Runs a test in a page without backoff. */
function withoutJitter(test: (page: VirtualPage) => Promise<void>): Promise<void> {
  return withPage(async (page) => {
    const { random } = Math;
    Math.random = () => 0;
    try {
      await test(page);
    } finally {
      Math.random = random;
    }
  });
}

/** A client that is about to move. */
class Scene {
  readonly socket: HeartbeatSocket;
  readonly page: VirtualPage;
  /** Values, gaps and recoveries of channel `a`, in order. */
  readonly received: unknown[] = [];
  /** Each `readyState` other than OPEN since it was open. */
  readonly states: number[] = [];

  constructor(page: VirtualPage, options: HeartbeatSocketOptions, address?: Address) {
    this.page = page;
    this.socket = page.connect(options, address);
    const subscription = this.socket.subscribe("a", ({ data }) => this.received.push(data));
    for (const type of ["gap", "recovered"] as const) {
      subscription.addEventListener(type, () => this.received.push(type));
    }
  }

  /** The first connection. */
  get old(): FakeWebSocket {
    return this.page.server.sockets[0];
  }

  /** The newest one. */
  get next(): FakeWebSocket {
    return this.page.server.last;
  }

  /** Lets time pass, a millisecond at a time, and looks at the state each time. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed++) {
      await this.page.pass(1);
      if (this.socket.readyState !== this.socket.OPEN) this.states.push(this.socket.readyState);
    }
  }

  /** Asserts that the user has seen no loss. */
  assertUnbroken(): void {
    const { page, states } = this;
    assertEquals([states, page.of("close"), page.of("error")], [[], [], []]);
    assertEquals(page.of("heartbeattimeout"), []);
  }

  /** Whether the client uses the newest connection alone, and has closed the first one. */
  assertMoved(): void {
    this.assertUnbroken();
    assertEquals(this.old.closedWith, { code: 1000, reason: "Reconnecting" });
    this.socket.send("after the move");
    assert(this.next.sent.includes("after the move"));
  }
}

/** What the user has sent on a connection, in short. */
function ownOf(socket: FakeWebSocket): string[] {
  return socket.sent.map((text) => {
    const { type, data } = fieldsOf(text);
    return type === "publish" ? `publish ${data}` : `${text}`;
  }).filter((text) => !text.startsWith("{"));
}

/** A client whose channel is at offset 5, and which has been advised. */
async function advised(
  page: VirtualPage,
  { offset = 5 as number | undefined, options = {}, address = undefined as Address | undefined } =
    {},
): Promise<Scene> {
  const scene = new Scene(page, options, address);
  await page.pass(TRIP_MS);
  scene.old.say(welcome("c 1"));
  scene.old.say(subscribed(offset));
  await scene.pass(TRIP_MS);
  scene.old.say(ADVICE);
  return scene;
}

/** The new connection is open, and is yet to answer. */
async function moving(page: VirtualPage, options: Parameters<typeof advised>[1] = {}) {
  const scene = await advised(page, options);
  await scene.pass(ATTEMPT_MS + TRIP_MS);
  assertEquals(page.server.sockets.length, 2);
  scene.next.say(welcome("c 2"));
  return scene;
}

Deno.test("HeartbeatSocket that is advised makes the new connection before it closes the old one", () =>
  withoutJitter(async (page) => {
    const scene = await moving(page);
    const { old, next } = scene;
    assertEquals(next.url, "ws://hub.test/ws?replaces=c+1");
    const since = { epoch: "e", offset: 5 };
    assertEquals(next.messages, [{ type: "subscribe", channel: "a", since }]);
    old.say(message(6));
    next.say(subscribed(7, { recovered: true }));
    next.say(message(6));
    await scene.pass(TRIP_MS);
    assertEquals(old.closedWith, undefined, "the new one has not brought message 7");
    scene.socket.send("on the old one");
    assert(old.sent.includes("on the old one"));
    next.say(message(7));
    old.say(message(7));
    old.say(message(8));
    await scene.pass(TRIP_MS);
    scene.assertMoved();
    for (const offset of [8, 9]) next.say(message(offset));
    assertEquals(scene.received, [6, 7, 8, 9]);
    const events = page.happened.map(([type]) => type);
    assertEquals(events.filter((type) => ["open", "reconnecting"].includes(type)), [
      ...["open", "reconnecting", "open"],
    ]);
    old.say(message(10));
    assertEquals(scene.received.length, 4, "the old one is not listened to");
  }));

Deno.test("HeartbeatSocket that has moved moves again, in the name of the new connection", () =>
  withoutJitter(async (page) => {
    const scene = await moving(page);
    scene.next.say(subscribed(5, { recovered: true }));
    await scene.pass(2 * TRIP_MS);
    scene.assertMoved();
    scene.next.say({ ...ADVICE, reason: "drain" });
    await scene.pass(ATTEMPT_MS + TRIP_MS);
    assertEquals(scene.next.url, "ws://hub.test/ws?replaces=c+2");
    scene.next.say(subscribed(5, { recovered: true }));
    await scene.pass(2 * TRIP_MS);
    scene.assertUnbroken();
    await page.pass(TRIP_MS);
    assertEquals(page.server.sockets.map(({ readyState }) => readyState), [3, 3, 1]);
  }));

Deno.test("HeartbeatSocket that moves sends nothing between its last question and the new connection", () =>
  withoutJitter(async (page) => {
    const scene = await moving(page);
    const { old, next, socket } = scene;
    socket.send("1");
    next.say(subscribed(5, { recovered: true }));
    page.server.latencyMs = 500; // the answer to the last heartbeat of the old one takes so long
    await scene.pass(TRIP_MS);
    socket.send("2");
    socket.publish("a", 3);
    await scene.pass(400);
    old.say({ type: "echo", data: "of 1" });
    assertGreater(socket.bufferedAmount, 0);
    const listener = () => socket.send("in a heartbeat listener");
    socket.addEventListener("heartbeat", listener, { once: true });
    socket.onopen = () => socket.send("first");
    await scene.pass(200);
    scene.assertMoved();
    assertEquals(ownOf(old), ["1"]);
    const own = ["first", "2", "publish 3", "in a heartbeat listener", "after the move"];
    assertEquals(ownOf(next), own);
    assertEquals(page.of("message").filter((text) => text.includes("echo")).length, 1);
    assertEquals(page.of("drop"), []);
  }));

Deno.test("HeartbeatSocket that moves gets the answers to its publications on the old connection", () =>
  withoutJitter(async (page) => {
    const scene = await moving(page);
    const { old, next, socket } = scene;
    const published = socket.publish("a", 1);
    next.say(subscribed(5, { recovered: true }));
    await scene.pass(TRIP_MS);
    const { id } = old.messages.at(-1);
    old.say({ type: "published", channel: "a", id, epoch: "e", offset: 6 });
    assertEquals(await published, { epoch: "e", offset: 6 });
    await scene.pass(TRIP_MS);
    scene.assertMoved();
    assertEquals(ownOf(next), ["after the move"]);
  }));

Deno.test("HeartbeatSocket whose old connection dies sends its unanswered publications on the new one", () =>
  withoutJitter(async (page) => {
    const scene = await moving(page);
    const { old, next, socket } = scene;
    const published = socket.publish("a", 1);
    next.say(subscribed(5, { recovered: true }));
    old.end(1006);
    assertEquals([ownOf(old), ownOf(next)], [["publish 1"], ["publish 1"]]);
    const { id } = next.messages.at(-1);
    assertEquals(id, old.messages.at(-1).id);
    next.say({ type: "published", channel: "a", id, epoch: "e", offset: 6, duplicate: true });
    assertEquals(await published, { epoch: "e", offset: 6 });
    scene.assertUnbroken();
  }));

Deno.test("HeartbeatSocket that moves lists the members anew, and hears of a change once", () =>
  withoutJitter(async (page) => {
    const scene = new Scene(page, {});
    const changes: string[] = [];
    const subscription = scene.socket.subscribe("a", null, { presence: true });
    for (const type of ["joined", "left"] as const) {
      subscription.addEventListener(type, ({ member }) => changes.push(`${type} ${member}`));
    }
    await page.pass(TRIP_MS);
    const member = (name: string) => ({ user: null, member: name, clientId: "c", info: null });
    const list = (...names: string[]) => {
      const members = names.map(member);
      return { type: "presence", channel: "a", id: "hb", count: names.length, members };
    };
    const joined = { type: "joined", channel: "a", ...member("bob") };
    const { old } = scene;
    for (const frame of [welcome("c"), subscribed(5), list("ann"), ADVICE]) {
      old.say(frame);
    }
    await scene.pass(ATTEMPT_MS + TRIP_MS);
    const { next } = scene;
    next.say(subscribed(5, { recovered: true }));
    next.say(joined);
    old.say(joined);
    scene.socket.subscribe("a", null, { info: "changed" }); // answered on both connections
    for (const from of [old, next]) from.say(subscribed(5));
    const asked = () => next.messages.filter(({ type }) => type === "presence").length;
    const before = asked();
    await scene.pass(2 * TRIP_MS);
    scene.assertMoved();
    assertEquals(asked(), before + 1);
    next.say(list("ann", "eve"));
    assertEquals([changes, scene.received], [["joined bob", "left bob", "joined eve"], []]);
  }));

Deno.test("HeartbeatSocket takes a message from the connection on which it comes first", () =>
  withoutJitter(async (page) => {
    const scene = await moving(page);
    const { old, next } = scene;
    next.say(subscribed(5, { recovered: true }));
    for (const [from, offset] of [[next, 6], [old, 6], [old, 7], [next, 7], [next, 8]] as const) {
      from.say(message(offset));
    }
    page.server.answersBeats = false;
    await scene.pass(TRIP_MS);
    for (const [from, offset] of [[old, 8], [next, 9], [old, 9]] as const) {
      from.say(message(offset));
    }
    assertEquals(scene.received, [6, 7, 8, 9]);
    const raw = page.of("message").filter((text) => text.includes('"message"'));
    assertEquals(raw.map((text) => JSON.parse(text).data), [6, 7, 8, 9]);
  }));

Deno.test("HeartbeatSocket takes messages without offsets from one connection, and fires gap once", () =>
  withoutJitter(async (page) => {
    const scene = await moving(page, { offset: undefined });
    const { old, next } = scene;
    next.say(subscribed(undefined));
    const long = "x".repeat(5_000);
    for (const data of [1, long]) {
      next.say(message(undefined, data));
      old.say(message(undefined, data));
    }
    await scene.pass(2 * TRIP_MS);
    scene.assertMoved();
    next.say(message(undefined, 3));
    assertEquals(scene.received, [1, long, "gap", 3]);
  }));

Deno.test("HeartbeatSocket without listeners gets no long message twice", () =>
  withoutJitter(async (page) => {
    const socket = page.connect();
    socket.subscribe("a");
    await page.pass(TRIP_MS);
    const [old] = page.server.sockets;
    for (const frame of [welcome("c"), subscribed(undefined), ADVICE]) {
      old.say(frame);
    }
    await page.pass(ATTEMPT_MS + TRIP_MS);
    const before = page.of("message").length;
    page.server.last.say(subscribed(undefined));
    for (const from of [page.server.last, old]) {
      from.say(message(undefined, "x".repeat(5_000)));
    }
    assertEquals(page.of("message").length, before + 1);
  }));

for (
  const [what, answer] of Object.entries({
    "cannot recover a channel": subscribed(9, { recovered: false }),
    "has another epoch": subscribed(2, { epoch: "f", recovered: false }),
    "keeps no history any more": subscribed(undefined, { recovered: false }),
  })
) {
  Deno.test(`HeartbeatSocket that moves fires gap if the new connection ${what}`, () =>
    withoutJitter(async (page) => {
      const scene = await moving(page);
      scene.next.say(answer);
      scene.old.say(message(6));
      await scene.pass(2 * TRIP_MS);
      scene.assertMoved();
      const offset = answer.offset === undefined ? undefined : answer.offset + 1;
      scene.next.say(message(offset, "new"));
      assertEquals(scene.received, [6, "gap", "new"]);
    }));
}

/** How often a connection was asked for a subscription. */
const asked = ({ messages }: FakeWebSocket) =>
  messages.filter(({ type }) => type === "subscribe").length;

Deno.test("HeartbeatSocket that moves waits for subscribed, though its heartbeat is answered before", () =>
  withoutJitter(async (page) => {
    const scene = await moving(page);
    const { old, next } = scene;
    await scene.pass(5 * TRIP_MS);
    old.say(message(6));
    assertEquals(old.closedWith, undefined);
    next.say(subscribed(5, { recovered: true }));
    await scene.pass(2 * TRIP_MS);
    scene.assertMoved();
    for (const offset of [6, 7]) next.say(message(offset));
    assertEquals([scene.received, asked(next)], [[6, 7], 1]);
  }));

Deno.test("HeartbeatSocket whose old connection is closed before subscribed gets each message once", () =>
  withoutJitter(async (page) => {
    const scene = await moving(page);
    const { old, next } = scene;
    await scene.pass(5 * TRIP_MS);
    old.say(message(6));
    old.end(1012, "drain: server restarting; afterMs=700");
    await scene.pass(TRIP_MS);
    next.say(subscribed(5, { recovered: true }));
    for (const offset of [6, 7]) next.say(message(offset));
    await scene.pass(2_000);
    assertEquals([scene.received, asked(next)], [[6, "recovered", 7], 1]);
    assertEquals(page.server.sockets.length, 2);
    scene.assertUnbroken();
  }));

Deno.test("HeartbeatSocket that moves does not wait for a channel that the server refuses", () =>
  withoutJitter(async (page) => {
    const scene = await moving(page);
    scene.next.say({ type: "error", code: "forbidden", message: "no right" });
    await scene.pass(2 * TRIP_MS);
    scene.assertMoved();
    assertEquals(page.of("message").filter((text) => text.includes("forbidden")).length, 1);
  }));

Deno.test("HeartbeatSocket that has moved asks again for what was unavailable on the new connection", () =>
  withoutJitter(async (page) => {
    const scene = await moving(page);
    const { next } = scene;
    next.say({ type: "error", code: "unavailable", message: "no engine", afterMs: 10 });
    await scene.pass(2 * TRIP_MS);
    scene.assertMoved();
    const since = { epoch: "e", offset: 5 };
    const asked = next.messages.filter(({ type }) => type === "subscribe");
    assertEquals(asked, Array(2).fill({ type: "subscribe", channel: "a", since }));
    next.say(subscribed(6, { recovered: true }));
    next.say(message(6));
    assertEquals(scene.received, [6, "recovered"]);
  }));

Deno.test("HeartbeatSocket keeps the old connection when the new one fails, and tries again", () =>
  withoutJitter(async (page) => {
    const scene = await advised(page);
    page.server.isUp = false;
    await scene.pass(ATTEMPT_MS);
    page.server.answersAttempts = false; // the second one is not answered
    await scene.pass(TRIP_MS + 1);
    page.server.isUp = page.server.answersAttempts = true;
    scene.old.say(message(6));
    await scene.pass(20_000 + TRIP_MS + 2);
    assertEquals(page.of("reconnecting").map(({ attempt }) => attempt), [1, 2, 3]);
    const { next, old, socket } = scene;
    assertEquals([next.readyState, next.messages[0].since.offset], [1, 6]);
    assertEquals(next.url, "ws://hub.test/ws?replaces=c+1");
    next.say(subscribed(6, { recovered: true }));
    page.server.latencyMs = 100;
    await scene.pass(TRIP_MS);
    socket.send("kept");
    next.end(1013, "overload: server overloaded; afterMs=5000");
    await scene.pass(200);
    assert(old.sent.includes("kept"), "what waited is sent on the old one");
    assertEquals(old.readyState, 1);
    await scene.pass(4_700);
    assertEquals(page.server.last, next, "the server wants no attempt yet");
    await scene.pass(200);
    scene.next.say(subscribed(6, { recovered: true }));
    await scene.pass(300);
    scene.assertMoved();
    assertEquals(scene.received, [6]);
  }));

Deno.test("HeartbeatSocket keeps the old connection when the new one is silent", () =>
  withoutJitter(async (page) => {
    const options = { heartbeatInterval: 1_000, heartbeatTimeout: 500 };
    const scene = await advised(page, { options });
    await scene.pass(ATTEMPT_MS);
    page.server.answersBeats = false;
    await scene.pass(TRIP_MS);
    const { next } = scene;
    const keepAlive = setInterval(() => scene.old.say({ type: "ping", id: "s" }), 100);
    await scene.pass(1_600);
    clearInterval(keepAlive);
    assertEquals(next.closedWith, { code: 4000, reason: "Heartbeat timeout" });
    scene.assertUnbroken();
  }));

Deno.test("HeartbeatSocket whose new connection is forbidden, or that has no attempt left, stays", () =>
  withoutJitter(async (page) => {
    const scene = await moving(page, { options: { maxReconnectAttempts: 2 } });
    scene.next.end(1006);
    await scene.pass(TRIP_MS / 2);
    assertEquals(page.server.sockets.length, 3);
    scene.next.refuse();
    await scene.pass(60_000);
    assertEquals(page.server.sockets.length, 3);
    scene.old.say({ ...ADVICE, reason: "drain" });
    await scene.pass(ATTEMPT_MS + TRIP_MS);
    assertEquals(page.server.sockets.length, 4, "a stable connection has all attempts");
    scene.next.end(3003, "forbidden: no right; no retry");
    await scene.pass(60_000);
    assertEquals([page.server.sockets.length, page.of("giveup")], [4, []]);
    scene.assertUnbroken();
  }));

Deno.test("HeartbeatSocket whose old connection dies uses the new one at once, and loses nothing", () =>
  withoutJitter(async (page) => {
    for (const isAnswered of [true, false]) {
      page.server.sockets.length = 0;
      const scene = await moving(page);
      const { old, next, socket } = scene;
      old.say(message(6));
      if (isAnswered) next.say(subscribed(8, { recovered: true }));
      if (isAnswered) next.say(message(6));
      old.say(message(7));
      old.end(1006);
      assertEquals(socket.readyState, socket.OPEN);
      socket.send("on the new one");
      assert(next.sent.includes("on the new one"));
      if (!isAnswered) next.say(subscribed(6, { recovered: true }));
      for (const offset of [6, 7, 8, 9]) next.say(message(offset));
      await scene.pass(2 * TRIP_MS);
      assertEquals(scene.received.filter((it) => it !== "recovered"), [6, 7, 8, 9]);
      assertEquals([page.server.sockets.length, socket.status], [2, "healthy"]);
      scene.assertUnbroken();
      socket.close();
      await page.pass(TRIP_MS);
      page.happened.length = 0;
    }
  }));

Deno.test("HeartbeatSocket whose old connection dies fires gap if the new one cannot recover", () =>
  withoutJitter(async (page) => {
    const scene = await moving(page);
    scene.old.end(1006);
    scene.next.say(subscribed(9, { recovered: false }));
    scene.next.say(message(10));
    assertEquals(scene.received, ["gap", 10]);
    scene.assertUnbroken();
  }));

Deno.test("HeartbeatSocket whose old connection is silent at the end uses the new one after 5 s", () =>
  withoutJitter(async (page) => {
    const scene = await moving(page);
    scene.next.say(subscribed(5, { recovered: true }));
    page.server.answersBeats = false; // the first heartbeat of the new one is under way
    await scene.pass(TRIP_MS);
    scene.socket.send("waits");
    const keepTalking = setInterval(() => scene.old.say({ type: "health_status" }), 1_000);
    await scene.pass(4_970);
    assert(!scene.next.sent.includes("waits"));
    await scene.pass(40);
    clearInterval(keepTalking);
    scene.assertUnbroken();
    assert(scene.next.sent.includes("waits"));
    assertEquals(scene.old.closedWith?.code, 4000);
  }));

Deno.test("HeartbeatSocket whose old connection dies before the new one is open reconnects with it", () =>
  withoutJitter(async (page) => {
    const scene = await advised(page);
    await scene.pass(ATTEMPT_MS);
    scene.old.end(1012, "drain: server restarting; afterMs=2000");
    assertEquals(page.of("close").length, 1);
    assertEquals(scene.socket.readyState, scene.socket.CONNECTING);
    await page.pass(TRIP_MS);
    assertEquals([scene.socket.readyState, page.of("open").length], [scene.socket.OPEN, 2]);
    scene.next.say(subscribed(6, { recovered: true }));
    scene.next.say(message(6));
    await page.pass(60_000);
    assertEquals([scene.received, page.server.sockets.length], [[6, "recovered"], 2]);
    assertEquals(page.of("reconnecting").length, 1, "the advised attempt goes on");
  }));

Deno.test("HeartbeatSocket does not wait for an old connection that is closing already", () =>
  withoutJitter(async (page) => {
    const scene = await moving(page);
    scene.old.readyState = 2; // its close frame was received, the close event has not fired yet
    scene.next.say(subscribed(5, { recovered: true }));
    await page.pass(TRIP_MS);
    assertEquals(scene.socket.readyState, scene.socket.OPEN);
    scene.socket.send("on the new one");
    assert(scene.next.sent.includes("on the new one"));
    assertEquals(page.of("close"), []);
  }));

Deno.test("HeartbeatSocket whose old connection is forbidden gives up during a move, too", () =>
  withoutJitter(async (page) => {
    const scene = await moving(page);
    scene.old.end(1000, "admin: closed by an operator; no retry");
    await page.pass(60_000);
    assertEquals(page.of("giveup").length, 1);
    assertEquals(page.server.sockets.map(({ readyState }) => readyState), [3, 3]);
  }));

Deno.test("HeartbeatSocket closes both connections with close(), and moves no more", () =>
  withoutJitter(async (page) => {
    const scene = await moving(page);
    scene.socket.close();
    scene.next.say(subscribed(5, { recovered: true }));
    await page.pass(60_000);
    assertEquals(page.of("close"), [{ code: 1000, reason: "Client closed" }]);
    assertEquals(page.server.sockets.map(({ readyState }) => readyState), [3, 3]);
    assertEquals(scene.socket.readyState, scene.socket.CLOSED);
  }));

Deno.test("reconnect() does not wait for a move, and closes the old connection first", () =>
  withoutJitter(async (page) => {
    const scene = await moving(page);
    const { old, next, socket } = scene;
    socket.reconnect();
    await page.pass(TRIP_MS + 1);
    assertEquals([old.readyState, next.readyState, page.server.sockets.length], [3, 3, 3]);
    assertEquals(page.of("close"), [{ code: 1000, reason: "Reconnecting" }]);
    assertEquals([socket.readyState, scene.next.url], [socket.OPEN, "ws://hub.test/ws"]);
  }));

Deno.test("HeartbeatSocket subscribes and unsubscribes on both connections during a move", () =>
  withoutJitter(async (page) => {
    const scene = await moving(page);
    const { old, next, socket } = scene;
    const got: unknown[] = [];
    socket.subscribe("b", ({ data }) => got.push(data));
    socket.unsubscribe("a");
    const b = (fields: object) => ({ channel: "b", epoch: "e", ...fields });
    for (const from of [old, next]) {
      assertEquals(from.messages.slice(-2), [
        { type: "subscribe", channel: "b" },
        { type: "unsubscribe", channel: "a" },
      ]);
      from.say(b({ type: "subscribed", offset: 3 }));
      from.say({ type: "unsubscribed", channel: "a" });
    }
    next.say(message(6));
    for (const from of [next, old]) from.say(b({ type: "message", data: 4, offset: 4 }));
    await scene.pass(2 * TRIP_MS);
    scene.assertMoved();
    next.say(b({ type: "message", data: 5, offset: 5 }));
    assertEquals([scene.received, got], [[], [4, 5]]);
    const ends = page.of("message").filter((text) => text.includes("unsubscribed"));
    assertEquals(ends.length, 1);
  }));

Deno.test("HeartbeatSocket sends the heartbeats of both connections during a long move", () =>
  withoutJitter(async (page) => {
    const scene = await moving(page);
    scene.next.say(subscribed(6, { recovered: true }));
    await scene.pass(61_000);
    assertEquals(scene.old.beats.length, 3);
    assertEquals(scene.next.beats.length, 3);
    assertEquals(page.of("heartbeat").length, 3, "those of the connection in use");
    scene.next.say(message(6));
    await scene.pass(TRIP_MS);
    scene.assertMoved();
  }));

Deno.test("HeartbeatSocket has the health of the new connection after a move", () =>
  withoutJitter(async (page) => {
    page.server.latencyMs = 700;
    const scene = new Scene(page, {});
    await page.pass(1_400);
    assertEquals(scene.socket.status, "poor");
    page.server.latencyMs = TRIP_MS;
    for (const frame of [welcome("c"), subscribed(5), ADVICE]) {
      scene.old.say(frame);
    }
    await scene.pass(ATTEMPT_MS + TRIP_MS);
    scene.next.say(subscribed(5, { recovered: true }));
    await scene.pass(3 * TRIP_MS);
    scene.assertMoved();
    assertEquals([scene.socket.status, scene.socket.rtt], ["healthy", TRIP_MS]);
  }));

Deno.test("HeartbeatSocket asks for an address and a token for the new connection", () =>
  withoutJitter(async (page) => {
    let asked = 0;
    const options = { token: () => `t${++asked}` };
    const address = () => Promise.resolve("ws://hub.test/ws?x=1");
    const scene = await moving(page, { options, address });
    assertEquals(scene.next.url, "ws://hub.test/ws?x=1&replaces=c+1");
    assertEquals(scene.next.protocols, ["systole", "systole.bearer.t2"]);
    scene.next.say(subscribed(5, { recovered: true }));
    await scene.pass(2 * TRIP_MS);
    scene.assertMoved();
    scene.next.say({ type: "expiring", afterMs: 1_000 });
    await scene.pass(1);
    const refresh = { type: "refresh", id: "hb-token", token: "t3" };
    assertEquals(scene.next.messages.at(-1), refresh);
  }));

Deno.test("HeartbeatSocket keeps the connection when the address for the new one fails or does not come", () =>
  withoutJitter(async (page) => {
    let asked = 0;
    const address = () => {
      asked++;
      if (asked === 2) return Promise.reject(new Error("no ticket"));
      return asked === 3 ? new Promise<string>(() => {}) : "ws://hub.test/ws";
    };
    const scene = await advised(page, { address });
    await scene.pass(ATTEMPT_MS + 2);
    assertEquals([asked, page.server.sockets.length], [3, 1]);
    await scene.pass(20_010 + TRIP_MS);
    assertEquals([asked, page.server.sockets.length], [4, 2]);
    scene.assertUnbroken();
    assertEquals(page.of("reconnecting").slice(1).map(({ reason }) => reason), [
      "No address: Error: no ticket",
      "Connect timeout",
    ]);
  }));

Deno.test("HeartbeatSocket whose connection dies while the address for the new one is awaited reconnects", () =>
  withoutJitter(async (page) => {
    const resolves: ((url: string) => void)[] = [];
    const address = () => new Promise<string>((resolve) => resolves.push(resolve));
    const scene = new Scene(page, {}, address);
    await page.pass(1);
    resolves[0]("ws://hub.test/ws");
    await page.pass(TRIP_MS);
    for (const frame of [welcome("c"), ADVICE]) scene.old.say(frame);
    await page.pass(ATTEMPT_MS);
    scene.old.end(1006);
    await page.pass(10);
    assertEquals(resolves.length, 3);
    resolves[1]("ws://hub.test/late");
    resolves[2]("ws://hub.test/ws");
    await page.pass(TRIP_MS);
    assertEquals(page.server.sockets.map(({ url }) => url), [
      "ws://hub.test/ws",
      "ws://hub.test/ws",
    ]);
    assertEquals(scene.socket.readyState, scene.socket.OPEN);
  }));

Deno.test("HeartbeatSocket that cannot know when the new connection is ready closes the old one first", () =>
  withoutJitter(async (page) => {
    const isAnswer = (data: unknown) => data === "answer";
    for (
      const [heartbeat, first] of [
        [false, welcome("c")],
        [{ message: "beat" }, welcome("c")],
        [{ message: "beat", isAnswer }, { type: "welcome", clientId: "of another server" }],
        [true, { type: "welcome", pongWaitMs: 60_000 }],
      ] as const
    ) {
      page.server.sockets.length = 0;
      const scene = new Scene(page, { profile: "json", heartbeat });
      await page.pass(TRIP_MS);
      for (const frame of [first, ADVICE]) scene.old.say(frame);
      await page.pass(ATTEMPT_MS);
      assertEquals([scene.old.readyState > 1, scene.next.url], [true, "ws://hub.test/ws"]);
      scene.socket.close();
      await page.pass(TRIP_MS);
    }
  }));

Deno.test("HeartbeatSocket that is offline sends nothing when a busy server's wait is over", () =>
  withoutJitter(async (page) => {
    const socket = page.connect();
    await page.pass(40);
    const { last } = page.server;
    last.say({ type: "error", code: "busy", message: "not published", afterMs: 1_000 });
    socket.send("kept");
    page.server.answersBeats = false;
    page.fire("offline");
    await page.pass(2_000);
    assert(!last.sent.includes("kept"));
    page.server.answersBeats = true;
    page.fire("online");
    await page.pass(TRIP_MS);
    assert(last.sent.includes("kept"));
  }));
