import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { grantOf, OPEN_GRANT } from "../../../server/auth/grant.ts";
import { HEALTH_RULES } from "../../../server/liveness/health.ts";
import type { Inbound } from "../../../server/message.ts";
import { MAX_CHANNEL_LENGTH } from "../../../server/message.ts";
import { tankProfile } from "../../../server/profiles/tank/tank.ts";
import { parseTarget } from "../../../server/transport/profile_routes.ts";
import { RULES, withWorld } from "../../support/fakes/world.ts";

const timing = {
  pingPeriodMs: 5_000,
  pongWaitMs: 15_000,
  heartbeatTimeoutMs: 5_000,
  missedHeartbeats: 3,
  health: HEALTH_RULES,
};
const profile = tankProfile({ timing });

const openSession = (url: string, subject = profile) =>
  subject.open({
    clientId: "c1",
    target: parseTarget(url)!,
    rights: OPEN_GRANT.rights,
    wallMs: 1,
  });
const session = openSession("/ws?user_id=alice");
const FRAME_TIMES = { wallMs: 5_000, nowMs: 0 };
const bytes = (text: string) => new TextEncoder().encode(text);
const decode = (text: string): Inbound => session.decode(bytes(text), FRAME_TIMES);
const hello = (id: string) => `Hello, ${id}! Welcome to WebSocket server.`;

Deno.test("matches() takes /ws with user_id or token", () => {
  const matches = (url: string) => profile.matches(parseTarget(url)!);
  assertEquals(["/ws?user_id=a", "/ws?token=t", "/ws?user_id="].filter(matches).length, 3);
  assertEquals(["/ws", "/?user_id=a", "/socket?token=t", "/ws/x?token=t"].filter(matches), []);
});

Deno.test("open() greets by the id that was given, or by a number", () => {
  const subject = tankProfile({ timing });
  const initialFrames = (url: string) => openSession(url, subject).initialFrames;
  assertEquals(initialFrames("/ws?user_id=alice"), [hello("alice")]);
  assertEquals(initialFrames("/ws"), [hello("client_1")]);
  assertEquals(initialFrames("/ws?user_id="), [hello("client_2")]);
  assertEquals(initialFrames("/ws?token=t&user_id=b%20%C3%A9"), [hello("b é")]);
  assertEquals(initialFrames("/ws/tank"), [hello("client_3")]);
});

Deno.test("decode() takes the rest of sub: and unsub: verbatim", () => {
  assertEquals(decode("sub:news"), { kind: "subscribe", channels: ["news"] });
  assertEquals(decode("sub: a:b,c "), { kind: "subscribe", channels: [" a:b,c "] });
  assertEquals(decode("unsub:news"), { kind: "unsubscribe", channels: ["news"] });
  assertEquals(decode("sub:unsub:x"), { kind: "subscribe", channels: ["unsub:x"] });
});

Deno.test("decode() neither subscribes to nor relays a topic that is empty or too long", () => {
  const long = "t".repeat(MAX_CHANNEL_LENGTH);
  assertEquals(decode(`sub:${long}`).kind, "subscribe");
  for (const text of ["sub:", "unsub:", `sub:${long}t`, `unsub:${long}t`]) {
    assertEquals(decode(text), { kind: "malformed" });
  }
});

Deno.test("decode() relays everything else as it came", () => {
  for (
    const text of [
      "hello",
      "",
      " heartbeat",
      "Heartbeat",
      "ping",
      "SUB:x",
      " sub:x",
      "\uFEFFhello",
      "a\0b\r\n",
      '{"type":"chat","text":"heartbeat"}',
      '{ "a" : [1,\n2] }',
      '["heartbeat"]',
      '"heartbeat"',
      '{"type":"heartbeat"',
    ]
  ) {
    assertEquals(decode(text), { kind: "relay", text });
  }
});

Deno.test("decode() keeps signs of life to itself", () => {
  for (
    const text of [
      "heartbeat",
      "pong",
      '{"type":"heartbeat"}',
      ' { "n": 1, "type": "heartbeat" }\n',
      '{"type":"chat","type":"heartbeat"}',
    ]
  ) {
    assertEquals(decode(text), { kind: "nothing" });
  }
});

Deno.test("decode() does not relay what is not UTF-8", () => {
  for (const frame of [[0xff, 0xfe], [0x68, 0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x80]]) {
    assertEquals(session.decode(new Uint8Array(frame), FRAME_TIMES), { kind: "malformed" });
  }
});

Deno.test("publication() carries text, or JSON as text", () => {
  const frame = (data: string) =>
    profile.publication({ kind: "publication", channel: "t", data, timestamp: 3 });
  assertEquals(frame('"hi"'), '{"topic":"t","data":"hi"}');
  assertEquals(frame('{"a":[1.0,null]}'), '{"topic":"t","data":"{\\"a\\":[1.0,null]}"}');
  assertEquals(frame("null"), '{"topic":"t","data":"null"}');
  assertEquals(frame("7"), '{"topic":"t","data":"7"}');
});

Deno.test("deny(), notify() and closeFrame() have no frame", () => {
  assertEquals(session.deny("forbidden", { channel: "c" }), undefined);
  assertEquals(session.notify({ kind: "ping", id: "i", timestamp: 3 }), undefined);
  assertEquals(session.closeFrame, undefined);
});

Deno.test("credential() is the token of the query, or X-Api-Key", () => {
  const from = (url: string, headers: Record<string, string> = {}) =>
    profile.credential({
      ...parseTarget(url)!,
      header: (name) => headers[name],
      subprotocols: [],
    });
  assertEquals(from("/ws?token=k.s"), { kind: "token", token: "k.s" });
  assertEquals(from("/ws/tank", { "x-api-key": "k.s" }), { kind: "token", token: "k.s" });
  assertEquals(from("/ws?user_id=alice"), { kind: "none" });
});

Deno.test("refuse() answers in plain text", () => {
  const presented = { kind: "none" } as const;
  assertEquals(profile.rejectionOf({ kind: "unauthorized", presented, detail: "d" }), {
    kind: "http",
    status: 401,
    headers: { "Content-Type": "text/plain; charset=utf-8" },
    body: "Unauthorized\n",
  });
  const form = profile.rejectionOf({ kind: "too_many_for_key", detail: "d" });
  assert(form.kind === "http" && form.status === 429);
});

Deno.test("decode() of arbitrary bytes and arbitrary JSON never throws and alters nothing", () => {
  const prefix = fc.constantFrom("sub:", "unsub:", "", '{"type":"heartbeat","type":');
  const type = fc.oneof(fc.constant("heartbeat"), fc.jsonValue(), fc.double());
  const text = fc.oneof(
    fc.tuple(prefix, fc.string()).map((parts) => parts.join("")),
    fc.record({ type, data: fc.jsonValue() }).map((value) => JSON.stringify(value)),
    fc.json(),
  ).map(bytes);
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), text, text), (frame) => {
      const inbound = session.decode(frame, FRAME_TIMES);
      if (inbound.kind === "relay") assertEquals(bytes(inbound.text), frame);
    }),
    { numRuns: 10_000 },
  );
});

Deno.test("A client hears heartbeat at 1 s + period and every period, its pings are spread", () =>
  withWorld({ random: () => 0 }, async (world) => {
    const { clock } = world;
    const { socket } = world.connect({ profile, url: "/ws?user_id=alice" });
    const heard: number[] = [];
    const pinged: number[] = [];
    await clock.pass(1); // the end of a timer's turn is 1 ms later on the virtual clock
    for (let nowMs = 50; nowMs <= 31_000; nowMs += 50) {
      await clock.pass(50);
      if (socket.texts.length - 1 > heard.length) heard.push(nowMs);
      if (socket.pings.length > pinged.length) pinged.push(nowMs);
      socket.answer();
    }
    assertEquals(heard, [6_000, 11_000, 16_000, 21_000, 26_000, 31_000]);
    assertEquals(socket.texts.slice(0, 2), [hello("alice"), "heartbeat"]);
    assertEquals(pinged, [2_500, 7_500, 12_500, 17_500, 22_500, 27_500]);
  }));

Deno.test("A silent client is stale after 15 s, without a word", () =>
  withWorld({}, async (world) => {
    const { socket } = world.connect({ profile, url: "/ws/tank" });
    await world.clock.pass(14_950);
    assertEquals(socket.closedWith, undefined);
    await world.clock.pass(100);
    assertEquals(socket.closedWith, { how: "terminate" });
    assertEquals(world.metrics.of("tank").closed.stale, 1);
  }));

Deno.test("Any frame, control pong or control ping keeps a client; heartbeat needs no answer", () =>
  withWorld({}, async (world) => {
    const connect = () => world.connect({ profile, url: "/ws/tank" }).socket;
    const signs = [
      (socket: ReturnType<typeof connect>) => socket.peerPong(),
      (socket: ReturnType<typeof connect>) => socket.peerPing(),
      (socket: ReturnType<typeof connect>) => socket.say("pong"),
      (socket: ReturnType<typeof connect>) => socket.say({ type: "heartbeat" }),
      (socket: ReturnType<typeof connect>) => socket.say("sub:"),
    ];
    const sockets = signs.map(connect);
    for (let each = 0; each < 6; each++) {
      await world.clock.pass(14_000);
      sockets.forEach((socket, at) => signs[at](socket));
    }
    assertEquals(sockets.map(({ closedWith }) => closedWith), sockets.map(() => undefined));
  }));

Deno.test("A text reaches all other tank clients and nobody else", () =>
  withWorld({}, async (world) => {
    const { rights } = grantOf({ ...OPEN_GRANT, subscribe: [], publish: ["news"] });
    const alice = world.connect({ profile, url: "/ws?user_id=alice", grant: { rights } }).socket;
    const bob = world.connect({ profile, url: "/ws?user_id=bob" }).socket;
    const carol = world.connect({ profile, url: "/ws?user_id=carol" }).socket;
    const json = world.connect().socket;
    for (const text of ["hi <b>&</b>", "heartbeat", '{"type":"heartbeat"}', "pong", "last"]) {
      alice.say(text);
    }
    await world.clock.turnOver();
    assertEquals(alice.texts, [hello("alice")]);
    assertEquals(bob.texts, [hello("bob"), "hi <b>&</b>", "last"]);
    assertEquals(carol.texts.slice(1), bob.texts.slice(1));
    assertEquals(json.texts.length, 1);
  }));

Deno.test("A text of a key that may publish nothing reaches nobody, and the log tells", () =>
  withWorld({}, async (world) => {
    const { rights } = grantOf({ ...OPEN_GRANT, subscribe: ["news/*"], publish: [] });
    const mallory = world.connect({ profile, url: "/ws?user_id=mallory", grant: { rights } });
    const bob = world.connect({ profile, url: "/ws?user_id=bob" }).socket;
    bob.say("sub:secret");
    for (const text of ['{"topic":"secret","data":"forged"}', "hi", "heartbeat"]) {
      mallory.socket.say(text);
    }
    await world.clock.turnOver();
    assertEquals([mallory.socket.texts, bob.texts], [[hello("mallory")], [hello("bob")]]);
    assertEquals(mallory.socket.closedWith, undefined);
    assertEquals(world.metrics.of("tank").denied, 2);
    const denied = world.log.filter(({ message }) => message === "command denied");
    assertEquals(denied.map(({ properties: { command, channel } }) => [command, channel]), [
      ["relay", "*"],
      ["relay", "*"],
    ]);
  }));

Deno.test("A topic reaches its subscribers, once, and no client without the right or after unsub", () =>
  withWorld({}, async (world) => {
    const { clock } = world;
    const { rights } = grantOf({ ...OPEN_GRANT, subscribe: [], publish: [] });
    const connect = (grant = {}) => world.connect({ profile, url: "/ws/tank", grant }).socket;
    const [subscriber, gone, forbidden] = [connect(), connect(), connect({ rights })];
    const json = world.connect().socket;
    for (const socket of [subscriber, subscriber, gone, forbidden]) socket.say("sub:t");
    gone.say("unsub:t");
    json.say({ type: "publish", channel: "t", data: { n: 1 } });
    await clock.turnOver();
    assertEquals(subscriber.texts.slice(1), ['{"topic":"t","data":"{\\"n\\":1}"}']);
    assertEquals([gone.texts.length, forbidden.texts.length], [1, 1]);
    assertEquals(world.metrics.of("tank").denied, 1);
  }));

Deno.test("open() leaves the timing's other rules as they are", () => {
  const { rules } = session;
  assertEquals(rules, { ...RULES, ...timing });
});
