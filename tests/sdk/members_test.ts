/**
 * What a subscription asks the hub for, and the members of its channel: who joins and leaves, also
 * while there is no connection.
 *
 * @module
 */

import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import type { HeartbeatSocket, Subscription } from "../../server/sdk/heartbeat_socket.ts";
import { type VirtualPage, withPage } from "../support/fakes/virtual_page.ts";

/** Writes down the events about members, a line for each. */
function observe(subscription: Subscription): string[] {
  const lines: string[] = [];
  for (const type of ["joined", "left"] as const) {
    subscription.addEventListener(type, ({ channel, user, member, clientId, info }) => {
      lines.push(`${type} ${channel} ${user} ${member} ${clientId} ${JSON.stringify(info)}`);
    });
  }
  subscription.addEventListener("members", ({ channel, count }) => {
    lines.push(`members ${channel} ${count}`);
  });
  return lines;
}

const memberOf = (member: string) => ({ user: null, member, clientId: `c-${member}`, info: 1 });

/** The hub's frame about a change. */
const change = (page: VirtualPage, type: "joined" | "left", member: string) =>
  page.server.last.say({ type, channel: "a", ...memberOf(member) });

/** Answers the newest request of the SDK for the members. */
function list(page: VirtualPage, members: readonly unknown[], more: object = {}): void {
  const { id } = requestsOf(page).at(-1);
  const frame = { type: "presence", channel: "a", count: members.length, members, more: false, id };
  page.server.last.say({ ...frame, ...more });
}

const requestsOf = (page: VirtualPage) =>
  page.server.last.messages.filter(({ type }) => type === "presence" || type === "history");

async function subscribed(page: VirtualPage): Promise<[HeartbeatSocket, Subscription, string[]]> {
  const socket = page.connect();
  const subscription = socket.subscribe("a", null, { presence: true });
  const lines = observe(subscription);
  await page.pass(20);
  page.server.last.say({ type: "subscribed", channel: "a" });
  return [socket, subscription, lines];
}

/** The connection is lost, and the subscription is restored on the next one. */
async function resume(page: VirtualPage): Promise<void> {
  page.server.last.end(1006);
  await page.pass(30_000);
  page.server.last.say({ type: "subscribed", channel: "a" });
}

Deno.test("subscribe() with presence or info makes this client a member, with the same name each time", () =>
  withPage(async (page) => {
    const socket = page.connect();
    socket.subscribe("a", null, { presence: true });
    socket.subscribe("b", null, { info: { name: "Ada" } });
    socket.subscribe("c");
    socket.subscribe("d", null, { presence: false });
    await page.pass(20);
    const [{ member }] = page.server.last.messages;
    assertMatch(member, /^.{16,64}$/);
    const frames = [
      { type: "subscribe", channel: "a", presence: true, member },
      { type: "subscribe", channel: "b", info: { name: "Ada" }, member },
      { type: "subscribe", channel: "c" },
      { type: "subscribe", channel: "d" },
    ];
    assertEquals(page.server.last.messages, frames);
    page.server.last.end(1006);
    await page.pass(6_000);
    assertEquals(page.server.last.messages, frames);
    page.connect().subscribe("a", null, { presence: true });
    await page.pass(20);
    assert(page.server.last.messages[0].member !== member, "another client");
    socket.publish("a", 1);
    const [publication] = page.server.sockets.flatMap(({ messages }) => messages)
      .filter(({ type }) => type === "publish");
    assert(publication.session !== member, "the session is a secret");
  }));

Deno.test("subscribe() with presence or info changes a channel that is subscribed to", () =>
  withPage(async (page) => {
    const socket = page.connect();
    socket.subscribe("a");
    await page.pass(20);
    const { last } = page.server;
    const lines = observe(socket.subscribe("a", null, { presence: true }));
    socket.subscribe("a", null, { info: "x" });
    socket.subscribe("a", null, { presence: true });
    socket.subscribe("a");
    const member = last.messages[1].member;
    assertEquals(last.messages.slice(1), [
      { type: "subscribe", channel: "a", presence: true, member },
      { type: "subscribe", channel: "a", presence: true, info: "x", member },
      { type: "subscribe", channel: "a", presence: true, info: "x", member },
    ]);
    page.server.last.say({ type: "subscribed", channel: "a" });
    change(page, "joined", "b");
    assertEquals(lines, ["joined a null b c-b 1"]);
    await resume(page);
    assertEquals(page.server.last.messages[0], last.messages[2]);
  }));

Deno.test("A subscription fires joined, left and members as the hub reports them", () =>
  withPage(async (page) => {
    const [socket, subscription, lines] = await subscribed(page);
    const bare: string[] = observe(socket.subscribe("b"));
    list(page, [memberOf("b")]);
    change(page, "joined", "c");
    change(page, "left", "b");
    page.server.last.say({ type: "members", channel: "a", count: 1_001 });
    page.server.last.say({ type: "joined", channel: "b", ...memberOf("c") });
    assertEquals(lines, ["joined a null c c-c 1", "left a null b c-b 1", "members a 1001"]);
    assertEquals(bare, [], "without presence");
    subscription.unsubscribe();
    change(page, "joined", "d");
    assertEquals(lines.length, 3);
    const types = page.of("message").map((text) => JSON.parse(text).type);
    assertEquals(types.filter((type) => type === "joined").length, 3, "the user receives all");
  }));

Deno.test("After a reconnect a subscription fires joined and left for what it missed", () =>
  withPage(async (page) => {
    const [, , lines] = await subscribed(page);
    list(page, ["b", "c", "d"].map(memberOf));
    change(page, "joined", "e");
    change(page, "left", "b");
    assertEquals(lines.splice(0).length, 2, "none for those that were there");
    await resume(page);
    assertEquals(requestsOf(page).length, 1);
    list(page, ["b", "d", "e", "f"].map(memberOf));
    assertEquals(lines.splice(0), [
      ...["left a null c c-c 1", "joined a null b c-b 1", "joined a null f c-f 1"],
    ]);
    await resume(page);
    const elsewhere = { ...memberOf("d"), clientId: "another", info: 2 };
    list(page, [...["b", "e", "f"].map(memberOf), elsewhere]);
    assertEquals(lines, [], "a member with another connection is the same");
    await resume(page);
    list(page, [...["b", "e", "f"].map(memberOf), { ...memberOf("d"), user: "u" }]);
    assertEquals(lines, ["left a null d another 2", "joined a u d c-d 1"], "of another user");
  }));

Deno.test("A subscription asks again for the members when the answer did not come", () =>
  withPage(async (page) => {
    const [, , lines] = await subscribed(page);
    await resume(page);
    list(page, [memberOf("b")]);
    assertEquals(lines, [], "there was no list before");
    await resume(page);
    await resume(page);
    list(page, []);
    assertEquals(lines, ["left a null b c-b 1"]);
  }));

Deno.test("A subscription does not name members while the hub lists only some of them", () =>
  withPage(async (page) => {
    const [, , lines] = await subscribed(page);
    list(page, [memberOf("b")]);
    await resume(page);
    list(page, [memberOf("c")], { count: 2_000, more: true });
    assertEquals(lines.splice(0), ["members a 2000"]);
    await resume(page);
    list(page, [memberOf("d")]);
    assertEquals(lines, [], "what was known is too old");
    const countTo = (count: number) =>
      page.server.last.say({ type: "members", channel: "a", count });
    countTo(1_001);
    await resume(page);
    list(page, [memberOf("e")]);
    countTo(1_001);
    assertEquals(requestsOf(page).length, 1);
    countTo(1_000); // from now on the hub names them again
    assertEquals(requestsOf(page).length, 2);
    list(page, [memberOf("e"), memberOf("f")]);
    assertEquals(lines.splice(0), ["members a 1001", "members a 1001", "members a 1000"]);
    await resume(page);
    list(page, [memberOf("f")]);
    assertEquals(lines, ["left a null e c-e 1"]);
  }));

Deno.test("A subscription reads no field of a list without looking", () =>
  withPage(async (page) => {
    const [, , lines] = await subscribed(page);
    list(page, [memberOf("b")]);
    for (const members of [undefined, null, 7, "x", {}, [null, 1, "x", {}, []]]) {
      list(page, [], { members });
    }
    assertEquals(lines[0], "left a null b c-b 1");
  }));

Deno.test("history() and presence() return what the hub answers", () =>
  withPage(async (page) => {
    const socket = page.connect();
    const subscription = socket.subscribe("a");
    const since = { epoch: "e", offset: 3 };
    const [history, rest, presence] = [
      subscription.history({ since, last: 2 }),
      subscription.history(),
      subscription.presence(),
    ];
    await page.pass(20);
    assertEquals(requestsOf(page), [
      { type: "history", channel: "a", since, last: 2, id: "hb-1" },
      { type: "history", channel: "a", id: "hb-2" },
      { type: "presence", channel: "a", id: "hb-3" },
    ]);
    const messages = [{ offset: 4, data: "x".repeat(2_000), timestamp: 1 }];
    const page1 = { epoch: "e", offset: 4, messages, recovered: true, more: true };
    const present = { count: 1, members: [{ ...memberOf("b"), sinceMs: 9 }], more: false };
    const { last } = page.server;
    last.say({ type: "presence", channel: "a", ...present, id: "hb-3" });
    last.say({ type: "history", channel: "a", ...page1, id: "hb-1" });
    last.say({ type: "error", code: "history_off", message: "keeps no history", id: "hb-2" });
    const { epoch, offset, recovered, more, ...rest1 } = await history;
    assertEquals({ epoch, offset, recovered, more, messages: rest1.messages }, page1);
    const error = await assertRejects(() => rest, Error, "keeps no history");
    assertEquals((error as Error & { code: string }).code, "history_off");
    const { count, members } = await presence;
    assertEquals([count, [...members]], [1, present.members]);
    assertEquals(page.of("message").length, 1, "the error");
  }));

Deno.test("history() is asked for again on the next connection, and rejects with the socket's end", () =>
  withPage(async (page) => {
    const socket = page.connect();
    const subscription = socket.subscribe("a");
    await page.pass(20);
    const [first, second] = [subscription.history(), subscription.presence()];
    page.server.last.end(1006);
    await page.pass(6_000);
    assertEquals(requestsOf(page).map(({ id }) => id), ["hb-1", "hb-2"]);
    page.server.last.say({ type: "history", channel: "a", messages: [], more: false, id: "hb-1" });
    assertEquals((await first).messages, []);
    socket.close();
    await assertRejects(() => second, Error, "No answer: closed");
  }));

Deno.test("A request or an option of members throws where the profile has none", () =>
  withPage((page) => {
    const tank = page.connect({ profile: "tank" });
    const subscription = tank.subscribe("a");
    assertThrows(() => void subscription.history(), TypeError, "for json alone");
    assertThrows(() => void subscription.presence(), TypeError, "for json alone");
    assertThrows(() => tank.subscribe("a", null, { presence: true }), TypeError, "for json alone");
    assertThrows(() => tank.subscribe("a", null, { info: 1 }), TypeError, "for json alone");
    assertEquals(tank.bufferedAmount, 0);
  }));

Deno.test("A subscription that the hub ends is over, and is not asked for again", () =>
  withPage(async (page) => {
    const socket = page.connect();
    const subscription = socket.subscribe("a", () => lines.push("message"));
    socket.subscribe("b");
    await page.pass(20);
    const lines: string[] = [];
    subscription.addEventListener("unsubscribed", ({ channel, reason }) => {
      lines.push(`${channel} ${reason}`);
    });
    const { last } = page.server;
    last.say({ type: "subscribed", channel: "a", epoch: "e", offset: 3 });
    last.say({ type: "unsubscribed", channel: "b" }); // the answer to a frame of the user's own
    last.say({ type: "unsubscribed", channel: "a", reason: "forbidden" });
    last.say({ type: "message", channel: "a", data: 1, timestamp: 1, offset: 4 });
    assertEquals(lines, ["a forbidden"]);
    assertEquals(last.messages.length, 2, "it is ended, and needs no unsubscribe");
    last.end(1006);
    await page.pass(6_000);
    assertEquals(page.server.last.messages, [{ type: "subscribe", channel: "b" }]);
    const since = subscription.position;
    assertEquals(since, { epoch: "e", offset: 3 });
    socket.subscribe("a", null, { since });
    assertEquals(page.server.last.messages.at(-1), { type: "subscribe", channel: "a", since });
    subscription.unsubscribe();
    assertEquals(page.server.last.messages.length, 2, "the ended one has no part in it");
  }));

Deno.test("A listener may subscribe anew to a channel whose subscription the hub has ended", () =>
  withPage(async (page) => {
    const socket = page.connect();
    const first = socket.subscribe("a");
    await page.pass(20);
    const got: unknown[] = [];
    first.addEventListener(
      "unsubscribed",
      () => socket.subscribe("a", ({ data }) => got.push(data)),
    );
    socket.subscribe("a").addEventListener("unsubscribed", () => first.unsubscribe());
    page.server.last.say({ type: "unsubscribed", channel: "a", reason: "forbidden" });
    page.server.last.say({ type: "message", channel: "a", data: 1, timestamp: 1 });
    assertEquals(got, [1]);
    assertEquals(page.server.last.messages.map(({ type }) => type), ["subscribe", "subscribe"]);
  }));
