import { assert, assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import { OPEN_GRANT } from "../../../server/auth/grant.ts";
import { type Rights, rightsOf } from "../../../server/auth/rights.ts";
import type { Inbound } from "../../../server/message.ts";
import {
  eventsHubProfile,
  knownEventTypes,
} from "../../../server/profiles/events_hub/events_hub.ts";
import { parseTarget } from "../../../server/transport/profile_routes.ts";
import { patternOf } from "../../support/peers/transcript.ts";
import { RULES } from "../../support/fakes/world.ts";

/** As the system's documentation lists them. */
const EVENT_TYPES =
  "global pdfm system system_logs health orchestrator stats reverse_proxy catalog_cache job_manager auth"
    .split(" ");

const profile = eventsHubProfile({ timing: RULES, newId: () => crypto.randomUUID() });
const MINE = "338a28f7-666e-46e1-8e7d-4feba5edc061";
const OTHERS = "0c1ff8b4-9a51-4c0e-8f63-0f6d5d3c2a11";
const FRAME_TIMES = { wallMs: Date.UTC(2025, 11, 11, 13, 4, 37, 484), nowMs: 0 };
const STAMP = "2025-12-11T13:04:37.484000Z";

function open(query = "", { clientId = MINE, rights = OPEN_GRANT.rights as Rights } = {}) {
  const target = parseTarget(`/api/v1/ws/subscribe${query}`)!;
  return profile.open({ clientId, target, rights, wallMs: FRAME_TIMES.wallMs });
}

const bytes = (text: string) => new TextEncoder().encode(text);
const session = open("?event_types=health");
const decode = (text: string): Inbound => session.decode(bytes(text), FRAME_TIMES);
/** The text that a frame is answered with. */
function answerTo(text: string, kind: "reply" | "malformed"): string {
  const inbound = decode(text);
  assert("text" in inbound && inbound.text !== undefined && inbound.kind === kind, text);
  return inbound.text;
}
const errorForm = (error: string, { before = "", after = "" } = {}) =>
  patternOf(
    `{"id":"<hex64>",${before}"event_type":"global","timestamp":"${STAMP}","message":"error",` +
      `"body":{"error":"${error}"}${after}}`,
  );

Deno.test("open() names the types that are subscribed to, in the order asked", () => {
  const cases: [string, string[]][] = [
    ["", ["global"]],
    ["?event_types=", ["global"]],
    ["?event_types=,%20,nope,constructor,__proto__", ["global"]],
    ["?event_types=pdfm,health", ["pdfm", "health", "global"]],
    ["?event_types=%20STATS%09,Auth,stats", ["stats", "auth", "global"]],
    ["?event_types=global,pdfm", ["global", "pdfm"]],
    ["?event_types=pdfm&event_types=auth", ["pdfm", "global"]],
  ];
  for (const [query, subscribed] of cases) {
    const opened = open(query);
    assertEquals(opened.initialSubscriptions, subscribed, query);
    assertEquals(opened.initialFrames.length, 1);
    const expected = `{"id":"<hex64>","event_type":"global","timestamp":"${STAMP}",` +
      '"message":"WebSocket connection established subscribed to global by default",' +
      `"body":{"client_id":"${MINE}","subscriptions":${JSON.stringify(subscribed)}}}`;
    assertMatch(opened.initialFrames[0], patternOf(expected));
  }
});

Deno.test("open() leaves out what the key may not subscribe to, global included", () => {
  const query = "?event_types=pdfm,system,system_logs";
  const subscribed = (subscribe: string[]) =>
    open(query, { rights: rightsOf({ subscribe, publish: [] }) }).initialSubscriptions;
  assertEquals(subscribed(["system*"]), ["system", "system_logs"]);
  assertEquals(subscribed(["global"]), ["global"]);
  assertEquals(subscribed([]), []);
});

Deno.test("open() says that global is subscribed to only where it is", () => {
  const greeting = (subscribe: string[]) =>
    JSON.parse(open("", { rights: rightsOf({ subscribe, publish: [] }) }).initialFrames[0]).message;
  const established = "WebSocket connection established";
  assertEquals(greeting(["*"]), `${established} subscribed to global by default`);
  assertEquals(greeting(["pdfm"]), established);
});

Deno.test("decode() tells a client whose key may not subscribe to health that it gets no pong", () => {
  const { decode } = open("", { rights: rightsOf({ subscribe: ["pdfm"], publish: [] }) });
  const inbound = decode(bytes('{"event_type":"health","message":"ping","id":"p"}'), FRAME_TIMES);
  assert(inbound.kind === "reply" && inbound.text !== undefined);
  const error = "pings are not answered: this key has no right to subscribe to health";
  const parts = { before: '"ref_id":"p",', after: `,"client_id":"${MINE}"` };
  assertMatch(inbound.text, errorForm(error, parts));
});

Deno.test("open() lives by anything that arrives", () => {
  const { silenceFrom, framesAreLife, pongsAreLife, pingsAreLife } = session.rules;
  assertEquals({ silenceFrom, framesAreLife, pongsAreLife, pingsAreLife }, {
    silenceFrom: "life",
    framesAreLife: true,
    pongsAreLife: true,
    pingsAreLife: true,
  });
  assertEquals(session.rules.pongWaitMs, RULES.pongWaitMs);
});

Deno.test("knownEventTypes() knows the eleven types and no other", () => {
  assertEquals(knownEventTypes(EVENT_TYPES), EVENT_TYPES);
  assertEquals(knownEventTypes([" PDFM ", "", "nope", "pdfm"]), ["pdfm"]);
});

Deno.test("decode() answers a health ping, for who still subscribed health", () => {
  const form = (ref: string) =>
    patternOf(
      `{"id":"<hex64>","ref_id":"${ref}","event_type":"health","timestamp":"${STAMP}",` +
        `"message":"pong","client_id":"${MINE}"}`,
    );
  const ping = (id?: unknown) => JSON.stringify({ event_type: "health", message: "ping", id });
  for (const [id, ref] of [["x", "x"], ["", "<hex64>"], [undefined, "<hex64>"], [7, "<hex64>"]]) {
    const inbound = decode(ping(id));
    assert(inbound.kind === "reply");
    assertEquals(inbound.ifSubscribed, "health");
    assertMatch(inbound.text, form(String(ref)));
  }
});

Deno.test("decode() gives no two frames the same id", () => {
  const ids = Array.from({ length: 100 }, () => JSON.parse(answerTo("{}", "malformed")).id);
  assertEquals(new Set(ids).size, 100);
});

Deno.test("decode() leaves other messages of the two types that have handlers unanswered", () => {
  for (const message of ["Ping", " ping", "pong", "", undefined, null, 7, {}, ["ping"]]) {
    for (const type of ["health", "system"]) {
      const inbound = decode(JSON.stringify({ event_type: type, message, id: "x" }));
      assertEquals(inbound, { kind: "nothing" }, `${type} ${JSON.stringify(message)}`);
    }
  }
});

Deno.test("decode() tells a client its id, whatever the case and the subscriptions", () => {
  const form = (ref: string) =>
    patternOf(
      `{"id":"<hex64>","ref_id":"${ref}","event_type":"system","timestamp":"${STAMP}",` +
        `"message":"client-id","body":{"client-id":"${MINE}"},"client_id":"${MINE}"}`,
    );
  const asked = answerTo('{"event_type":"system","message":"CLIENT-id","id":"w"}', "reply");
  assertMatch(asked, form("w"));
  assertMatch(answerTo('{"event_type":"system","message":"client-id"}', "reply"), form("<hex64>"));
});

Deno.test("decode() names what is wrong with a message", () => {
  const cases: [string, string][] = [
    ["", "<text>"],
    ["ping", "<text>"],
    ["{", "<text>"],
    ["null", "invalid message type "],
    ["[]", "invalid message type "],
    ["{}", "invalid message type "],
    ['{"event_type":"","id":"no ref"}', "invalid message type "],
    ['{"event_type":7}', "invalid message type 7"],
    ['{"event_type":[[]]}', "invalid message type "],
    ['{"event_type":"nope","id":"no ref"}', "invalid message type nope"],
    ['{"event_type":"Health","message":"ping"}', "invalid message type Health"],
    ['{"event_type":"constructor"}', "invalid message type constructor"],
    ['{"event_type":"pdfm","event_type":"last wins"}', "invalid message type last wins"],
  ];
  for (const [text, error] of cases) {
    assertMatch(answerTo(text, "malformed"), errorForm(error), text);
  }
});

Deno.test("decode() has no handlers but for health and system", () => {
  for (const type of EVENT_TYPES) {
    if (type === "health" || type === "system") continue;
    const error = `no handlers registered for type ${type}`;
    const after = `,"client_id":"${MINE}"`;
    const withId = answerTo(JSON.stringify({ event_type: type, id: "r" }), "malformed");
    assertMatch(withId, errorForm(error, { before: '"ref_id":"r",', after }));
    const without = answerTo(JSON.stringify({ event_type: type, data: 1 }), "malformed");
    assertMatch(without, errorForm(error, { before: '"ref_id":"<hex64>",', after }));
  }
});

Deno.test("decode() of anything never throws and never tells another client's id", () => {
  const other = open("?event_types=health", { clientId: OTHERS });
  const known = fc.constantFrom(...EVENT_TYPES);
  const field = (...usual: string[]) =>
    fc.option(fc.oneof(fc.constantFrom(...usual), fc.string({ unit: "binary" }), fc.jsonValue()), {
      nil: undefined,
    });
  const messages = fc.record({
    event_type: fc.oneof(known, known, fc.jsonValue()),
    message: field("ping", "client-id", "Client-ID"),
    id: field("x", MINE),
    body: fc.jsonValue(),
  });
  const number = fc.constantFrom("1e999", "-1e-999", "9".repeat(400));
  const twice = fc.tuple(messages, messages).map(([first, second]) =>
    `${JSON.stringify(first).slice(0, -1)},${JSON.stringify(second).slice(1)}`
  );
  const huge = fc.tuple(messages, number).map(([message, huge]) =>
    `${JSON.stringify(message).slice(0, -1)},"id":${huge},"event_type":${huge}}`
  );
  const texts = fc.oneof(
    messages.map((message) => JSON.stringify(message)),
    fc.json(),
    twice,
    huge,
    fc.string(),
  );
  const frames = fc.oneof(texts.map(bytes), fc.uint8Array({ maxLength: 200 }));
  fc.assert(
    fc.property(frames, (frame) => {
      const inbound = session.decode(frame, FRAME_TIMES);
      other.decode(frame, FRAME_TIMES);
      assert(["reply", "malformed", "nothing"].includes(inbound.kind), inbound.kind);
      const text = "text" in inbound ? inbound.text ?? "" : "";
      assert(!text.includes(OTHERS), text);
      if (text !== "") assertEquals(JSON.parse(text).timestamp, STAMP);
    }),
    { numRuns: 10_000 },
  );
});

Deno.test("publication() is an envelope on a type and nothing elsewhere", () => {
  const frame = (channel: string, data: unknown) =>
    profile.publication({
      kind: "publication",
      channel,
      data: JSON.stringify(data),
      timestamp: FRAME_TIMES.wallMs,
    });
  const form = (channel: string, body: string) =>
    patternOf(
      `{"id":"<hex64>","event_type":"${channel}","timestamp":"${STAMP}","message":"${channel}"${body}}`,
    );
  assertMatch(frame("pdfm", { vm: "7" })!, form("pdfm", ',"body":{"vm":"7"}'));
  assertMatch(frame("global", "")!, form("global", ',"body":""'));
  assertMatch(frame("stats", 0)!, form("stats", ',"body":0'));
  assertMatch(frame("stats", null)!, form("stats", ""));
  const named = (data: unknown) => {
    const { event_type, message, body } = JSON.parse(frame("pdfm", data)!);
    return { event_type, message, body };
  };
  const vm = { vm_id: "7" };
  const [event_type, message] = ["pdfm", "VM_STATE_CHANGED"];
  assertEquals(named({ message, body: vm }), { event_type, message, body: vm });
  assertEquals(named({ message }), { event_type, message, body: undefined });
  for (const data of [{ message: 7, body: 1 }, { message, body: 1, more: 2 }, { body: 1 }, [1]]) {
    assertEquals(named(data), { event_type, message: "pdfm", body: data });
  }
  for (const channel of ["updates", "PDFM", "", "toString"]) {
    assertEquals(frame(channel, 1), undefined, channel);
  }
});

Deno.test("notify() and deny() say nothing: the system has no such frames", () => {
  assertEquals(session.notify({ kind: "ping", id: "i", timestamp: 3 }), undefined);
  assertEquals(session.notify({ kind: "reconnect", afterMs: 5, reason: "drain" }), undefined);
  assertEquals(session.deny("forbidden", { channel: "pdfm" }), undefined);
});
