import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Inbound } from "../../server/message.ts";
import { jsonProfile } from "../../server/profiles/json.ts";
import { RULES } from "../support/world.ts";

const profile = jsonProfile({ rules: RULES, echo: false });
const echoing = jsonProfile({ rules: RULES, echo: true });
const bytes = (text: string) => new TextEncoder().encode(text);
const decode = (text: string): Inbound => profile.decode(bytes(text), 5_000);

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
    channel: "updates",
  });
  assertEquals(decode('{"type":"unsubscribe","channel":"__proto__"}'), {
    kind: "unsubscribe",
    channel: "__proto__",
  });
  assertEquals(decode('{"type":"publish","channel":"c","data":null,"id":"p"}'), {
    kind: "publish",
    channel: "c",
    data: null,
    ref: "p",
  });
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
    ['{"type":"subscribe","channel":{}}', "bad_channel", "got an object"],
    [`{"type":"publish","channel":"${"c".repeat(257)}"}`, "bad_channel", "got 257 characters"],
    ['{"type":"publish","channel":"c"}', "bad_message", "needs data"],
    ['{"type":"publish","channel":"c","data":1,"id":2}', "bad_message", "is a string"],
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
      for (const subject of [profile, echoing]) {
        assertEquals(subject.decode(bytes(text), 1).kind, "malformed", `${type} ${levels}`);
      }
    }
  }
  const brackets = JSON.stringify("[".repeat(5_000) + '\\"{'.repeat(5_000));
  assertEquals(decode(`{"type":"ping","timestamp":${brackets}}`).kind, "reply");
  assertEquals(decode(`{"type":"publish","channel":"c","data":${deep(490)}}`).kind, "publish");
});

Deno.test("decode() gives the id of a bad message back", () => {
  assertEquals(errorOf('{"type":"nope","id":"q1"}').id, "q1");
});

Deno.test("decode() treats binary that is not UTF-8 as bad JSON", () => {
  const inbound = profile.decode(new Uint8Array([0xff, 0xfe, 0x00]), 1);
  assertEquals(inbound.kind, "malformed");
});

Deno.test("decode() echoes talo's heartbeat verbatim", () => {
  assertEquals(decode("v1.heartbeat"), { kind: "reply", text: "v1.heartbeat" });
});

Deno.test("decode() echoes other JSON in echo mode, and nothing that has a meaning", () => {
  for (const text of ['{"type":"nope","x":1}', "null", "[1]", '"hi"', '{"a":{"b":2}}']) {
    const expected = JSON.stringify({ type: "echo", data: JSON.parse(text), timestamp: 9 });
    assertEquals(echoing.decode(bytes(text), 9), { kind: "reply", text: expected });
  }
  assertEquals(echoing.decode(bytes('{"type":"subscribe","channel":"c"}'), 9).kind, "subscribe");
  assertEquals(echoing.decode(bytes("{"), 9).kind, "malformed");
});

Deno.test("decode() of arbitrary bytes and arbitrary JSON never throws", () => {
  const known = fc.constantFrom("ping", "pong", "subscribe", "unsubscribe", "publish", "other");
  const messages = fc.record({
    type: fc.oneof(known, fc.jsonValue()),
    channel: fc.option(fc.oneof(fc.string(), fc.jsonValue()), { nil: undefined }),
    data: fc.jsonValue(),
    id: fc.option(fc.jsonValue(), { nil: undefined }),
  });
  for (const subject of [profile, echoing]) {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (frame) => void subject.decode(frame, 0)),
      { numRuns: 2_500 },
    );
    fc.assert(
      fc.property(
        fc.oneof(fc.jsonValue(), messages),
        (value) => void subject.decode(bytes(JSON.stringify(value)), 0),
      ),
      { numRuns: 2_500 },
    );
  }
});

Deno.test("encode() writes every frame as the protocol has it", () => {
  const cases: [Parameters<typeof profile.encode>[0], string][] = [
    [
      { kind: "welcome", clientId: "c1" },
      '{"type":"welcome","clientId":"c1","pingPeriodMs":54000,"pongWaitMs":60000}',
    ],
    [{ kind: "ping", id: "i", timestamp: 3 }, '{"type":"ping","id":"i","timestamp":3}'],
    [
      { kind: "publication", channel: "c", data: { a: 1 }, timestamp: 3 },
      '{"type":"message","channel":"c","data":{"a":1},"timestamp":3}',
    ],
    [{ kind: "subscribed", channel: "c" }, '{"type":"subscribed","channel":"c"}'],
    [{ kind: "unsubscribed", channel: "c" }, '{"type":"unsubscribed","channel":"c"}'],
    [
      { kind: "published", channel: "c", ref: "p" },
      '{"type":"published","channel":"c","id":"p"}',
    ],
    [
      { kind: "refused", code: "too_many_subscriptions", message: "m" },
      '{"type":"error","code":"too_many_subscriptions","message":"m"}',
    ],
    [
      { kind: "reconnect", afterMs: 5, reason: "drain" },
      '{"type":"reconnect","afterMs":5,"reason":"drain"}',
    ],
  ];
  for (const [outbound, text] of cases) assertEquals(profile.encode(outbound), text);
});
