/** The SDK's side of each wire format against the hub's side of it. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { eventsHubProfile, knownEventTypes } from "../../server/profiles/events_hub/events_hub.ts";
import { infowayProfile } from "../../server/profiles/infoway/infoway.ts";
import { jsonProfile } from "../../server/profiles/json/json.ts";
import type { Profile, ProtocolSession } from "../../server/profiles/profile.ts";
import { taloProfile } from "../../server/profiles/talo/talo.ts";
import { tankProfile } from "../../server/profiles/tank/tank.ts";
import type { Inbound } from "../../server/message.ts";
import { parseTarget } from "../../server/transport/profile_routes.ts";
import { platform } from "../../server/sdk/platform.ts";
import { HEARTBEAT_ID_PREFIX } from "../../server/sdk/profile.ts";
import { SDK_PROFILES } from "../../server/sdk/profiles.ts";
import type { ProfileName } from "../../server/sdk/options.ts";
import { OPEN_GRANT } from "../../server/auth/grant.ts";
import { RULES } from "../support/fakes/world.ts";

const timing = RULES;
const PROFILES: Record<ProfileName, Profile> = {
  json: jsonProfile({ timing, echo: false }),
  "events-hub": eventsHubProfile({ timing, newId: () => crypto.randomUUID() }),
  infoway: infowayProfile({ timing, maxMessagesPerMinute: 0 }),
  tank: tankProfile({ timing }),
  talo: taloProfile({
    timing,
    messagesPerMinute: 0,
    messagesPerMinuteIdentified: 0,
    isKey: () => true,
  }),
};
const NAMES = Object.keys(SDK_PROFILES) as ProfileName[];
const ID = `${HEARTBEAT_ID_PREFIX}7`;

function open(name: ProfileName, path = "/"): ProtocolSession {
  const target = parseTarget(path)!;
  const { rights } = OPEN_GRANT;
  return PROFILES[name].open({ clientId: "c", target, rights, wallMs: 0 });
}

function decode(name: ProfileName, frame: string): Inbound {
  return open(name).decode(new TextEncoder().encode(frame), {
    nowMs: 0,
    wallMs: 1_700_000_000_123,
  });
}

/** The hub's answer to a frame, if there is one. */
const answerOf = (inbound: Inbound) => "text" in inbound ? inbound.text : undefined;

Deno.test("Every profile's heartbeat is answered by the hub, and the answer is recognised by its id", () => {
  const answers = { json: ID, "events-hub": ID, infoway: ID, talo: undefined };
  for (const [name, id] of Object.entries(answers) as [ProfileName, string | undefined][]) {
    const { heartbeat, decode: decodeFrame } = SDK_PROFILES[name];
    const answer = answerOf(decode(name, heartbeat(ID)));
    assert(answer !== undefined, `${name}: no answer`);
    const frame = decodeFrame(answer);
    assertEquals(frame, id === undefined ? { kind: "heartbeat" } : { kind: "heartbeat", id }, name);
  }
});

Deno.test("The hub decodes infoway's and talo's heartbeats as such", () => {
  for (const name of ["infoway", "talo"] as const) {
    assertEquals(decode(name, SDK_PROFILES[name].heartbeat(ID)).kind, "heartbeat", name);
  }
});

Deno.test("tank: the hub sends its own heartbeats; ours is no message for others", () => {
  const { heartbeat, decode: decodeFrame, intervalMs } = SDK_PROFILES.tank;
  assertEquals(decode("tank", heartbeat(ID)), { kind: "nothing" });
  const { textHeartbeat: hubs } = open("tank");
  assertEquals(decodeFrame(hubs!.text), { kind: "heartbeat" });
  assertEquals(intervalMs, 5_000);
});

Deno.test("json: the hub's ping is answered in its format, its advice is decoded", () => {
  const { decode: decodeFrame } = SDK_PROFILES.json;
  const { notify } = open("json");
  const frame = decodeFrame(notify({ kind: "ping", id: "s9", timestamp: 12 })!);
  assert(frame?.kind === "ping");
  assertEquals(decode("json", frame.answer), { kind: "app_pong", id: "s9", timestamp: 12 });
  const advice = notify({ kind: "reconnect", afterMs: 1_234, reason: "drain" })!;
  assertEquals(decodeFrame(advice), { kind: "advice", afterMs: 1_234, reason: "drain" });
});

Deno.test("json: the hub decodes subscribe, unsubscribe and publish", () => {
  const { subscribe, unsubscribe, publish } = SDK_PROFILES.json;
  for (
    const [frame, kind] of [[subscribe!(["a/b"])[0], "subscribe"], [
      unsubscribe!(["a/b"])[0],
      "unsubscribe",
    ]]
  ) {
    const inbound = decode("json", frame);
    assert(inbound.kind === kind && "channels" in inbound);
    assertEquals(inbound.channels, ["a/b"]);
  }
  const once = { id: "hb-1", session: "0123456789abcdef" };
  assertEquals(decode("json", publish!("a/b", { deep: [1, null] }, once)), {
    kind: "publish",
    channel: "a/b",
    data: '{"deep":[1,null]}',
    ack: '{"type":"published","channel":"a/b","id":"hb-1"}',
    ref: "hb-1",
    once,
  });
});

Deno.test("json: the session of a publication is one that the hub takes", () => {
  for (const byte of [0, 255]) {
    const original = crypto.getRandomValues;
    crypto.getRandomValues = (array: unknown) => (array as Uint8Array).fill(byte) as never;
    try {
      const once = { id: "hb-1", session: platform.randomText() };
      const frame = SDK_PROFILES.json.publish!("a", 1, once);
      const inbound = decode("json", frame);
      assert(inbound.kind === "publish", JSON.stringify(inbound));
      assertEquals(inbound.once, once);
    } finally {
      crypto.getRandomValues = original;
    }
  }
});

Deno.test("json: the hub's answers to the SDK's requests are decoded, and those to others are not", () => {
  const decodeFrame = (frame: object) => SDK_PROFILES.json.decode(JSON.stringify(frame));
  const [id, epoch] = ["hb-7", "e"];
  const published = { type: "published", channel: "a", id, epoch, offset: 3, duplicate: true };
  const answer = { kind: "answer" as const, id, error: undefined };
  assertEquals(decodeFrame(published), { ...answer, result: { epoch, offset: 3 } });
  const off = { type: "published", channel: "a", id };
  assertEquals(decodeFrame(off), { ...answer, result: undefined }, "a channel without history");
  const history = { type: "history", channel: "a", messages: ["x".repeat(2_000)], more: false, id };
  assertEquals(decodeFrame(history), { ...answer, result: history });
  const error = decodeFrame({ type: "error", code: "forbidden", message: "no right", id });
  assert(error?.kind === "answer" && error.error instanceof Error);
  assertEquals([error.error.code, error.error.message], ["forbidden", "no right"]);
  for (const code of ["busy", "unavailable"]) {
    const refusal = decodeFrame({ type: "error", code, message: "", id, afterMs: 9 });
    assertEquals(refusal, { kind: "busy", id, afterMs: 9 });
  }
  for (const id of ["7", "hb7", 7, null, undefined]) {
    assertEquals(decodeFrame({ ...published, id }), undefined, "the user's own");
    assertEquals(decodeFrame({ type: "error", code: "forbidden", id }), undefined);
  }
});

Deno.test("tank: the hub decodes subscriptions", () => {
  const { subscribe, unsubscribe } = SDK_PROFILES.tank;
  assertEquals(subscribe!(["a", "b"]).map((frame) => decode("tank", frame)), [
    { kind: "subscribe", channels: ["a"] },
    { kind: "subscribe", channels: ["b"] },
  ]);
  assertEquals(decode("tank", unsubscribe!(["a"])[0]), { kind: "unsubscribe", channels: ["a"] });
});

Deno.test("talo: a publication is a message of its channel", () => {
  const session = open("talo");
  const decodeNext = (frame: string) =>
    session.decode(new TextEncoder().encode(frame), { nowMs: 0, wallMs: 0 });
  const player = { playerAliasId: 3, socketToken: "any" };
  decodeNext(JSON.stringify({ req: "v1.players.identify", data: player }));
  const { publish } = SDK_PROFILES.talo;
  for (const [data, text] of [["hi", '"hi"'], [{ x: 1 }, '"{\\"x\\":1}"']]) {
    const inbound = decodeNext(publish!("channels/7", data, {}));
    assert(inbound.kind === "publish", JSON.stringify(inbound));
    assertEquals([inbound.channel, inbound.data], ["channels/7", text]);
  }
});

Deno.test("events-hub: subscribes to health, since the hub answers only its subscribers", () => {
  const prepared = (query: string) => {
    const url = new URL(`ws://hub.test/api/v1/ws/subscribe${query}`);
    SDK_PROFILES["events-hub"].prepare!(url);
    return url.searchParams.get("event_types");
  };
  assertEquals(prepared(""), "health");
  assertEquals(prepared("?event_types=pdfm,auth"), "pdfm,auth,health");
  assertEquals(prepared("?event_types=pdfm, Health"), "pdfm, Health");
  assertEquals(prepared("?event_types="), "health");
  assertEquals(knownEventTypes(["health"]), ["health"]);
});

Deno.test("infoway: subscribes and unsubscribes many channels in as few frames as the format allows", () => {
  const { subscribe, unsubscribe } = SDK_PROFILES.infoway;
  const channels = [
    "trade/A",
    "depth/A",
    "kline/1/A",
    "trade/B",
    "kline/1/B",
    "kline/5/A",
    "news/en",
  ];
  for (
    const [frames, kind] of [[subscribe!(channels), "subscribe"], [
      unsubscribe!(channels),
      "unsubscribe",
    ]] as const
  ) {
    assertEquals(frames.length, 5, "trade, depth, kline 1, kline 5, news");
    const decoded = frames.flatMap((frame) => {
      const inbound = decode("infoway", frame);
      assert(inbound.kind === kind, JSON.stringify(inbound));
      return inbound.channels;
    });
    assertEquals(decoded.toSorted(), channels.toSorted());
  }
});

Deno.test("infoway: no frame has more names than the limit", () => {
  const channels = Array.from({ length: 1_500 }, (_, index) => `trade/${index}`);
  const frames = SDK_PROFILES.infoway.subscribe!(channels);
  assertEquals(frames.length, 3);
  const decoded = frames.flatMap((frame) => {
    const inbound = decode("infoway", frame);
    return inbound.kind === "subscribe" ? inbound.channels : [];
  });
  assertEquals(decoded, channels);
});

Deno.test("No profile throws on arbitrary text, or decodes it as a heartbeat", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), fc.constantFrom(...NAMES), (text, name) => {
      assertEquals(SDK_PROFILES[name].decode(text), undefined);
    }),
  );
});

Deno.test("No profile but json parses a long message", () => {
  const padding = "x".repeat(1_024);
  const health = { event_type: "health", message: "pong", ref_id: ID };
  const { decode: decodeHealth } = SDK_PROFILES["events-hub"];
  assertEquals(decodeHealth(JSON.stringify(health)), { kind: "heartbeat", id: ID });
  assertEquals(decodeHealth(JSON.stringify({ ...health, padding })), undefined);
  const answer = { code: 10011, trace: ID };
  assertEquals(SDK_PROFILES.infoway.decode(JSON.stringify({ ...answer, padding })), undefined);
});

Deno.test("json: a frame about a channel is decoded at any length", () => {
  const { decode: decodeFrame, request } = SDK_PROFILES.json;
  const data = "x".repeat(2_000);
  const message = { type: "message" as const, channel: "a", data, timestamp: 1, offset: 7 };
  assertEquals(decodeFrame(JSON.stringify(message)), { ...message, kind: "channel" });
  assertEquals(
    request!("subscribe", "a", { since: { epoch: "e", offset: 3 }, last: undefined }),
    '{"type":"subscribe","channel":"a","since":{"epoch":"e","offset":3}}',
  );
});
