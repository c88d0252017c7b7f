import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { REASON_NAMES } from "../../../server/close_codes.ts";
import { OPEN_GRANT } from "../../../server/auth/grant.ts";
import type { Inbound } from "../../../server/message.ts";
import { infowayProfile } from "../../../server/profiles/infoway/infoway.ts";
import { parseTarget } from "../../../server/transport/profile_routes.ts";
import { RULES } from "../../support/fakes/world.ts";

const profile = infowayProfile({ timing: RULES, maxMessagesPerMinute: 60 });
const unlimited = infowayProfile({ timing: RULES, maxMessagesPerMinute: 0 });
const target = parseTarget("/ws?business=crypto")!;
const handshake = {
  clientId: "c1",
  target,
  rights: OPEN_GRANT.rights,
  wallMs: 1,
};
const session = unlimited.open(handshake);
const FRAME_TIMES = { wallMs: 5_000, nowMs: 0 };
const bytes = (text: string) => new TextEncoder().encode(text);
const textOf = (message: unknown) =>
  typeof message === "string" ? message : JSON.stringify(message);
const decode = (message: unknown): Inbound => session.decode(bytes(textOf(message)), FRAME_TIMES);
const names = (count: number) => Array.from({ length: count }, (_, at) => `C${at}`).join();

Deno.test("decode() understands every subscription and acknowledges it with its trace", () => {
  const cases: [number, unknown, number, string[]][] = [
    [10000, { codes: "A,B" }, 10001, ["trade/A", "trade/B"]],
    [10003, { codes: " A , A,,unknown.US " }, 10004, ["depth/A", "depth/unknown.US"]],
    [10006, { arr: [{ type: 1, codes: "A,B" }] }, 10007, ["kline/1/A", "kline/1/B"]],
    [
      10006,
      { arr: [{ type: 12, codes: "A" }, { type: 8, codes: "A" }] },
      10007,
      ["kline/12/A", "kline/8/A"],
    ],
  ];
  for (const [code, data, ackCode, channels] of cases) {
    assertEquals(decode({ code, trace: "t", data }), {
      kind: "subscribe",
      channels,
      ack: `{"code":${ackCode},"trace":"t","msg":"ok"}`,
      ref: "t",
    });
  }
  assertEquals(decode({ code: 10020, trace: "t", data: { lang: "en" } }), {
    kind: "subscribe",
    channels: ["news/en"],
    replaces: "news/", // there is one language at a time
    ack: '{"code":10021,"trace":"t","msg":"ok"}',
    ref: "t",
  });
});

Deno.test("decode() understands every unsubscription, of some and of all", () => {
  const all = [undefined, null, {}, { codes: null }, { codes: "" }, { codes: " , " }];
  const cases: [number, unknown, string[], string[]][] = [
    ...all.map((data): [number, unknown, string[], string[]] => [11000, data, [], ["trade/"]]),
    [11000, { codes: "A,B" }, ["trade/A", "trade/B"], []],
    [11001, undefined, [], ["depth/"]],
    [11001, { codes: "A" }, ["depth/A"], []],
    [11002, undefined, [], ["kline/"]],
    [11002, { klineTypes: "1, 8" }, [], ["kline/1/", "kline/8/"]],
    [11002, { codes: "A,B", klineTypes: "1,8" }, [
      "kline/1/A",
      "kline/1/B",
      "kline/8/A",
      "kline/8/B",
    ], []],
    [
      11002,
      { codes: "A", klineTypes: "" },
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12].map((type) => `kline/${type}/A`),
      [],
    ],
    [11020, undefined, [], ["news/"]],
    [11020, { lang: "en" }, ["news/en"], []],
  ];
  for (const [code, data, channels, prefixes] of cases) {
    const ack = '{"code":11010,"trace":"t","msg":"ok"}';
    assertEquals(decode({ code, trace: "t", data }), {
      kind: "unsubscribe",
      channels,
      prefixes,
      ack,
    });
  }
});

Deno.test("decode() echoes a trace that is missing as empty, and a number as its digits", () => {
  const ackOf = (message: object) => {
    const inbound = decode({ code: 10000, data: { codes: "A" }, ...message });
    assert(inbound.kind === "subscribe" && inbound.ack !== undefined);
    return inbound.ack;
  };
  assertEquals(ackOf({}), '{"code":10001,"trace":"","msg":"ok"}');
  assertEquals(ackOf({ trace: 17 }), '{"code":10001,"trace":"17","msg":"ok"}');
  assertEquals(ackOf({ trace: ["x"] }), '{"code":10001,"trace":"","msg":"ok"}');
});

Deno.test("decode() says what is wrong with a message, in the system's numbers", () => {
  const codes = "A".repeat(129);
  const cases: [unknown, number, string][] = [
    ["{", 515, ""],
    ["", 515, ""],
    ["null", 515, ""],
    ["[10000]", 515, ""],
    ["heartbeat", 515, ""],
    [{}, 507, "Param lost：code"],
    [{ code: 10001 }, 506, "Param error：The code is out of range"],
    [{ code: "10000", data: { codes: "A" } }, 506, "Param error：The code is out of range"],
    [{ code: 1e300 }, 506, "Param error：The code is out of range"],
    [{ code: 10000 }, 507, "Param lost：data"],
    [{ code: 10003, data: null }, 507, "Param lost：data"],
    [{ code: 10000, data: "A" }, 506, "Param error：data"],
    [{ code: 11000, data: ["A"] }, 506, "Param error：data"],
    [{ code: 10000, data: {} }, 507, "Param lost：codes"],
    [{ code: 10000, data: { codes: "," } }, 507, "Param lost：codes"],
    [{ code: 10000, data: { codes: ["A"] } }, 506, "Param error：codes"],
    [{ code: 10000, data: { codes } }, 506, "Param error：codes"],
    [{ code: 11001, data: { codes: 7 } }, 506, "Param error：codes"],
    [{ code: 10006, data: {} }, 507, "Param lost：arr"],
    [{ code: 10006, data: { arr: [] } }, 507, "Param lost：arr"],
    [{ code: 10006, data: { arr: {} } }, 506, "Param error：arr"],
    [{ code: 10006, data: { arr: [null] } }, 506, "Param error：arr"],
    [{ code: 10006, data: { arr: [{ codes: "A" }] } }, 507, "Param lost：type"],
    [{ code: 10006, data: { arr: [{ type: 1 }] } }, 507, "Param lost：codes"],
    [{ code: 11002, data: { codes: "A", klineTypes: "13" } }, 506, "klineTypes"],
    [{ code: 11002, data: { klineTypes: 1 } }, 506, "Param error：klineTypes"],
    [{ code: 10020, data: {} }, 507, "Param lost：lang"],
    ...[0, 13, 1.5, -1, 1e9].map((type): [unknown, number, string] => [
      { code: 10006, data: { arr: [{ type, codes: "A" }] } },
      506,
      "Param error：The type is out of range",
    ]),
  ];
  for (const [message, code, msg] of cases) {
    const traced = typeof message === "string" ? message : { ...message as object, trace: "t" };
    const inbound = decode(traced);
    assert(inbound.kind === "malformed" && inbound.text !== undefined, textOf(message));
    const error = JSON.parse(inbound.text);
    assertEquals(Object.keys(error), ["traceId", "code", "msg"]);
    assertEquals([error.traceId, error.code], [code === 515 ? "" : "t", code], textOf(message));
    assert(error.msg.includes(msg), `${error.msg} does not say ${msg}`);
  }
});

Deno.test("decode() takes 600 codes a subscription and refuses 601", () => {
  const errorCode = (message: object) => {
    const inbound = decode(message);
    return inbound.kind === "malformed" ? JSON.parse(inbound.text ?? "").code : inbound.kind;
  };
  const klines = (last: number) => [
    { type: 1, codes: names(300) },
    { type: 2, codes: names(300) },
    { type: 3, codes: names(last) },
  ];
  assertEquals(errorCode({ code: 10000, data: { codes: names(600) } }), "subscribe");
  assertEquals(errorCode({ code: 10000, data: { codes: names(601) } }), 505);
  assertEquals(errorCode({ code: 10006, data: { arr: klines(0).slice(0, 2) } }), "subscribe");
  assertEquals(errorCode({ code: 10006, data: { arr: klines(1) } }), 505);
  assertEquals(errorCode({ code: 11002, data: { codes: names(601) } }), 505);
});

Deno.test("publication() is the push of the channel's feed, undefined elsewhere", () => {
  const push = (channel: string) =>
    profile.publication({ kind: "publication", channel, data: '{"p":"1"}', timestamp: 3 });
  assertEquals(push("trade/BTCUSDT"), '{"code":10002,"data":{"p":"1"}}');
  assertEquals(push("depth/0700.HK"), '{"code":10005,"data":{"p":"1"}}');
  assertEquals(push("kline/1/A/B"), '{"code":10008,"data":{"p":"1"}}');
  assertEquals(push("kline/12/A"), '{"code":10008,"data":{"p":"1"}}');
  assertEquals(push("news/zh-Hans"), '{"code":10022,"data":{"p":"1"}}');
  for (
    const channel of ["updates", "trade", "trade/", "kline/A", "kline/13/A", "kline/1/", "Trade/A"]
  ) {
    assertEquals(push(channel), undefined, channel);
  }
});

Deno.test("decode() of arbitrary bytes and arbitrary JSON never throws", () => {
  const codes = [10000, 10003, 10006, 10010, 10020, 11000, 11001, 11002, 11020];
  const part = fc.record({ type: fc.oneof(fc.integer(), fc.jsonValue()), codes: fc.jsonValue() });
  const data = fc.record({
    codes: fc.oneof(fc.string(), fc.jsonValue()),
    lang: fc.jsonValue(),
    klineTypes: fc.oneof(fc.constantFrom("1,8", "13", ",,"), fc.jsonValue()),
    arr: fc.oneof(fc.array(part), fc.jsonValue()),
  }, { requiredKeys: [] });
  const message = fc.record({
    code: fc.oneof(fc.constantFrom(...codes), fc.double(), fc.jsonValue()),
    trace: fc.jsonValue(),
    data: fc.oneof(data, fc.jsonValue()),
    ack: fc.jsonValue(),
  }, { requiredKeys: [] }).map((value) => JSON.stringify(value));
  const twice = fc.tuple(fc.constantFrom(...codes), fc.jsonValue(), fc.jsonValue()).map(
    ([code, one, other]) =>
      `{"code":1e999,"code":${code},"data":${JSON.stringify(one)},"data":${
        JSON.stringify(other)
      },` +
      `"__proto__":{"codes":"A"}}`,
  );
  const text = fc.oneof(fc.json(), message, message, twice).map(bytes);
  const arbitrary = fc.oneof(fc.uint8Array({ maxLength: 200 }), text, text, text);
  const subject = profile.open(handshake); // beyond its limit nearly all the time
  fc.assert(
    fc.property(arbitrary, (frame) => {
      const { kind } = session.decode(frame, FRAME_TIMES);
      assert(kind !== "publish" && kind !== "relay" && kind !== "policyViolation");
      subject.decode(frame, FRAME_TIMES);
      for (const reason of REASON_NAMES) subject.closeFrame?.(reason);
    }),
    { numRuns: 10_000 },
  );
});
