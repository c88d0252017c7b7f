import { assert, assertEquals } from "@std/assert";
import type { Authenticator } from "../../server/auth/authenticator.ts";
import { type Grant, grantOf, rejected } from "../../server/auth/grant.ts";
import { Relay } from "../support/fakes/relay.ts";
import { type TestPeer, withWorld, type World } from "../support/fakes/world.ts";

/** What a token of these tests says; it is written as JSON, and nobody signs it. */
interface Says {
  readonly sub?: string;
  readonly expiresAtMs: number;
  readonly subscribe?: readonly string[];
  readonly publish?: readonly string[];
}

function grantFor({ sub = "alice", subscribe = ["*"], publish = ["*"], ...rest }: Says): Grant {
  return grantOf({ keyId: `jwt:${sub}`, subscribe, publish, admin: false, ...rest });
}

/** Takes every such token for genuine; `k.secret` is a key. */
const authenticator: Pick<Authenticator, "check"> = {
  check(presented) {
    if (presented.kind !== "token") throw new Error(presented.kind);
    const { token } = presented;
    if (token === "k.secret") {
      const key = { keyId: "k", subscribe: ["*"], publish: ["*"], admin: false };
      return Promise.resolve({ kind: "granted", grant: grantOf(key) });
    }
    if (!token.startsWith("{")) return Promise.resolve(rejected("the token is not valid"));
    return Promise.resolve({ kind: "granted", grant: grantFor(JSON.parse(token)) });
  },
};

/** A connection that was opened with a token of so many ms. */
function connect(world: World, lifeMs: number, says: Partial<Says> = {}): TestPeer {
  return world.connect({ grant: grantFor({ expiresAtMs: world.clock.wall() + lifeMs, ...says }) });
}

/** Sends a token that ends so many ms from now. */
function refresh(world: World, { socket }: TestPeer, lifeMs: number, says: Partial<Says> = {}) {
  const token = JSON.stringify({ expiresAtMs: world.clock.wall() + lifeMs, ...says });
  socket.say({ type: "refresh", token, id: "r" });
  return world.clock.turnOver();
}

const repliesOf = ({ socket }: TestPeer) =>
  socket.messages.filter(({ type }) => !["welcome", "ping", "health_status"].includes(type));

const codesOf = (peer: TestPeer) =>
  repliesOf(peer).map(({ type, code, id }) => type === "error" ? [code, id] : [type]);

Deno.test("A token of 2 s is renewed 20 times on one connection, once for each announcement", () =>
  withWorld({ authenticator }, async (world) => {
    const peer = connect(world, 2_000);
    const announcedMs: number[] = [];
    const startMs = world.clock.now();
    let seen = 0;
    while (announcedMs.length < 20 && world.clock.now() < startMs + 60_000) {
      await world.clock.pass(25);
      const expiring = repliesOf(peer).filter(({ type }) => type === "expiring");
      if (expiring.length === seen) continue;
      seen++;
      announcedMs.push(world.clock.now() - startMs);
      assert(expiring.at(-1)!.afterMs > 500 && expiring.at(-1)!.afterMs <= 667);
      await refresh(world, peer, 2_000);
    }
    // 1.333 s: expiring and refresh; 2.667 s: the next, …
    assertEquals(announcedMs.length, 20);
    for (const [index, ms] of announcedMs.entries()) {
      const lateMs = ms - 2_000 * (index + 1) * 2 / 3;
      assert(lateMs >= -1 && lateMs <= 50 * (index + 1), `${index}: ${ms}`);
    }
    const types = repliesOf(peer).map(({ type }) => type);
    assertEquals(types, Array(20).fill(["expiring", "refreshed"]).flat());
    assertEquals(peer.socket.closedWith, undefined);
    await world.clock.pass(2_100);
    const closed = { how: "close", code: 1008, text: "token_expired: token expired; no retry" };
    assertEquals(peer.socket.closedWith, closed as typeof peer.socket.closedWith);
    assertEquals(repliesOf(peer).length, 41, "the last token was announced, too");
  }));

Deno.test("refreshed says when the new token ends, and the connection ends then", () =>
  withWorld({ authenticator }, async (world) => {
    const peer = connect(world, 10_000);
    const expiresAt = world.clock.wall() + 20_000;
    await refresh(world, peer, 20_000);
    assertEquals(repliesOf(peer), [{ type: "refreshed", expiresAt }]);
    await world.clock.pass(19_900);
    assertEquals(peer.socket.closedWith, undefined);
    await world.clock.pass(200);
    assertEquals(world.closed("token_expired"), 1);
  }));

Deno.test("A stall of the server does not prolong a token", () =>
  withWorld({ authenticator }, async (world) => {
    connect(world, 10_000);
    await world.clock.pass(9_000);
    world.clock.stop(3_000);
    await world.clock.pass(300);
    assertEquals(world.closed("token_expired"), 1);
  }));

Deno.test("A new token is announced in time even if it ends just after the old one", () =>
  withWorld({ authenticator }, async (world) => {
    const peer = connect(world, 6_000);
    await world.clock.pass(4_050); // 4 s: expiring
    await refresh(world, peer, 2_100); // 0.15 s later than the old one: 5.45 s: expiring
    await world.clock.pass(1_450);
    assertEquals(codesOf(peer), [["expiring"], ["refreshed"], ["expiring"]]);
    await world.clock.pass(600); // 6.1 s
    assertEquals(peer.socket.closedWith, undefined);
    await world.clock.pass(100);
    assertEquals(peer.socket.closedWith?.code, 1008);
  }));

Deno.test("Rights that shrink end the subscriptions concerned, and no others", () =>
  withWorld({ authenticator }, async (world) => {
    const peer = connect(world, 60_000);
    const other = connect(world, 60_000);
    for (const channel of ["news/a", "chat/a", "news/b", "chat/b"]) {
      peer.socket.say({ type: "subscribe", channel });
      other.socket.say({ type: "subscribe", channel });
    }
    await world.clock.turnOver();
    const before = repliesOf(peer).length;
    await refresh(world, peer, 120_000, { subscribe: ["news/*"], publish: ["chat/*"] });
    assertEquals(repliesOf(peer).slice(before), [
      { type: "refreshed", expiresAt: world.clock.wall() + 120_000 },
      { type: "unsubscribed", channel: "chat/a", reason: "forbidden" },
      { type: "unsubscribed", channel: "chat/b", reason: "forbidden" },
    ]);
    const receivers = async (channel: string) => {
      other.socket.say({ type: "publish", channel, data: 1 });
      await world.clock.turnOver();
      const { type, channel: last } = repliesOf(peer).at(-1)!;
      return type === "message" && last === channel;
    };
    assertEquals(await receivers("chat/a"), false);
    assertEquals(await receivers("news/b"), true);
    assertEquals(repliesOf(other).every(({ type }) => type !== "unsubscribed"), true);
    peer.socket.say({ type: "subscribe", channel: "chat/a", id: "s" });
    peer.socket.say({ type: "publish", channel: "news/a", data: 1, id: "p" });
    await world.clock.turnOver();
    assertEquals(codesOf(peer).slice(-2), [["forbidden", "s"], ["forbidden", "p"]]);
    peer.socket.say({ type: "publish", channel: "chat/a", data: 1, id: "p" });
    await world.clock.turnOver();
    assertEquals(repliesOf(peer).at(-1), { type: "published", channel: "chat/a", id: "p" });
  }));

Deno.test("Rights that grow hold from refreshed on", () =>
  withWorld({ authenticator }, async (world) => {
    const peer = connect(world, 60_000, { subscribe: ["a"] });
    peer.socket.say({ type: "subscribe", channel: "b", id: "s" });
    await refresh(world, peer, 120_000, { subscribe: ["a", "b"] });
    peer.socket.say({ type: "subscribe", channel: "b" });
    await world.clock.turnOver();
    assertEquals(codesOf(peer), [["forbidden", "s"], ["refreshed"], ["subscribed"]]);
  }));

Deno.test("A subscription that waits behind a held publication does not outlive the rights for it", () =>
  withWorld({ authenticator }, async (world) => {
    const line = { delayMs: 20, bytesPerSecond: 1_000_000, hoards: false };
    const reader = world.connect({ socket: new Relay(world.clock, line) });
    reader.socket.say({ type: "subscribe", channel: "busy" });
    await world.clock.pass(100);
    const data = JSON.stringify("x".repeat(60_000));
    for (let i = 0; i < 40; i++) void world.hub.publish("busy", data); // 2.4 s of the reader's line
    await world.clock.pass(1);
    const peer = connect(world, 600_000);
    peer.socket.say({ type: "publish", channel: "busy", data: 1, id: "p" });
    peer.socket.say({ type: "subscribe", channel: "secret" });
    await world.clock.turnOver();
    await refresh(world, peer, 700_000, { subscribe: ["news"] });
    assertEquals(repliesOf(peer), [], "the publication waits, and so does what follows it");
    await world.clock.pass(1_100); // the gate has decided
    assertEquals(repliesOf(peer).map(({ type, code, channel }) => [type, code ?? channel]), [
      ["error", "busy"],
      ["subscribed", "secret"],
      ["refreshed", undefined],
      ["unsubscribed", "secret"],
    ]);
    await world.clock.pass(5_000);
  }));

Deno.test("A thousand subscriptions that end at once close no healthy connection", () =>
  withWorld({ authenticator }, async (world) => {
    const peer = connect(world, 60_000);
    for (let i = 0; i < 1_000; i++) peer.socket.say({ type: "subscribe", channel: `c${i}` });
    await world.clock.pass(10);
    await refresh(world, peer, 120_000, { subscribe: ["c1"] });
    await world.clock.pass(10);
    const ended = repliesOf(peer).filter(({ type }) => type === "unsubscribed");
    assertEquals([ended.length, peer.socket.closedWith], [999, undefined]);
  }));

Deno.test("A token of another subject is forbidden, and so is a key", () =>
  withWorld({ authenticator }, async (world) => {
    const peer = connect(world, 10_000);
    await refresh(world, peer, 60_000, { sub: "mallory" });
    await world.clock.pass(1_000);
    peer.socket.say({ type: "refresh", token: "k.secret" });
    await world.clock.turnOver();
    assertEquals(
      codesOf(peer),
      [["forbidden", "r"], ["forbidden", undefined]],
    );
    await world.clock.pass(9_100);
    assertEquals(world.closed("token_expired"), 1, "the old end holds");
  }));

Deno.test("A token that is not valid is unauthorized, and the last one holds", () =>
  withWorld({ authenticator }, async (world) => {
    const peer = connect(world, 60_000, { publish: ["a"] });
    peer.socket.say({ type: "refresh", token: "no.such.token", id: "r" });
    peer.socket.say({ type: "publish", channel: "a", data: 1, id: "p" });
    await world.clock.turnOver();
    const { code, message, id } = repliesOf(peer).find(({ type }) => type === "error")!;
    assertEquals([code, message, id], ["unauthorized", "the token is not valid", "r"]);
    assert(repliesOf(peer).some(({ type }) => type === "published"));
    assertEquals(world.metrics.of("json").denied, 1);
  }));

Deno.test("A token that ends no later than the present one is a bad message", () =>
  withWorld({ authenticator }, async (world) => {
    const peer = connect(world, 60_000);
    await refresh(world, peer, 60_000, { subscribe: [] });
    await world.clock.pass(1_000);
    await refresh(world, peer, 30_000, { subscribe: [] });
    assertEquals(codesOf(peer), [["bad_message", "r"], ["bad_message", "r"]]);
    peer.socket.say({ type: "subscribe", channel: "c" });
    await world.clock.turnOver();
    assertEquals(repliesOf(peer).at(-1)!.type, "subscribed", "its rights hold as little");
  }));

Deno.test("The second refresh within a second is refused, with the time to wait", () =>
  withWorld({ authenticator }, async (world) => {
    const peer = connect(world, 60_000);
    await refresh(world, peer, 61_000);
    await world.clock.pass(400);
    await refresh(world, peer, 62_000);
    const { code, afterMs } = repliesOf(peer).at(-1)!;
    assertEquals([code, afterMs], ["too_many_refreshes", 600]);
    await world.clock.pass(600);
    await refresh(world, peer, 63_000);
    assertEquals(codesOf(peer).at(-1), ["refreshed"]);
    peer.socket.say({ type: "refresh", token: "bad" });
    peer.socket.say({ type: "refresh", token: "bad" });
    await world.clock.turnOver();
    assertEquals(codesOf(peer).slice(-2), [
      ["too_many_refreshes", undefined],
      ["too_many_refreshes", undefined],
    ]);
  }));

Deno.test("One refresh that answers an announcement is never too early", () =>
  withWorld({ authenticator }, async (world) => {
    const peer = connect(world, 3_000);
    await world.clock.pass(1_900);
    await refresh(world, peer, 1_200); // ends at 3.1 s; 2.7 s: expiring
    await world.clock.pass(500);
    peer.socket.say({ type: "refresh", token: "bad" });
    await world.clock.pass(350); // 2.75 s: it is announced, and the last refresh 0.85 s ago
    peer.socket.say({ type: "refresh", token: "bad" });
    await world.clock.turnOver();
    await refresh(world, peer, 60_000);
    assertEquals(codesOf(peer), [
      ["refreshed"],
      ["too_many_refreshes", undefined],
      ["expiring"],
      ["unauthorized", undefined],
      ["too_many_refreshes", "r"],
    ]);
  }));

Deno.test("A connection by key, and one of an open hub, cannot refresh", () =>
  withWorld({ authenticator }, async (world) => {
    const keyed = world.connect({ grant: { keyId: "k", expiresAtMs: world.clock.wall() + 9_000 } });
    const open = world.connect();
    for (const peer of [keyed, open]) {
      await refresh(world, peer, 60_000);
      assertEquals(codesOf(peer), [["forbidden", "r"]]);
    }
    await world.clock.pass(9_100);
    assertEquals(codesOf(keyed), [["forbidden", "r"]], "the end of a key is not announced");
    assertEquals(world.closed("token_expired"), 1);
  }));

Deno.test("A refresh that is checked when its connection ends has no effect", () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const slow: typeof authenticator = {
    check: async (presented) => {
      await promise;
      return await authenticator.check(presented);
    },
  };
  return withWorld({ authenticator: slow }, async (world) => {
    const peer = connect(world, 3_000);
    await refresh(world, peer, 60_000, { publish: [] });
    await world.clock.pass(2_500);
    await refresh(world, peer, 60_000); // the first is still being checked
    assertEquals(codesOf(peer), [["expiring"], ["too_many_refreshes", "r"]]);
    await world.clock.pass(600);
    resolve();
    await world.clock.pass(10);
    assertEquals(world.closed("token_expired"), 1);
    assertEquals(codesOf(peer).length, 2);
    assert(peer.client.rights.mayPublish("c"), "it holds no share of a new limit either");
  });
});

Deno.test("A refresh reaches no echo, no log line and no timeline, whatever is wrong with it", () =>
  withWorld({ authenticator, echo: true }, async (world) => {
    const secret = "secret".repeat(4);
    const peer = connect(world, 60_000);
    const frames = [
      `{"type":"refresh","token":"${secret}"}`,
      `{"type":"refresh","token":["${secret}"]}`,
      `{"type":"refresh","token":"${secret}","token":"${secret}"}`,
      `{"type":"refresh","tok\\u0065n":"${secret}"}`,
      `{"type":"refresh","token":"${secret}"`,
      `{"type":"refresh","token":"${secret.repeat(1_000)}"}`,
    ];
    for (const frame of frames) {
      peer.socket.say(frame);
      await world.clock.pass(1_000);
    }
    await refresh(world, peer, 90_000, { sub: secret });
    const told = JSON.stringify([
      peer.socket.journal,
      world.log,
      peer.client.health.recorder.events(),
    ]);
    assert(!told.includes(secret), told);
    const codes = codesOf(peer).map(([code]) => code);
    assertEquals(codes, [
      "unauthorized",
      ...["bad_message", "bad_message", "bad_message", "bad_json", "bad_message"],
      "forbidden",
    ]);
  }));
