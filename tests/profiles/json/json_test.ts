import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { OPEN_GRANT } from "../../../server/auth/grant.ts";
import type { Inbound, Notice } from "../../../server/message.ts";
import { jsonProfile } from "../../../server/profiles/json/json.ts";
import type { Profile } from "../../../server/profiles/profile.ts";
import { parseTarget } from "../../../server/transport/profile_routes.ts";
import { RULES } from "../../support/fakes/world.ts";

const profile = jsonProfile({ timing: RULES, echo: false });
const echoing = jsonProfile({ timing: RULES, echo: true });
const openSession = (subject: Profile) =>
  subject.open({
    clientId: "c1",
    target: { path: "/ws", query: new URLSearchParams() },
    rights: OPEN_GRANT.rights,
    wallMs: 1,
  });
const session = openSession(profile);
const echo = openSession(echoing);
const bytes = (text: string) => new TextEncoder().encode(text);
const decode = (text: string): Inbound => session.decode(bytes(text), FRAME_TIMES);
const FRAME_TIMES = { wallMs: 5_000, nowMs: 0 };

/** The code and the message of the error that a text is answered with. */
function errorOf(text: string): { code: string; message: string; id?: unknown } {
  const inbound = decode(text);
  assert(inbound.kind === "malformed" && inbound.text !== undefined, JSON.stringify(inbound));
  const { type, ...error } = JSON.parse(inbound.text);
  assertEquals(type, "error");
  return error;
}

Deno.test("decode() answers a ping with what it brought and the server's time", () => {
  for (
    const [ping, pong] of [
      [{}, {}],
      [{ timestamp: 17 }, { timestamp: 17 }],
      [{ timestamp: "any" }, { timestamp: "any" }],
      [{ timestamp: null, id: "x" }, { id: "x", timestamp: null }],
    ]
  ) {
    const expected = JSON.stringify({ type: "pong", ...pong, serverTime: 5_000 });
    const inbound = decode(JSON.stringify({ type: "ping", ...ping }));
    assertEquals(inbound, { kind: "reply", text: expected });
  }
});

Deno.test("decode() understands pongs with and without id and timestamp", () => {
  assertEquals(decode('{"type":"pong","id":"a","timestamp":3,"clientTime":4}'), {
    kind: "app_pong",
    id: "a",
    timestamp: 3,
  });
  assertEquals(decode('{"type":"pong"}'), {
    kind: "app_pong",
    id: undefined,
    timestamp: undefined,
  });
  assertEquals(decode('{"type":"pong","id":7,"timestamp":"x"}').kind, "app_pong");
});

Deno.test("decode() understands subscribe, unsubscribe and publish", () => {
  assertEquals(decode('{"type":"subscribe","channel":"updates"}'), {
    kind: "subscribe",
    channels: ["updates"],
    ack: '{"type":"subscribed","channel":"updates"}',
    ref: undefined,
    membership: undefined,
  });
  assertEquals(decode('{"type":"unsubscribe","channel":"__proto__"}'), {
    kind: "unsubscribe",
    channels: ["__proto__"],
    ack: '{"type":"unsubscribed","channel":"__proto__"}',
  });
  assertEquals(decode('{"type":"publish","channel":"c","data":null,"id":"p"}'), {
    kind: "publish",
    channel: "c",
    data: "null",
    ack: '{"type":"published","channel":"c","id":"p"}',
    ref: "p",
    once: { id: "p" },
  });
});

Deno.test("decode() understands a refresh, and an echoing profile does not echo it", () => {
  for (const subject of [session, echo]) {
    const frame = bytes('{"type":"refresh","token":"a.b.c","id":"r"}');
    const inbound = subject.decode(frame, FRAME_TIMES);
    assertEquals(inbound, { kind: "refresh", token: "a.b.c", ref: "r" });
  }
});

Deno.test("notify() has frames for the end of a token and what follows from a new one", () => {
  const notices: [Notice, string][] = [
    [{ kind: "expiring", afterMs: 667 }, '{"type":"expiring","afterMs":667}'],
    [{ kind: "refreshed", expiresAt: 5 }, '{"type":"refreshed","expiresAt":5}'],
    [
      { kind: "unsubscribed", channel: "c", reason: "forbidden" },
      '{"type":"unsubscribed","channel":"c","reason":"forbidden"}',
    ],
    [
      { kind: "error", code: "unauthorized", message: "m", id: undefined },
      '{"type":"error","code":"unauthorized","message":"m"}',
    ],
  ];
  for (const [notice, text] of notices) assertEquals(session.notify(notice), text);
});

Deno.test("decode() names what is wrong with a message", () => {
  const cases: [string, string, string][] = [
    ["{", "bad_json", "not JSON"],
    ["", "bad_json", "not JSON"],
    ["null", "bad_message", "null"],
    ["[]", "bad_message", "an array"],
    ['""', "bad_message", "a string"],
    ["7", "bad_message", "a number"],
    ["{}", "bad_message", "type is missing"],
    ['{"type":7}', "bad_message", "not a string"],
    ['{"type":"Ping"}', "unknown_type", '"Ping"'],
    ['{"type":"subscribe"}', "bad_channel", "got nothing"],
    ['{"type":"subscribe","channel":""}', "bad_channel", "got 0 characters"],
    ['{"type":"subscribe","channel":"a\\ud800"}', "bad_channel", "well-formed"],
    ['{"type":"subscribe","channel":{}}', "bad_channel", "got an object"],
    [`{"type":"publish","channel":"${"c".repeat(257)}"}`, "bad_channel", "got 257 characters"],
    ['{"type":"publish","channel":"c"}', "bad_message", "needs data"],
    ['{"type":"publish","channel":"c","data":1,"id":2}', "bad_message", "is a string"],
    ['{"type":"refresh"}', "bad_message", "needs a token"],
    ['{"type":"refresh","token":""}', "bad_message", "needs a token"],
    ['{"type":"refresh","token":{"a":1}}', "bad_message", "needs a token"],
    [`{"type":"refresh","token":"${"t".repeat(16_385)}"}`, "bad_message", "1 to 16384"],
    ["[".repeat(10_000) + "]".repeat(10_000), "bad_json", "not JSON"],
    ["[".repeat(500) + "]".repeat(500), "bad_message", "an array"],
  ];
  for (const [text, code, hint] of cases) {
    const error = errorOf(text);
    assertEquals(error.code, code, text.slice(0, 80));
    assert(error.message.includes(hint), `${error.message} does not say ${hint}`);
  }
});

Deno.test("decode() takes nothing that could not be said again: deep values crashed the server", () => {
  const deep = (levels: number) => "[".repeat(levels) + '{"0":1}' + "]".repeat(levels);
  for (const levels of [501, 4_000, 20_000, 32_000]) {
    for (const type of ["ping", "echo", "publish"]) {
      const text = `{"type":"${type}","channel":"c","timestamp":${deep(levels)},"data":[]}`;
      for (const subject of [session, echo]) {
        assertEquals(
          subject.decode(bytes(text), FRAME_TIMES).kind,
          "malformed",
          `${type} ${levels}`,
        );
      }
    }
  }
  const brackets = JSON.stringify("[".repeat(5_000) + '\\"{'.repeat(5_000));
  assertEquals(decode(`{"type":"ping","timestamp":${brackets}}`).kind, "reply");
  assertEquals(decode(`{"type":"publish","channel":"c","data":${deep(490)}}`).kind, "publish");
});

Deno.test("decode() refuses a member that is repeated or escaped: readers would not agree on it", () => {
  const members: Record<string, string> = {
    type: '"publish"',
    channel: '"c"',
    data: "1",
    id: '"p"',
    timestamp: "1",
    clientTime: "1",
    token: '"t"',
    since: "1",
    last: "1",
    session: '"0123456789abcdef"',
    presence: "true",
    member: '"m"',
    info: "1",
  };
  const written = Object.entries(members).map(([name, value]) => `"${name}":${value}`);
  const types = ["publish", "subscribe", "unsubscribe", "history", "presence", "refresh", "ping"]
    .concat("pong", "nope");
  for (const type of types) {
    const all = written.join().replace("publish", type);
    for (const [name, value] of Object.entries(members)) {
      const escape = `\\u${name.charCodeAt(0).toString(16).padStart(4, "0")}`;
      const escaped = escape + name.slice(1);
      for (
        const text of [
          `{${all},"${name}":${value}}`,
          `{"${name}":"other",${all}}`,
          `{${all},"${escaped}":${value}}`,
          `{${all}}`.replace(`"${name}":`, `"${escaped}":`),
        ]
      ) {
        const error = errorOf(text);
        assertEquals([error.code, error.message.split(" ")[0]], ["bad_message", name], text);
        assertEquals(error.id, name === "id" ? undefined : "p", text);
        assertEquals(echo.decode(bytes(text), FRAME_TIMES).kind, "malformed");
      }
    }
  }
});

Deno.test("decode() ignores other members, repeated or not, and __proto__ among them", () => {
  const known = '"type":"publish","channel":"c","data":{"__proto__":1,"__proto__":2}';
  for (const more of ['"x":1,"x":2', '"__proto__":{"channel":"d"}', '"\\u0078":1', '"Data":3']) {
    assertEquals(decode(`{${more},${known},${more}}`), {
      kind: "publish",
      channel: "c",
      data: '{"__proto__":1,"__proto__":2}',
    });
  }
});

Deno.test("decode() refuses every text that JSON.parse refuses, and in binary what is not UTF-8", () => {
  const before = '{"type":"publish","channel":"c","data":';
  const invalid = [
    "01",
    "+1",
    "1.",
    ".5",
    "0x1",
    "'a'",
    '"\t"',
    '"\\x"',
    '"\\u12"',
    "[1,]",
    "{a:1}",
  ];
  for (
    const text of [...invalid, "NaN", "tru", "[1 2]", '{"a":1,}', "", "1,", "1}", "\ufeff1", "-"]
  ) {
    const frame = `${before}${text}}`;
    assertThrows(() => JSON.parse(frame));
    assertEquals(errorOf(frame).code, "bad_json", text);
    const inbound = session.decode(bytes(frame), { ...FRAME_TIMES, isBinary: true });
    assert(inbound.kind === "malformed" && inbound.text?.includes("binary_not_supported"), text);
  }
  const valid = bytes(`${before}"?"}`);
  const binary = { ...FRAME_TIMES, isBinary: true };
  assertEquals(session.decode(valid, binary).kind, "publish");
  assertEquals(session.decode(valid.with(valid.indexOf(63), 0xff), binary).kind, "malformed");
});

Deno.test("decode() reads the value of a channel and a type that are written with escapes", () => {
  assertEquals(decode('{"type":"\\u0073ubscribe","channel":"\\u0061b"}'), {
    kind: "subscribe",
    channels: ["ab"],
    ack: '{"type":"subscribed","channel":"ab"}',
    ref: undefined,
    membership: undefined,
  });
});

Deno.test("decode() understands since, last and history, and rejects what they cannot be", () => {
  const subscribe = (members: string) => `{"type":"subscribe","channel":"c",${members}}`;
  const since = { epoch: "e1", offset: 7 };
  const inbound = decode(subscribe('"since":{"epoch":"e1","offset":7},"last":3,"id":"s"'));
  assert(inbound.kind === "subscribe");
  const { replay, ref, ack } = inbound;
  assertEquals([replay?.since, replay?.last, ref], [since, 3, "s"]);
  assertEquals(ack, '{"type":"subscribed","channel":"c","id":"s"}');
  assertEquals(JSON.parse(replay!.whenSubscribed).code, "already_subscribed");
  const history = decode(
    '{"type":"history","channel":"c","since":{"epoch":"","offset":0},"id":"h"}',
  );
  assert(history.kind === "history");
  assertEquals(history.query, { since: { epoch: "", offset: 0 }, last: undefined });
  assertEquals([history.channel, history.ref], ["c", "h"]);
  assertEquals(JSON.parse(history.whenOff).code, "history_off");
  for (
    const members of [
      '"since":1',
      '"since":null',
      '"since":{}',
      '"since":{"epoch":1,"offset":1}',
      '"since":{"epoch":"e","offset":-1}',
      '"since":{"epoch":"e","offset":1.5}',
      '"since":{"epoch":"e","offset":1e300}',
      `"since":{"epoch":"${"e".repeat(129)}","offset":1}`,
      '"last":0',
      '"last":"3"',
      '"last":1.5',
      '"last":1,"last":1',
    ]
  ) {
    assertEquals(errorOf(subscribe(members)).code, "bad_message", members);
    const asHistory = `{"type":"history","channel":"c","id":"h",${members}}`;
    assertEquals(errorOf(asHistory).code, "bad_message", members);
  }
  assertEquals(errorOf('{"type":"history","channel":"c"}').code, "bad_message");
  assertEquals(errorOf('{"type":"history","channel":"c","id":7}').id, 7);
  assertEquals(errorOf('{"type":"history","channel":"","id":"h"}').code, "bad_channel");
});

Deno.test("decode() understands presence, member and info, and rejects what they cannot be", () => {
  const subscribe = (members: string) => `{"type":"subscribe","channel":"c","id":"s",${members}}`;
  const membershipOf = (members: string) => {
    const inbound = decode(subscribe(members));
    assert(inbound.kind === "subscribe");
    return inbound.membership;
  };
  const [long, wide] = ["m".repeat(64), "é".repeat(511)];
  for (
    const [members, ...expected] of [
      ['"presence":true', true, undefined, "null"],
      ['"member":"a","presence":false', false, "a", "null"],
      [`"member":"${long}"`, false, long, "null"],
      ['"info":{"a" : 1e400, "a":-0}', false, undefined, '{"a" : 1e400, "a":-0}'],
      ['"info":null', false, undefined, "null"],
      [`"info":"${wide}"`, false, undefined, `"${wide}"`], // 1024 bytes
    ]
  ) {
    const { isNotified, member, info } = membershipOf(`${members}`)!;
    assertEquals([isNotified, member, info], expected);
  }
  assertEquals(membershipOf('"presence":false'), undefined);
  for (
    const [members, code] of [
      ['"presence":1', "bad_message"],
      ['"presence":"true"', "bad_message"],
      ['"presence":null', "bad_message"],
      ['"member":""', "bad_message"],
      ['"member":7', "bad_message"],
      ['"member":null', "bad_message"],
      [`"member":"${long}m"`, "bad_message"],
      [`"info":"${wide}x"`, "too_large"],
      [`"info":[${" ".repeat(1_023)}]`, "too_large"],
      ['"info":1,"info":1', "bad_message"],
    ]
  ) {
    assertEquals([errorOf(subscribe(members)).code, errorOf(subscribe(members)).id], [code, "s"]);
  }
});

Deno.test("decode() understands presence, which needs an id", () => {
  assertEquals(decode('{"type":"presence","channel":"c","id":"p"}'), {
    kind: "presence",
    channel: "c",
    ref: "p",
  });
  assertEquals(errorOf('{"type":"presence","channel":"c"}').code, "bad_message");
  assertEquals(errorOf('{"type":"presence","channel":"c","id":7}').id, 7);
  assertEquals(errorOf('{"type":"presence","channel":"","id":"p"}').code, "bad_channel");
});

Deno.test("decode() gives the id of a bad message back", () => {
  assertEquals(errorOf('{"type":"nope","id":"q1"}').id, "q1");
  assertEquals(errorOf('{"type":"publish","channel":"c","data":1,"id":2}').id, 2);
});

Deno.test("decode() treats binary that is not UTF-8 as bad JSON", () => {
  const inbound = session.decode(new Uint8Array([0xff, 0xfe, 0x00]), FRAME_TIMES);
  assertEquals(inbound.kind, "malformed");
});

Deno.test("decode() echoes talo's heartbeat verbatim", () => {
  assertEquals(decode("v1.heartbeat"), { kind: "heartbeat", text: "v1.heartbeat" });
});

Deno.test("decode() echoes other JSON in echo mode, and nothing that has a meaning", () => {
  for (const text of ['{"type":"nope","x":1}', "null", "[1]", '"hi"', '{"a":{"b":2}}']) {
    const expected = JSON.stringify({ type: "echo", data: JSON.parse(text), timestamp: 5_000 });
    assertEquals(echo.decode(bytes(text), FRAME_TIMES), { kind: "reply", text: expected });
  }
  assertEquals(
    echo.decode(bytes('{"type":"subscribe","channel":"c"}'), FRAME_TIMES).kind,
    "subscribe",
  );
  assertEquals(echo.decode(bytes("{"), FRAME_TIMES).kind, "malformed");
});

Deno.test("decode() of arbitrary bytes and arbitrary JSON never throws", () => {
  const known = fc.constantFrom(
    ...["ping", "pong", "subscribe", "unsubscribe", "publish", "history", "presence", "other"],
  );
  const messages = fc.record({
    type: fc.oneof(known, fc.jsonValue()),
    channel: fc.option(fc.oneof(fc.string(), fc.jsonValue()), { nil: undefined }),
    data: fc.jsonValue(),
    id: fc.option(fc.jsonValue(), { nil: undefined }),
    since: fc.option(fc.jsonValue(), { nil: undefined }),
    last: fc.option(fc.jsonValue(), { nil: undefined }),
    presence: fc.option(fc.oneof(fc.boolean(), fc.jsonValue()), { nil: undefined }),
    member: fc.option(fc.oneof(fc.string(), fc.jsonValue()), { nil: undefined }),
    info: fc.option(fc.jsonValue(), { nil: undefined }),
  });
  for (const subject of [session, echo]) {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        (frame) => void subject.decode(frame, FRAME_TIMES),
      ),
      { numRuns: 2_500 },
    );
    fc.assert(
      fc.property(
        fc.oneof(fc.jsonValue(), messages),
        (value) => void subject.decode(bytes(JSON.stringify(value)), FRAME_TIMES),
      ),
      { numRuns: 2_500 },
    );
  }
});

Deno.test("The profile writes every frame as the protocol has it", () => {
  const cases: [string | undefined, string][] = [
    [
      session.initialFrames[0],
      '{"type":"welcome","clientId":"c1","pingPeriodMs":54000,"pongWaitMs":60000}',
    ],
    [
      session.notify({ kind: "ping", id: "i", timestamp: 3 }),
      '{"type":"ping","id":"i","timestamp":3}',
    ],
    [
      session.notify({ kind: "reconnect", afterMs: 5, reason: "drain" }),
      '{"type":"reconnect","afterMs":5,"reason":"drain"}',
    ],
    [
      profile.publication({ kind: "publication", channel: "c", data: '{"a":1}', timestamp: 3 }),
      '{"type":"message","channel":"c","data":{"a":1},"timestamp":3}',
    ],
    [
      profile.publication({
        kind: "publication",
        channel: "c",
        data: "1",
        timestamp: 3,
        offset: 9,
      }),
      '{"type":"message","channel":"c","data":1,"timestamp":3,"offset":9}',
    ],
    [
      session.notify({ kind: "gap", channel: "c", epoch: "e", offset: 4 }),
      '{"type":"gap","channel":"c","epoch":"e","offset":4}',
    ],
    [
      session.notify({
        kind: "joined",
        channel: "c",
        user: null,
        member: "m",
        clientId: "i",
        info: '{"a" :1e400}',
      }),
      '{"type":"joined","channel":"c","user":null,"member":"m","clientId":"i","info":{"a" :1e400}}',
    ],
    [
      session.notify({ kind: "members", channel: "c", count: 1_001 }),
      '{"type":"members","channel":"c","count":1001}',
    ],
    [
      session.presenceList!("c", {
        count: 2,
        members: [{ user: 'u"', member: "m", clientId: "i", info: "1.0", sinceMs: 5 }],
        ref: "p",
      }),
      '{"type":"presence","channel":"c","count":2,"members":[{"user":"u\\"","member":"m",' +
      '"clientId":"i","info":1.0,"sinceMs":5}],"more":true,"id":"p"}',
    ],
    [session.complete!('{"a":1}', {}), '{"a":1}'],
    [
      session.complete!('{"a":1}', { position: { epoch: "e", offset: 2 }, recovered: false }),
      '{"a":1,"epoch":"e","offset":2,"recovered":false}',
    ],
  ];
  for (const [text, expected] of cases) assertEquals(text, expected);
  const denied = session.deny("forbidden", { channel: "c", ref: "r" });
  assertEquals(JSON.parse(denied ?? "").code, "forbidden");
  assertEquals(JSON.parse(denied ?? "").id, "r");
});

Deno.test("credential() is found in headers, query and subprotocol", () => {
  const from = (
    { headers = {}, url = "/ws", subprotocols = [] }: {
      headers?: Record<string, string>;
      url?: string;
      subprotocols?: string[];
    },
  ) =>
    profile.credential({
      ...parseTarget(url)!,
      header: (name) => headers[name],
      subprotocols,
    });
  const token = { kind: "token", token: "k.s" } as const;
  assertEquals(from({ headers: { authorization: "Bearer k.s" } }), token);
  assertEquals(from({ headers: { "x-api-key": "k.s" } }), token);
  assertEquals(from({ url: "/ws?access_token=k.s" }), token);
  assertEquals(from({ subprotocols: ["systole", "systole.bearer.k.s"] }), token);
  assertEquals(from({ headers: { authorization: "Basic k.s" } }), { kind: "none" });
  assertEquals(from({ subprotocols: ["systole"] }), { kind: "none" });
});
