import { assert, assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import { OPEN_GRANT } from "../../../server/auth/grant.ts";
import { type Rights, rightsOf } from "../../../server/auth/rights.ts";
import type { Inbound } from "../../../server/message.ts";
import type { HandshakeInfo, ProtocolSession } from "../../../server/profiles/profile.ts";
import { taloProfile } from "../../../server/profiles/talo/talo.ts";
import { parseTarget } from "../../../server/transport/profile_routes.ts";
import { RULES, withWorld, type World } from "../../support/fakes/world.ts";
import { aliasForm, channelForm } from "../../support/peers/talo_forms.ts";
import { patternOf } from "../../support/peers/transcript.ts";

const TIMING = { ...RULES, pingPeriodMs: 30_000, pongWaitMs: 30_000 };
const LIMITS = { messagesPerMinute: 300, messagesPerMinuteIdentified: 3_600 };
const isKey = (credential: string) => credential === "k1.s";
const profile = taloProfile({ timing: TIMING, isKey, ...LIMITS });
const unlimited = taloProfile({
  timing: TIMING,
  isKey: () => true,
  messagesPerMinute: 0,
  messagesPerMinuteIdentified: 0,
});

const HEARTBEAT = "v1.heartbeat";
const IDENTIFY = '{"req":"v1.players.identify","data":{"playerAliasId":7,"socketToken":"k1.s"}}';
const SAY = '{"req":"v1.channels.message","data":{"channel":{"id":1},"message":"hi"}}';
const WARNING = '{"res":"v1.error","data":{"req":"unknown","message":"Rate limit exceeded",' +
  '"errorCode":"RATE_LIMIT_EXCEEDED"}}';

function open(handshake: Partial<HandshakeInfo> = {}, subject = profile): ProtocolSession {
  const target = parseTarget("/?ticket=t")!;
  return subject.open({
    clientId: "c1",
    target,
    rights: OPEN_GRANT.rights,
    wallMs: 1,
    ...handshake,
  });
}

/** Of wall clock 1. */
const TIME = "1970-01-01T00:00:00.001Z";

const bytes = (text: string) => new TextEncoder().encode(text);

/** What a frame means to a session. */
function hear(session: ProtocolSession, text: string, nowMs = 0): Inbound {
  return session.decode(bytes(text), { wallMs: 1, nowMs });
}

/** What a text is answered with. */
function answerOf(inbound: Inbound): string | undefined {
  return "text" in inbound ? inbound.text : undefined;
}

function identified(rights: Rights = OPEN_GRANT.rights): ProtocolSession {
  const session = open({ rights });
  hear(session, IDENTIFY);
  return session;
}

Deno.test("decode() takes v1.heartbeat exactly, and gives the same text back", () => {
  assertEquals(hear(open(), HEARTBEAT), { kind: "heartbeat", text: HEARTBEAT });
  for (const other of [" v1.heartbeat", "v1.heartbeat\n", "V1.heartbeat", "\ufeffv1.heartbeat"]) {
    assertEquals(hear(open(), other).kind, "malformed", JSON.stringify(other));
  }
  assertEquals(hear(open(), '"v1.heartbeat"').kind, "malformed");
});

Deno.test("decode() answers what it does not understand byte for byte", () => {
  const error = (fields: string) => `{"res":"v1.error","data":{${fields}}}`;
  const invalid = (cause: string) =>
    error(
      '"req":"unknown","message":"Invalid message request","errorCode":"INVALID_MESSAGE",' +
        `"cause":${JSON.stringify(cause)}`,
    );
  const invalidData = (req: string, data: string) =>
    error(
      `"req":"${req}","message":"Invalid message data for request",` +
        `"errorCode":"INVALID_MESSAGE_DATA","cause":${JSON.stringify(data)}`,
    );
  const routing = error(
    '"req":"unknown","message":"An error occurred while routing the message",' +
      '"errorCode":"ROUTING_ERROR"',
  );
  for (const text of ["", "{", "hello", "\ufeff{}", "{'req':1}"]) {
    assertEquals(hear(open(), text), { kind: "malformed", text: routing }, text);
  }
  for (
    const text of [
      "null",
      "[]",
      " 7 ",
      "{}",
      '{"req":"v1.players.identify"}',
      '{"req":"v1.players.Identify","data":{}}',
      '{"req":["v1.players.identify"],"data":{}}',
      '{"req":"__proto__", "data":{}}',
    ]
  ) {
    assertEquals(hear(open(), text), { kind: "malformed", text: invalid(text) }, text);
  }
  for (
    const data of [
      "null",
      "[]",
      "7",
      '"x"',
      "{}",
      '{"playerAliasId":1}',
      '{"playerAliasId":"1","socketToken":"k1.s"}',
      '{"playerAliasId":-1,"socketToken":"k1.s"}',
      '{"playerAliasId":1.5,"socketToken":"k1.s"}',
      '{"playerAliasId":9007199254740992,"socketToken":"k1.s"}',
      '{"playerAliasId":1,"socketToken":null}',
      '{"__proto__":{"playerAliasId":1,"socketToken":"k1.s"}}',
    ]
  ) {
    const req = "v1.players.identify";
    const answer = answerOf(hear(open(), `{"req":"${req}","data":${data}}`));
    assertEquals(answer, invalidData(req, data), data);
  }
  for (
    const data of [
      '"hi"',
      "{}",
      '{"channel":1,"message":"hi"}',
      '{"channel":null,"message":"hi"}',
      '{"channel":[1],"message":"hi"}',
      '{"channel":{"id":"1"},"message":"hi"}',
      '{"channel":{"id":-1},"message":"hi"}',
      '{"channel":{"id":1},"message":{"text":"hi"}}',
      '{"channel":{"id":1}}',
    ]
  ) {
    const req = "v1.channels.message";
    for (const session of [open(), identified()]) { // shape is checked before the player
      const answer = answerOf(hear(session, `{"req":"${req}","data":${data}}`));
      assertEquals(answer, invalidData(req, data), data);
    }
  }
});

Deno.test("decode() turns an identify into a subscription to the player's topic", () => {
  assertEquals(hear(open(), IDENTIFY), {
    kind: "subscribe",
    channels: ["players/7"],
    replaces: "players/",
    ack: `{"res":"v1.players.identify.success","data":${aliasForm(7, TIME)}}`,
    ref: "v1.players.identify",
  });
});

Deno.test("decode() refuses a socketToken that is no key, and knows no player then", () => {
  const session = open();
  assertEquals(
    answerOf(hear(session, IDENTIFY.replace("k1.s", "k1.x"))),
    '{"res":"v1.error","data":{"req":"v1.players.identify","message":"Invalid socket token",' +
      '"errorCode":"INVALID_SOCKET_TOKEN"}}',
  );
  assert(answerOf(hear(session, SAY))?.includes('"NO_PLAYER_FOUND"'));
});

Deno.test("decode() asks for a player before a channel message", () => {
  assertEquals(
    answerOf(hear(open(), SAY)),
    '{"res":"v1.error","data":{"req":"v1.channels.message",' +
      '"message":"You must identify a player before sending this request",' +
      '"errorCode":"NO_PLAYER_FOUND"}}',
  );
});

Deno.test("decode() turns a channel message into a publication that joins the channel", () => {
  assertEquals(hear(identified(), SAY), {
    kind: "publish",
    channel: "channels/1",
    data: '"hi"',
    by: "7",
    subscribe: true,
    ref: "v1.channels.message",
  });
});

Deno.test("decode() lets a second identify change for whom the connection speaks", () => {
  const session = identified();
  hear(session, IDENTIFY.replace("7", "0"));
  const said = hear(session, SAY);
  assert(said.kind === "publish");
  assertEquals(said.by, "0");
});

Deno.test("decode() identifies no player to whose topic the key may not subscribe", () => {
  const session = identified(rightsOf({ subscribe: ["channels/*"], publish: ["*"] }));
  assert(answerOf(hear(session, SAY))?.includes('"NO_PLAYER_FOUND"'));
});

Deno.test("decode() warns three times above the limit, heartbeats counted, and ends at the fourth", () => {
  const session = open();
  for (let i = 0; i < 150; i++) {
    hear(session, HEARTBEAT, i);
    hear(session, SAY, i);
  }
  for (const text of [HEARTBEAT, "{", SAY]) { // the limit comes before everything else
    assertEquals(hear(session, text, 1_000), { kind: "reply", text: WARNING });
  }
  assertEquals(hear(session, SAY, 1_000), { kind: "policyViolation", reason: "rate_limited" });
  assertEquals(session.closeFrame?.("rate_limited"), { code: 1008, reason: "RATE_LIMIT_EXCEEDED" });
  assertEquals(session.closeFrame?.("drain"), undefined);
});

Deno.test("decode() blocks for 60 s from the first message above the limit, whatever comes meanwhile", () => {
  const session = open();
  for (let i = 0; i < 300; i++) hear(session, SAY, 10_000);
  // 11 s: over the limit, blocked until 71 s; the window itself is free again at 70 s
  for (const nowMs of [11_000, 40_000, 70_999]) {
    assertEquals(answerOf(hear(session, HEARTBEAT, nowMs)), WARNING, `${nowMs}`);
  }
  // 71 s: what was refused neither counts nor lengthens the block
  for (let i = 0; i < 300; i++) {
    assert(answerOf(hear(session, SAY, 71_000))?.includes("NO_PLAYER_FOUND"), `${i}`);
  }
  assertEquals(hear(session, SAY, 71_000).kind, "policyViolation"); // three warnings still stand
});

Deno.test("Each pong and each accepted heartbeat takes one warning back", () => {
  const session = open();
  for (let i = 0; i < 300; i++) hear(session, SAY, 0);
  for (let i = 0; i < 3; i++) assertEquals(answerOf(hear(session, SAY, 1)), WARNING);
  session.pong?.(); // also during the block
  assertEquals(answerOf(hear(session, SAY, 2)), WARNING);
  hear(session, HEARTBEAT, 60_001); // the block is over
  for (let i = 0; i < 299; i++) hear(session, SAY, 60_001);
  assertEquals(answerOf(hear(session, SAY, 60_002)), WARNING);
  assertEquals(hear(session, SAY, 60_003).kind, "policyViolation");
});

Deno.test("A pong without a warning to take back saves none for later", () => {
  const session = open();
  for (let i = 0; i < 10; i++) session.pong?.();
  for (let i = 0; i < 300; i++) hear(session, HEARTBEAT, 0);
  for (let i = 0; i < 3; i++) assertEquals(answerOf(hear(session, SAY, 1)), WARNING);
  assertEquals(hear(session, SAY, 1).kind, "policyViolation");
});

Deno.test("An identified connection may say 3600 a minute, those from before counted", () => {
  const session = open();
  for (let i = 0; i < 299; i++) hear(session, HEARTBEAT, 0);
  assertEquals(hear(session, IDENTIFY, 0).kind, "subscribe"); // the 300th
  for (let i = 300; i < 3_600; i++) assertEquals(hear(session, SAY, 1).kind, "publish");
  assertEquals(answerOf(hear(session, SAY, 2)), WARNING);
});

Deno.test("publication() words a channel's message, with the alias of a Talo sender only", () => {
  const on = (channel: string, value: unknown, by?: string) => {
    const data = JSON.stringify(value);
    return profile.publication({ kind: "publication", channel, data, timestamp: 1, by });
  };
  const message = (id: number, fields: string) =>
    `{"res":"v1.channels.message","data":{"channel":${channelForm(id, TIME)},${fields}}}`;
  assertEquals(
    on("channels/1", "hi", "7"),
    message(1, `"message":"hi","playerAlias":${aliasForm(7, TIME)}`),
  );
  assertEquals(on("channels/0", "hi"), message(0, '"message":"hi"'));
  assertEquals(on("channels/1", { a: 1 }), message(1, '"message":"{\\"a\\":1}"'));
  assertEquals(on("channels/1", null), message(1, '"message":"null"'));
  for (const by of ["alice", "", "1e3", "-1", "007", "9007199254740993"]) {
    assertEquals(on("channels/1", "hi", by), message(1, '"message":"hi"'), by);
  }
  assertEquals(on("players/7", { a: [1] }), '{"res":"v1.players.message","data":{"a":[1]}}');
  for (const channel of ["channels/", "channels/01", "channels/x", "players/-1", "pdfm", ""]) {
    assertEquals(on(channel, "hi"), undefined, channel);
  }
});

Deno.test("The server says nothing unasked but publications", () => {
  const session = open();
  assertEquals(session.initialFrames, ['{"res":"v1.connected","data":{}}']);
  assertEquals(session.notify({ kind: "ping", id: "i", timestamp: 1 }), undefined);
  const reconnect = { kind: "reconnect", afterMs: 1, reason: "drain" } as const;
  assertEquals(session.notify(reconnect), undefined);
  assertEquals(session.textHeartbeat, undefined);
});

Deno.test("deny() names the request", () => {
  const command = { ref: "v1.channels.message", channel: "channels/1" };
  const { res, data } = JSON.parse(open().deny("forbidden", command)!);
  assertEquals([res, data.req, data.errorCode], [
    "v1.error",
    "v1.channels.message",
    "MISSING_ACCESS_KEY_SCOPES",
  ]);
  const full = JSON.parse(open().deny("too_many_subscriptions", { channel: "channels/1" })!);
  assertEquals([full.data.req, full.data.errorCode], ["unknown", "LISTENER_ERROR"]);
});

Deno.test("matches() any path with a ticket; credential() is that ticket, or else X-Api-Key", () => {
  const from = (url: string, headers: Record<string, string> = { authorization: "Bearer x" }) => ({
    ...parseTarget(url)!,
    header: (name: string) => headers[name],
    subprotocols: [],
  });
  for (const url of ["/?ticket=t", "/ws?a=1&ticket=t", "/any/where?ticket=t"]) {
    assert(profile.matches(from(url)), url);
    assertEquals(profile.credential(from(url)), { kind: "ticket", ticket: "t" });
  }
  assert(profile.matches(from("/?ticket=")));
  assertEquals(profile.credential(from("/?ticket=")), { kind: "none" });
  assert(!profile.matches(from("/ws?token=t")));
  assertEquals(profile.credential(from("/ws/talo")), { kind: "none" });
  const key = { "x-api-key": "k.s" };
  assertEquals(profile.credential(from("/ws/talo", key)), { kind: "token", token: "k.s" });
  assertEquals(profile.credential(from("/?ticket=t", key)), { kind: "ticket", ticket: "t" });
});

Deno.test("refuse() lets the upgrade succeed and closes with 3000 without a word", () => {
  const presented = { kind: "ticket", ticket: "t" } as const;
  assertEquals(profile.rejectionOf({ kind: "unauthorized", presented, detail: "used" }), {
    kind: "close",
    texts: [],
    code: 3000,
    reason: "",
  });
  const full = profile.rejectionOf({ kind: "too_many_for_key", detail: "too many" });
  assert(full.kind === "close" && full.code === 1013); // a new ticket would not help
});

Deno.test("decode() of 10 000 random messages never throws, and what it answers is JSON", () => {
  const session = open({}, unlimited);
  const check = (frame: Uint8Array) => {
    const text = answerOf(session.decode(frame, { wallMs: 1, nowMs: 0 }));
    if (text !== undefined && text !== HEARTBEAT) JSON.parse(text);
  };
  const id = fc.oneof(fc.maxSafeInteger(), fc.double(), fc.jsonValue());
  const data = fc.oneof(
    fc.jsonValue(),
    fc.record({ playerAliasId: id, socketToken: fc.oneof(fc.string(), fc.jsonValue()) }),
    fc.record({
      channel: fc.oneof(fc.record({ id }), fc.jsonValue()),
      message: fc.oneof(fc.string(), fc.jsonValue()),
    }),
  );
  const req = fc.constantFrom("v1.players.identify", "v1.channels.message", "v1.heartbeat", "x");
  const request = fc.record({ req: fc.oneof(req, fc.jsonValue()), data }, { requiredKeys: [] });
  const json = fc.oneof(request, fc.jsonValue()).map((value) => JSON.stringify(value));
  const twice = fc.tuple(req, data, data).map(([name, first, second]) => {
    const [a, b] = [first, second].map((value) => JSON.stringify(value));
    return `{"req":"${name}","data":${a},"data":${b}}`;
  });
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), check), { numRuns: 3_000 });
  fc.assert(fc.property(json, (text) => check(bytes(text))), { numRuns: 5_000 });
  fc.assert(fc.property(twice, (text) => check(bytes(text))), { numRuns: 2_000 });
  const deep = "[".repeat(30_000) + "]".repeat(30_000);
  check(bytes(`{"req":"v1.players.identify","data":${deep}}`));
});

Deno.test("publication() of any channel, data and sender never throws", () => {
  const channel = fc.oneof(
    fc.string(),
    fc.tuple(fc.constantFrom("channels/", "players/"), fc.oneof(fc.nat(), fc.string()))
      .map(([prefix, id]) => `${prefix}${id}`),
  );
  const by = fc.option(fc.string(), { nil: undefined });
  fc.assert(
    fc.property(channel, fc.json(), by, (channel, data, by) => {
      const publication = { kind: "publication", channel, data, timestamp: 1, by } as const;
      JSON.parse(profile.publication(publication) ?? "null");
    }),
    { numRuns: 1_000 },
  );
});

const connect = (world: World) => world.connect({ profile, url: "/?ticket=t" });

Deno.test("A client that answers nothing is terminated 30 s after its first ping, without a frame", () =>
  withWorld({ random: () => 0.5 }, async (world) => {
    const { socket } = connect(world);
    await world.clock.pass(22_600); // 22.5 s: ping
    assertEquals(socket.pings.length, 1);
    await world.clock.pass(29_800); // 52.4 s
    assertEquals(socket.closedWith, undefined);
    await world.clock.pass(300);
    assertEquals(socket.closedWith, { how: "terminate" });
    assertEquals(world.metrics.of("talo").closed.stale, 1);
    assertEquals(socket.texts, ['{"res":"v1.connected","data":{}}']);
  }));

for (const random of [0, 0.999_999]) {
  Deno.test(`A silent client is gone 30 to 60 s after it came, its first ping at ${random} of the spread`, () =>
    withWorld({ random: () => random }, async (world) => {
      const { socket } = connect(world);
      await world.clock.pass(29_999);
      assertEquals(socket.closedWith, undefined);
      await world.clock.pass(30_101);
      assertEquals(socket.closedWith, { how: "terminate" });
    }));
}

Deno.test("A client that answers control pings lives", () =>
  withWorld({}, async (world) => {
    const { socket } = connect(world);
    for (let i = 0; i < 20; i++) {
      await world.clock.pass(30_000);
      socket.answer();
    }
    assertEquals([socket.pings.length, socket.closedWith], [20, undefined]);
  }));

Deno.test("A client that never pongs but says v1.heartbeat lives", () =>
  withWorld({}, async (world) => {
    const { socket } = connect(world);
    for (let i = 0; i < 30; i++) {
      await world.clock.pass(20_000);
      socket.say(HEARTBEAT);
    }
    await world.clock.turnOver();
    assertEquals(socket.closedWith, undefined);
    assertEquals(socket.texts.slice(1), Array(30).fill(HEARTBEAT));
  }));

Deno.test("Other messages and the client's own pings keep nobody alive", () =>
  withWorld({}, async (world) => {
    const { socket } = connect(world);
    socket.say(IDENTIFY);
    for (let i = 0; i < 60 && socket.closedWith === undefined; i++) {
      await world.clock.pass(1_010);
      socket.say(SAY);
      socket.peerPing();
    }
    assertEquals(socket.closedWith, { how: "terminate" });
    assertEquals(world.metrics.of("talo").closed.stale, 1);
  }));

Deno.test("Clients meet in a channel, each hears its own word, and a json client too", () =>
  withWorld({}, async (world) => {
    const alice = connect(world), bob = connect(world), guest = world.connect();
    alice.socket.say(IDENTIFY);
    bob.socket.say(IDENTIFY.replace("7", "8"));
    guest.socket.say({ type: "subscribe", channel: "channels/1" });
    bob.socket.say(SAY.replace("hi", "anyone?"));
    alice.socket.say(SAY);
    guest.socket.say({ type: "publish", channel: "channels/1", data: { a: 1 } });
    guest.socket.say({ type: "publish", channel: "players/7", data: "psst" });
    await world.clock.turnOver();
    const frame = `{"res":"v1.channels.message","data":{"channel":${channelForm(1)},`;
    const said = (id: number, text: string) =>
      `${frame}"message":"${text}","playerAlias":${aliasForm(id)}}}`;
    const told = `${frame}"message":"{\\"a\\":1}"}}`;
    const psst = '{"res":"v1.players.message","data":"psst"}';
    const assertTexts = (texts: readonly string[], expected: readonly string[]) => {
      assertEquals(texts.length, expected.length);
      expected.forEach((form, i) => assertMatch(texts[i], patternOf(form)));
    };
    assertTexts(alice.socket.texts.slice(2), [said(7, "hi"), told, psst]);
    assertTexts(bob.socket.texts.slice(2), [said(8, "anyone?"), said(7, "hi"), told]);
    const heard = guest.socket.messages.filter(({ type }) => type === "message");
    assertEquals(heard.map(({ data }) => data), ["anyone?", "hi", { a: 1 }]);
  }));

Deno.test("A second identify takes the first one's place, also at the limit of subscriptions", () =>
  withWorld({ maxSubscriptions: 1 }, async (world) => {
    const { socket } = connect(world);
    socket.say(IDENTIFY);
    socket.say(IDENTIFY);
    socket.say(IDENTIFY.replace("7", "8"));
    socket.say(SAY);
    await world.clock.turnOver();
    const [, ...answers] = socket.messages;
    assertEquals(answers.map(({ data }) => data.id ?? data.errorCode), [7, 7, 8, "LISTENER_ERROR"]);
    const channels = world.hub.ask((registry) => [...registry.channels]);
    await world.clock.turnOver();
    assertEquals(await channels, ["players/8"]);
  }));

Deno.test("A key without the right is told which request it was", () =>
  withWorld({}, async (world) => {
    const rights = rightsOf({ subscribe: ["players/*", "channels/*"], publish: ["channels/2"] });
    const { socket } = world.connect({ profile, url: "/?ticket=t", grant: { rights } });
    socket.say(IDENTIFY);
    socket.say(SAY);
    socket.say(SAY.replace(":1}", ":2}"));
    await world.clock.turnOver();
    const [, , denied, heard] = socket.messages;
    assertEquals(denied.data.errorCode, "MISSING_ACCESS_KEY_SCOPES");
    assertEquals(denied.data.req, "v1.channels.message");
    assertEquals(heard.data.channel.id, 2);
  }));

Deno.test("A client above the rate limit is closed with 1008 RATE_LIMIT_EXCEEDED", () =>
  withWorld({}, async (world) => {
    const { socket } = connect(world);
    for (let i = 0; i < 303; i++) {
      socket.say(HEARTBEAT);
      await world.clock.turnOver();
    }
    assertEquals(socket.texts.slice(-3), [WARNING, WARNING, WARNING]);
    assertEquals(socket.closedWith, undefined);
    socket.say(HEARTBEAT);
    await world.clock.turnOver();
    assertEquals(socket.closedWith, { how: "abort", code: 1008, text: "RATE_LIMIT_EXCEEDED" });
    assertEquals(world.metrics.of("talo").closed.rate_limited, 1);
  }));
