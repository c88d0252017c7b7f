import { assert, assertEquals } from "@std/assert";
import { OPEN_GRANT } from "../../../server/auth/grant.ts";
import { infowayProfile } from "../../../server/profiles/infoway/infoway.ts";
import { RULES, withWorld } from "../../support/fakes/world.ts";

const timing = { ...RULES, pingPeriodMs: 30_000, heartbeatTimeoutMs: 10_000 };
const profile = infowayProfile({ timing, maxMessagesPerMinute: 60 });
const ack = (code: number, trace: string) => JSON.stringify({ code, trace, msg: "ok" });
const CONNECTED = '{"code":200,"msg":"ws connect success"}';

Deno.test("A client without heartbeats gets 513 after 60 s, though it subscribes and pongs", () =>
  withWorld({}, async (world) => {
    const { clock } = world;
    const { socket } = world.connect({ profile, url: "/ws?business=crypto" });
    await clock.pass(10_000);
    socket.say({ code: 10010, trace: "beat" }); // 10 s: the only sign of life
    for (let each = 1; each <= 5; each++) {
      await clock.pass(10_000);
      socket.say({ code: 10000, trace: `s${each}`, data: { codes: "A" } });
      socket.peerPing();
      socket.answer();
    }
    assert(socket.pings.length > 0); // at 30 s and 60 s: for the round trip
    await clock.pass(9_950);
    assertEquals(socket.closedWith, undefined); // 69.95 s
    await clock.pass(100); // 70 s: 60 s since the heartbeat
    assertEquals(
      socket.texts.at(-1),
      JSON.stringify({
        traceId: "s5",
        code: 513,
        msg: "Websocket heartbeat timeout",
      }),
    );
    assertEquals(socket.closedWith, {
      how: "abort",
      code: 1008,
      text: "Websocket heartbeat timeout",
    });
    assertEquals(world.metrics.of("infoway").closed.stale, 1);
  }));

Deno.test("Heartbeats alone keep a client, unanswered", () =>
  withWorld({}, async (world) => {
    const { socket } = world.connect({ profile, url: "/ws/infoway" });
    for (let each = 0; each < 10; each++) {
      await world.clock.pass(30_000);
      socket.say({ code: 10010, trace: "t" });
    }
    await world.clock.pass(30_000);
    assertEquals(socket.closedWith, undefined);
    assertEquals(socket.texts, [CONNECTED]);
  }));

Deno.test("On /news control pongs keep a client, and so do its own pings, but not subscribes", () =>
  withWorld({}, async (world) => {
    const { clock } = world;
    const [ponging, pinging, asking] = [1, 2, 3].map(() =>
      world.connect({ profile, url: "/news" }).socket
    );
    for (let each = 0; each < 20; each++) {
      await clock.pass(10_000);
      ponging.answer();
      pinging.peerPing();
      asking.say({ code: 10020, trace: "n", data: { lang: "en" } });
    }
    assertEquals([ponging.closedWith, pinging.closedWith], [undefined, undefined]);
    assertEquals(asking.closedWith?.code, 1008);
    assertEquals(JSON.parse(asking.texts.at(-1)!).code, 513);
  }));

Deno.test("The 61st message within a minute gets frame 501 and the close", () =>
  withWorld({}, async (world) => {
    const { clock } = world;
    const { socket } = world.connect({ profile, url: "/ws?business=crypto" });
    const other = world.connect({ profile, url: "/ws?business=crypto" }).socket;
    for (let each = 1; each <= 60; each++) {
      socket.say({ code: 10010, trace: `t${each}`, ack: 1 });
      socket.peerPing(); // control frames do not count
      await clock.pass(900);
    }
    assertEquals(socket.texts.at(-1), ack(10011, "t60")); // 54 s
    assertEquals(socket.closedWith, undefined);
    socket.say({ code: 10010, trace: "t61", ack: 1 });
    await clock.turnOver();
    const msg = "Request frequency exceed the limit：60 times per minute";
    assertEquals(socket.texts.at(-1), JSON.stringify({ traceId: "t61", code: 501, msg }));
    assertEquals(socket.closedWith, { how: "abort", code: 1008, text: msg });
    assertEquals(world.metrics.of("infoway").closed.rate_limited, 1);
    assertEquals(other.closedWith, undefined);
  }));

Deno.test("A client spread over more than a minute may say more than 60", () =>
  withWorld({}, async (world) => {
    const { socket } = world.connect({ profile, url: "/ws?business=crypto" });
    for (let each = 0; each < 120; each++) {
      socket.say({ code: 10010 });
      await world.clock.pass(1_000); // never more than 60 in any minute
    }
    assertEquals(socket.closedWith, undefined);
  }));

Deno.test("A suspended key's client reads 511 before its close", () =>
  withWorld({}, async (world) => {
    const { client, socket } = world.connect({ profile, url: "/news" });
    client.close("key_suspended");
    await world.clock.turnOver();
    assertEquals(JSON.parse(socket.texts.at(-1)!).code, 511);
    assertEquals(socket.closedWith, {
      how: "close",
      code: 1008,
      text: "The apikey is in the blacklist",
    });
  }));

Deno.test("A subscriber gets pushes of its subscriptions until it unsubscribes", () =>
  withWorld({}, async (world) => {
    const { clock } = world;
    const { socket } = world.connect({ profile, url: "/ws?business=crypto" });
    const json = world.connect();
    const publish = async (channel: string, data: unknown) => {
      json.socket.say({ type: "publish", channel, data });
      await clock.pass(50);
    };
    socket.say({ code: 10000, trace: "a", data: { codes: "A,B" } });
    socket.say({ code: 10006, trace: "k", data: { arr: [{ type: 1, codes: "A" }] } });
    await publish("trade/A", { p: 1 });
    await publish("trade/C", 1);
    await publish("kline/1/A", [2]);
    await publish("kline/2/A", 2);
    socket.say({ code: 11000, trace: "u" });
    await publish("trade/A", { p: 2 });
    await publish("kline/1/A", null);
    assertEquals(socket.texts, [
      CONNECTED,
      ack(10001, "a"),
      ack(10007, "k"),
      '{"code":10002,"data":{"p":1}}',
      '{"code":10008,"data":[2]}',
      ack(11010, "u"),
      '{"code":10008,"data":null}',
    ]);
  }));

Deno.test("A second subscription to news replaces the language", () =>
  withWorld({}, async (world) => {
    const { socket } = world.connect({ profile, url: "/news" });
    for (const lang of ["en", "de"]) {
      socket.say({ code: 10020, trace: lang, data: { lang } });
      await world.clock.turnOver();
    }
    for (const lang of ["en", "de"]) await world.hub.publish(`news/${lang}`, `"${lang}"`);
    await world.clock.turnOver();
    const pushed = '{"code":10022,"data":"de"}';
    assertEquals(socket.texts, [CONNECTED, ack(10021, "en"), ack(10021, "de"), pushed]);
  }));

Deno.test("A language that is denied replaces nothing, and is not what the next one replaces", () =>
  withWorld({}, async (world) => {
    const rights = {
      ...OPEN_GRANT.rights,
      maySubscribe: (channel: string) => channel !== "news/fr",
    };
    const { socket } = world.connect({ profile, url: "/news", grant: { rights } });
    const pushesAfter = async (lang: string) => {
      socket.say({ code: 10020, trace: lang, data: { lang } });
      await world.clock.turnOver();
      const before = socket.texts.length;
      for (const each of ["en", "fr", "de"]) await world.hub.publish(`news/${each}`, `"${each}"`);
      await world.clock.turnOver();
      return socket.texts.slice(before).map((text) => JSON.parse(text).data);
    };
    assertEquals(await pushesAfter("en"), ["en"]);
    assertEquals(await pushesAfter("fr"), ["en"]);
    assertEquals(await pushesAfter("de"), ["de"]);
  }));

Deno.test("A subscription without the right is answered with 519, one too many with 505", () =>
  withWorld({ maxSubscriptions: 2 }, async (world) => {
    const rights = {
      ...OPEN_GRANT.rights,
      maySubscribe: (channel: string) => channel !== "trade/SECRET",
    };
    const { socket } = world.connect({ profile, url: "/news", grant: { rights } });
    socket.say({ code: 10000, trace: "f", data: { codes: "A,SECRET" } });
    socket.say({ code: 10000, trace: "m", data: { codes: "A,B,C" } });
    await world.clock.turnOver();
    const told = socket.texts.slice(1).map((text) => JSON.parse(text));
    assertEquals(told.map(({ traceId, code }) => [traceId, code]), [["f", 519], ["m", 505]]);
  }));
