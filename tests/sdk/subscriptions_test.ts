import { assert, assertEquals, assertThrows } from "@std/assert";
import { HeartbeatSocket } from "../../server/sdk/heartbeat_socket.ts";
import { type VirtualPage, withPage } from "../support/fakes/virtual_page.ts";

/** Writes down the events of a socket or a subscription, a line for each. */
function observe(target: EventTarget): string[] {
  const lines: string[] = [];
  // deno-lint-ignore no-explicit-any -- the events of two kinds of target
  const on = (type: string, lineOf: (event: any) => string | undefined) =>
    target.addEventListener(type, (event) => {
      const line = lineOf(event);
      if (line !== undefined) lines.push(line);
    });
  on("gap", ({ channel }) => `gap ${channel}`);
  on("recovered", ({ channel, count }) => `recovered ${channel} ${count}`);
  on("message", ({ data }) => {
    if (target instanceof HeartbeatSocket) {
      const frame = JSON.parse(data);
      return frame.type === "message" ? `message ${frame.data}` : undefined;
    }
    return `message ${data}`;
  });
  return lines;
}

const subscribed = (page: VirtualPage, fields: object = {}) =>
  page.server.last.say({ type: "subscribed", channel: "a", epoch: "e", ...fields });

const publish = (page: VirtualPage, offset: number | undefined, data: unknown = offset) =>
  page.server.last.say({ type: "message", channel: "a", data, timestamp: 1, offset });

/** Subscribed to `a` at offset 5, and after the loss connected again. */
async function reconnected(page: VirtualPage): Promise<HeartbeatSocket> {
  const socket = page.connect();
  socket.subscribe("a");
  await page.pass(20);
  subscribed(page, { offset: 4 });
  publish(page, 5);
  page.server.last.end(1006);
  await page.pass(6_000);
  return socket;
}

Deno.test("HeartbeatSocket asks again for a subscription that was unavailable, and for no other", () =>
  withPage(async (page) => {
    const socket = page.connect();
    socket.subscribe("a");
    socket.subscribe("b");
    await page.pass(20);
    page.server.last.say({ type: "subscribed", channel: "a" });
    page.server.last.say({ type: "error", code: "unavailable", message: "", afterMs: 1_000 });
    await page.pass(990);
    assertEquals(page.server.last.messages.length, 2);
    await page.pass(20);
    assertEquals(page.server.last.messages.slice(2), [{ type: "subscribe", channel: "b" }]);
  }));

Deno.test("HeartbeatSocket asks after a reconnect for what it missed, by the position of each channel", () =>
  withPage(async (page) => {
    const socket = page.connect();
    socket.subscribe("a");
    socket.subscribe("b");
    await page.pass(20);
    assertEquals(page.server.last.messages, [
      { type: "subscribe", channel: "a" },
      { type: "subscribe", channel: "b" },
    ]);
    subscribed(page, { offset: 4 });
    page.server.last.say({ type: "subscribed", channel: "b" }); // a channel without history
    publish(page, 5);
    page.server.last.say({ type: "message", channel: "b", data: 1, timestamp: 1 });
    page.server.last.end(1006);
    await page.pass(6_000);
    assertEquals(page.server.last.messages, [
      { type: "subscribe", channel: "a", since: { epoch: "e", offset: 5 } },
      { type: "subscribe", channel: "b" },
    ]);
  }));

Deno.test("HeartbeatSocket fires recovered after the last message that was missed", () =>
  withPage(async (page) => {
    const lines = observe(await reconnected(page));
    subscribed(page, { offset: 7, recovered: true });
    for (const offset of [6, 7, 8]) publish(page, offset);
    assertEquals(lines, ["message 6", "message 7", "recovered a 2", "message 8"]);
  }));

Deno.test("HeartbeatSocket fires recovered with count 0 when nothing was missed", () =>
  withPage(async (page) => {
    const lines = observe(await reconnected(page));
    subscribed(page, { offset: 5, recovered: true });
    assertEquals(lines, ["recovered a 0"]);
  }));

Deno.test("HeartbeatSocket fires gap when the hub cannot promise that nothing is missing", () =>
  withPage(async (page) => {
    const lines = observe(await reconnected(page));
    subscribed(page, { offset: 900, recovered: false });
    publish(page, 901);
    assertEquals(lines, ["gap a", "message 901"]);
    page.server.last.end(1006);
    await page.pass(20_000);
    assertEquals(page.server.last.messages[0].since, { epoch: "e", offset: 901 });
  }));

Deno.test("HeartbeatSocket fires gap when the hub lost its epoch, or keeps no history any more", () =>
  withPage(async (page) => {
    const lines = observe(await reconnected(page));
    subscribed(page, { epoch: "other", offset: 0, recovered: false });
    publish(page, 1);
    assertEquals(lines, ["gap a", "message 1"]);
    page.server.last.end(1006);
    await page.pass(20_000);
    assertEquals(page.server.last.messages[0].since, { epoch: "other", offset: 1 });
    subscribed(page, { epoch: undefined, recovered: false });
    publish(page, undefined, "x");
    assertEquals(lines.slice(2), ["gap a", "message x"]);
    page.server.last.end(1006);
    await page.pass(30_000);
    assertEquals(page.server.last.messages, [{ type: "subscribe", channel: "a" }]);
    subscribed(page, { epoch: undefined });
    assertEquals(lines.length, 4, "as ever");
  }));

Deno.test("HeartbeatSocket drops a message that came before, and fires gap before one after a hole", () =>
  withPage(async (page) => {
    const socket = page.connect();
    const own = observe(socket.subscribe("a"));
    await page.pass(20);
    const lines = observe(socket);
    subscribed(page, { offset: 0 });
    for (const offset of [1, 1, 2, 4, 3]) publish(page, offset);
    const expected = ["message 1", "message 2", "gap a", "message 4"];
    assertEquals([lines, own], [expected, expected]);
    page.server.last.say({ type: "gap", channel: "a", epoch: "next", offset: 0 });
    publish(page, 1, "first");
    assertEquals(lines.slice(4), ["gap a", "message first"]);
  }));

Deno.test("HeartbeatSocket delivers messages of a channel without history as they come", () =>
  withPage(async (page) => {
    const socket = page.connect();
    socket.subscribe("a");
    await page.pass(20);
    const lines = observe(socket);
    page.server.last.say({ type: "subscribed", channel: "a" });
    for (const data of [1, 1, 2]) publish(page, undefined, data);
    page.server.last.say({ type: "message", channel: "other", data: 3, timestamp: 1, offset: 9 });
    page.server.last.say({ type: "message", channel: "other", data: 3, timestamp: 1, offset: 9 });
    const twice = ["message 3", "message 3"];
    assertEquals(lines, ["message 1", "message 1", "message 2", ...twice], "not subscribed to");
  }));

Deno.test("HeartbeatSocket counts a message as received before its listeners run", () =>
  withPage(async (page) => {
    const socket = page.connect();
    const subscription = socket.subscribe("a");
    await page.pass(20);
    subscribed(page, { offset: 0 });
    let seen: unknown;
    socket.onmessage = () => seen = subscription.position;
    publish(page, 1);
    assertEquals(seen, { epoch: "e", offset: 1 });
  }));

Deno.test("HeartbeatSocket tracks messages that are longer than any heartbeat", () =>
  withPage(async (page) => {
    const socket = page.connect();
    const subscription = socket.subscribe("a");
    await page.pass(20);
    subscribed(page, { offset: 0 });
    const long = "x".repeat(5_000);
    const got: unknown[] = [];
    for (const offset of [1, 1, 2]) publish(page, offset, long);
    subscription.addEventListener("message", ({ data }) => got.push(data));
    publish(page, 3, long);
    publish(page, undefined, long);
    assertEquals(
      [page.of("message").length, got],
      [5, [long, long]],
      "subscribed, 1, 2, 3 and one",
    );
  }));

Deno.test("subscribe() returns a subscription with the published values of its channel", () =>
  withPage(async (page) => {
    const socket = page.connect();
    const got: unknown[] = [];
    const subscription = socket.subscribe("a", ({ type, channel, data, offset, timestamp }) => {
      got.push([type, channel, data, offset, timestamp]);
    });
    assertEquals([subscription.channel, subscription.position], ["a", undefined]);
    const object = { handleEvent: ({ data }: MessageEvent) => void got.push(data) };
    socket.subscribe("a", object);
    await page.pass(20);
    assertEquals(page.server.last.messages.length, 1, "one on the wire");
    subscribed(page, { offset: 6 });
    publish(page, 7, { deep: [1] });
    page.server.last.say({ type: "message", channel: "b", data: 1, timestamp: 1 });
    assertEquals(got, [["message", "a", { deep: [1] }, 7, 1], { deep: [1] }]);
  }));

Deno.test("unsubscribe() of the last subscription ends the channel's, and disposal is the same", () =>
  withPage(async (page) => {
    const socket = page.connect();
    await page.pass(20);
    const { last } = page.server;
    const got: string[] = [];
    const first = socket.subscribe("a", ({ data }) => got.push(`first ${data}`));
    {
      using second = socket.subscribe("a", ({ data }) => got.push(`second ${data}`));
      assertEquals(second.channel, "a");
      publish(page, undefined, 1);
    }
    publish(page, undefined, 2);
    assertEquals(got, ["first 1", "second 1", "first 2"]);
    assertEquals(last.messages.map(({ type }) => type), ["subscribe"]);
    first.unsubscribe();
    first.unsubscribe();
    publish(page, undefined, 3);
    assertEquals(got.length, 3);
    assertEquals(last.messages.map(({ type }) => type), ["subscribe", "unsubscribe"]);
    const again = socket.subscribe("a");
    first.unsubscribe();
    assertEquals(last.messages.length, 3, "it belonged to the ended one");
    socket.subscribe("a", () => got.push("third"));
    socket.unsubscribe("a");
    publish(page, undefined, 4);
    again.unsubscribe();
    assertEquals([got.length, last.messages.length], [3, 4], "all ended at once");
  }));

Deno.test("A subscription whose listener ends it receives nothing more", () =>
  withPage(async (page) => {
    const socket = await reconnected(page);
    const lines: string[] = [];
    const other = socket.subscribe("a", () => lines.push("other"));
    socket.addEventListener("gap", () => socket.unsubscribe("a"));
    other.addEventListener("gap", () => lines.push("gap"));
    socket.addEventListener("recovered", () => lines.push("recovered"));
    subscribed(page, { offset: 9, recovered: false });
    publish(page, 10);
    assertEquals(lines, []);
    assertEquals(page.server.last.messages.at(-1), { type: "unsubscribe", channel: "a" });
  }));

Deno.test("A subscription that another's listener ends receives nothing more", () =>
  withPage(async (page) => {
    const socket = page.connect();
    await page.pass(20);
    const got: string[] = [];
    socket.subscribe("a", () => {
      got.push("first");
      second.unsubscribe();
    });
    const second = socket.subscribe("a", () => got.push("second"));
    publish(page, undefined, 1);
    assertEquals(got, ["first"]);
  }));

Deno.test("A channel that a listener has ended is not recovered", () =>
  withPage(async (page) => {
    const socket = await reconnected(page);
    const lines = observe(socket);
    socket.onmessage = () => socket.unsubscribe("a");
    subscribed(page, { offset: 5, recovered: true });
    assertEquals(lines, []);
  }));

Deno.test("subscribe() with since or last asks for a replay, and keeps last for a gap", () =>
  withPage(async (page) => {
    const socket = page.connect();
    const since = { epoch: "e", offset: 3 };
    const a = observe(socket.subscribe("a", undefined, { since }));
    socket.subscribe("b", undefined, { last: 2 });
    await page.pass(20);
    const { last } = page.server;
    assertEquals(last.messages, [
      { type: "subscribe", channel: "a", since },
      { type: "subscribe", channel: "b", last: 2 },
    ]);
    subscribed(page, { offset: 4, recovered: true });
    publish(page, 4);
    last.say({ type: "subscribed", channel: "b", epoch: "f", offset: 8 });
    last.say({ type: "message", channel: "b", data: 8, timestamp: 1, offset: 8 });
    assertEquals(a, ["message 4", "recovered a 1"]);
    last.end(1006);
    await page.pass(6_000);
    assertEquals(page.server.last.messages, [
      { type: "subscribe", channel: "a", since: { epoch: "e", offset: 4 } },
      { type: "subscribe", channel: "b", since: { epoch: "f", offset: 8 }, last: 2 },
    ]);
  }));

Deno.test("subscribe() with since or last on a subscribed channel fires gap on its own subscription", () =>
  withPage(async (page) => {
    const socket = page.connect();
    const first = observe(socket.subscribe("a"));
    const whole = observe(socket);
    await page.pass(20);
    const second = observe(socket.subscribe("a", null, { last: 5 }));
    await page.pass(0);
    assertEquals([first, whole, second], [[], [], ["gap a"]]);
    assertEquals(page.server.last.messages.length, 1);
  }));

Deno.test("A subscription begun while an older one's answers come follows its own", () =>
  withPage(async (page) => {
    const socket = page.connect();
    await page.pass(20);
    const since = { epoch: "e", offset: 3 };
    for (const _ of [1, 2]) {
      socket.subscribe("a", undefined, { since });
      if (_ === 1) socket.unsubscribe("a");
    }
    const lines = observe(socket);
    for (const _ of [1, 2]) {
      subscribed(page, { offset: 5, recovered: true });
      for (const offset of [4, 5]) publish(page, offset);
      if (_ === 1) page.server.last.say({ type: "unsubscribed", channel: "a" });
    }
    publish(page, 6);
    assertEquals(lines.filter((line) => line.startsWith("message")), [
      ...["message 4", "message 5", "message 6"],
    ]);
    assertEquals(lines.filter((line) => line.startsWith("gap")), []);
  }));

Deno.test("subscribe() throws for a listener or a replay where the profile has none, and for no count", () =>
  withPage((page) => {
    const tank = page.connect({ profile: "tank" });
    tank.subscribe("a").unsubscribe();
    assertThrows(() => tank.subscribe("a", () => {}), TypeError, "are for json alone");
    assertThrows(() => tank.subscribe("a", null, { last: 1 }), TypeError, "are for json alone");
    const json = page.connect();
    for (const last of [0, -1, 1.5, NaN]) {
      assertThrows(() => json.subscribe("a", null, { last }), RangeError, `got ${last}`);
    }
    assert(json.subscribe("a", null, { last: undefined }));
  }));

Deno.test("HeartbeatSocket reads no field of a frame about a channel without looking", () =>
  withPage(async (page) => {
    const socket = page.connect();
    socket.subscribe("a");
    await page.pass(20);
    const lines = observe(socket);
    const odd = [null, "1", -1, 1.5, {}, 2 ** 60];
    for (const offset of odd) {
      page.server.last.say({ type: "subscribed", channel: "a", epoch: "e", offset });
    }
    for (const offset of odd) publish(page, offset as number, "m");
    for (const channel of [null, 7, {}, ["a"]]) page.server.last.say({ type: "gap", channel });
    assertEquals(lines, odd.map(() => "message m"));
  }));
