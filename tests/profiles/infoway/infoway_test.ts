import { assert, assertEquals, assertMatch } from "@std/assert";
import { REASON_NAMES } from "../../../server/close_codes.ts";
import { OPEN_GRANT } from "../../../server/auth/grant.ts";
import type { Inbound } from "../../../server/message.ts";
import { infowayProfile } from "../../../server/profiles/infoway/infoway.ts";
import type { ProtocolSession } from "../../../server/profiles/profile.ts";
import { parseTarget } from "../../../server/transport/profile_routes.ts";
import { RULES } from "../../support/fakes/world.ts";

const timing = { ...RULES, pingPeriodMs: 30_000, heartbeatTimeoutMs: 10_000 };
const profile = infowayProfile({ timing, maxMessagesPerMinute: 60 });
const unlimited = infowayProfile({ timing, maxMessagesPerMinute: 0 });

function openSession(url = "/ws?business=crypto", subject = unlimited): ProtocolSession {
  const target = parseTarget(url)!;
  return subject.open({
    clientId: "c1",
    target,
    rights: OPEN_GRANT.rights,
    wallMs: 1,
  });
}

const session = openSession();
const FRAME_TIMES = { wallMs: 5_000, nowMs: 0 };
const bytes = (text: string) => new TextEncoder().encode(text);
const textOf = (message: unknown) =>
  typeof message === "string" ? message : JSON.stringify(message);
const decode = (message: unknown, subject = session): Inbound =>
  subject.decode(bytes(textOf(message)), FRAME_TIMES);
const frame = (subject: ProtocolSession, reason: "stale" | "rate_limited") =>
  JSON.parse(subject.closeFrame?.(reason)?.text ?? "{}");

Deno.test("matches() takes /ws with business, and /news", () => {
  const matches = (url: string) => profile.matches(parseTarget(url)!);
  assertEquals(
    ["/ws?business=stock&apikey=k", "/ws?business=", "/news", "/news/", "/news?apikey=k"]
      .filter(matches).length,
    5,
  );
  assertEquals(
    ["/ws", "/ws?apikey=k", "/?business=stock", "/ws/news"]
      .filter(matches),
    [],
  );
});

Deno.test("notFound() answers a key without a market, and an unknown market", () => {
  const answer = (url: string) => profile.notFound?.(parseTarget(url)!);
  for (
    const url of [
      "/ws?apikey=k",
      "/ws?business=",
      "/ws?business=mars&apikey=k",
      "/ws?business=Stock",
      "/ws/infoway?business=mars",
    ]
  ) {
    const { status, headers, body = "" } = answer(url) ?? {};
    assertEquals([status, headers?.["Content-Type"]], [404, "application/json"], url);
    const { traceId, code, msg } = JSON.parse(body);
    assertEquals([traceId, code], ["", 404]);
    assertMatch(msg, /stock, crypto/);
  }
  for (
    const url of [
      ...["stock", "crypto", "common", "japan", "india", "korea", "taiwan"].map((name) =>
        `/ws?business=${name}&apikey=k`
      ),
      "/ws",
      "/ws?access_token=k",
      "/ws/infoway?apikey=k",
      "/news?apikey=k",
      "/?business=mars",
      "/ws/json?business=mars",
    ]
  ) {
    assertEquals(answer(url), undefined, url);
  }
});

Deno.test("open() greets, a stock client with its permission first", () => {
  const connected = '{"code":200,"msg":"ws connect success"}';
  const permission = "You have permission to subscribe to all market data";
  assertEquals(openSession("/ws?business=stock").initialFrames, [permission, connected]);
  for (const url of ["/ws?business=crypto", "/ws/infoway", "/news", "/ws?business=Stock"]) {
    assertEquals(openSession(url).initialFrames, [connected]);
  }
});

Deno.test("open() takes heartbeats alone for life, on /news control frames too", () => {
  const { rules } = openSession();
  assertEquals([rules.framesAreLife, rules.pongsAreLife, rules.pingsAreLife], [
    false,
    false,
    false,
  ]);
  assertEquals(openSession("/ws/infoway").rules, rules);
  const news = openSession("/news").rules;
  assertEquals([news.framesAreLife, news.pongsAreLife, news.pingsAreLife], [false, true, true]);
  assertEquals([rules.missedHeartbeats, news.missedHeartbeats], [0, 0]);
  assertEquals([rules.pingPeriodMs, rules.pongWaitMs, rules.silenceFrom], [30_000, 60_000, "life"]);
});

Deno.test("decode() answers a heartbeat only when it asks for it", () => {
  for (
    const heartbeat of [
      { code: 10010, trace: "t" },
      { code: 10010 },
      { code: 10010, trace: "" },
      { code: 10010, trace: {}, ack: 0 },
      { code: 10010, trace: "t", ack: true },
    ]
  ) {
    assertEquals(decode(heartbeat), { kind: "heartbeat" });
  }
  assertEquals(decode({ code: 10010, trace: "t", ack: 1 }), {
    kind: "heartbeat",
    text: '{"code":10011,"trace":"t","msg":"ok"}',
  });
});

Deno.test("decode() counts every message of the last minute, whatever it is", () => {
  const subject = openSession("/ws?business=crypto", profile);
  const at = (nowMs: number, message: unknown) =>
    subject.decode(bytes(textOf(message)), { wallMs: 0, nowMs }).kind;
  for (let each = 0; each < 20; each++) {
    assertEquals(at(each, { code: 10010 }), "heartbeat");
    assertEquals(at(each, "not JSON"), "malformed");
    assertEquals(at(each, { code: 10000, trace: "s", data: { codes: "A" } }), "subscribe");
  }
  assertEquals(at(59_999, { code: 10010, trace: "offender" }), "policyViolation");
  assertEquals(frame(subject, "rate_limited"), {
    traceId: "offender",
    code: 501,
    msg: "Request frequency exceed the limit：60 times per minute",
  });
  // 60 s: the three of the first millisecond have left the window
  assertEquals(at(60_000, { code: 10010 }), "heartbeat");
});

Deno.test("decode() with a limit of 0 counts nothing", () => {
  for (let each = 0; each < 1_000; each++) assertEquals(decode({ code: 10010 }).kind, "heartbeat");
});

Deno.test("closeFrame() names the last trace that came, but keeps no huge one", () => {
  const subject = openSession();
  assertEquals(frame(subject, "stale").traceId, "");
  decode({ code: 10010, trace: "beat" }, subject);
  assertEquals(frame(subject, "stale").traceId, "beat");
  decode({ code: 10000, trace: "sub", data: { codes: "A" } }, subject);
  decode({ code: 10010 }, subject);
  decode("not JSON", subject);
  assertEquals(frame(subject, "stale").traceId, "sub");
  decode({ code: 10010, trace: "x".repeat(60_000) }, subject);
  assertEquals(frame(subject, "stale").traceId, "");
});

Deno.test("closeFrame() names nobody when the offending message has no trace", () => {
  const subject = openSession("/news", infowayProfile({ timing, maxMessagesPerMinute: 1 }));
  decode({ code: 10010, trace: "first" }, subject);
  assertEquals(decode({ code: 10010 }, subject).kind, "policyViolation");
  assertEquals(frame(subject, "rate_limited").traceId, "");
});

Deno.test("closeFrame() is byte for byte what the system says, and closes with 1008", () => {
  const heartbeat = '{"traceId":"","code":513,"msg":"Websocket heartbeat timeout"}';
  const suspended = '{"traceId":"","code":511,"msg":"The apikey is in the blacklist"}';
  const subject = openSession();
  assertEquals(subject.closeFrame?.("stale")?.text, heartbeat);
  decode({ code: 10010, trace: "t" }, subject);
  assertEquals(subject.closeFrame?.("key_suspended")?.text, suspended);
  for (const reason of REASON_NAMES) {
    const closeFrame = subject.closeFrame?.(reason);
    if (closeFrame === undefined) continue;
    assertEquals(closeFrame.code, 1008);
    assert(bytes(closeFrame.reason).length <= 123, closeFrame.reason);
  }
  assertEquals(subject.closeFrame?.("drain"), undefined);
});

Deno.test("deny() has a number for each denial and gives the trace back", () => {
  const denied = (denial: "forbidden" | "too_many_subscriptions") =>
    JSON.parse(session.deny(denial, { ref: "t", channel: "trade/A" }) ?? "");
  assertEquals([denied("forbidden").traceId, denied("forbidden").code], ["t", 519]);
  const tooMany = denied("too_many_subscriptions");
  assertEquals([tooMany.traceId, tooMany.code], ["t", 505]);
});

Deno.test("credential() is the apikey of the query, or X-Api-Key", () => {
  const from = (url: string, headers: Record<string, string> = {}) =>
    profile.credential({
      ...parseTarget(url)!,
      header: (name) => headers[name],
      subprotocols: [],
    });
  assertEquals(from("/news?apikey=k.s"), { kind: "token", token: "k.s" });
  assertEquals(from("/news", { "x-api-key": "k.s" }), { kind: "token", token: "k.s" });
  assertEquals(from("/ws?business=stock"), { kind: "none" });
  assertEquals(from("/news?apikey="), { kind: "none" });
});

Deno.test("refuse() answers a bad key with 401, one too many connections with frame 512", () => {
  const presented = { kind: "none" } as const;
  assertEquals(profile.rejectionOf({ kind: "unauthorized", presented, detail: "d" }), {
    kind: "http",
    status: 401,
    headers: { "www-authenticate": 'apikey realm="key"' },
    body: "",
  });
  const form = profile.rejectionOf({ kind: "too_many_for_key", detail: "d" });
  assert(form.kind === "close" && form.code === 1008);
  assertEquals(form.texts.map((text) => JSON.parse(text).code), [512]);
});
