/**
 * What a key may do, and what not: channels in every system, and the routes of the HTTP API.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import { signedToken, testKey } from "../support/server/credentials.ts";
import { bearer, GuardedServer, type Guest } from "../support/server/guarded_server.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import type { HttpAnswer } from "../support/peers/plain_http.ts";
import { patternOf } from "../support/peers/transcript.ts";
import { until } from "../support/until.ts";
import { aliasForm } from "../support/peers/talo_forms.ts";

const JWT_SECRET = `signs tokens here ${crypto.randomUUID()}`;
const FULL = testKey("full");
const CHANNELS = ["news/*", "health", "trade/A", "channels/1", "players/1"];
const TERMS = { subscribe: CHANNELS, publish: ["news/*", "channels/1", "channels/3"] };
const NARROW = testKey("narrow", TERMS);

function start(): Promise<GuardedServer> {
  return GuardedServer.start({ keys: [FULL, NARROW], jwtSecret: JWT_SECRET });
}

function publish(server: GuardedServer, channel: string, data: unknown): Promise<HttpAnswer> {
  const headers = bearer(FULL.credential);
  return server.post("/api/v1/publish", { headers, body: { channel, data } });
}

/** Waits until a channel has so many subscribers. */
async function subscribedTo(server: GuardedServer, channel: string, count: number): Promise<void> {
  await until(`${count} subscribers of ${channel}`, async () => {
    const { channels } = JSON.parse((await server.asOperator("/api/v1/channels")).body);
    const found = channels.find((it: { channel: string }) => it.channel === channel);
    return (found?.subscribers ?? 0) === count;
  });
}

async function nextIs(guest: Guest, form: string): Promise<void> {
  assertMatch(await guest.next(), patternOf(form));
}

/** A key and a token with the same rights. */
async function narrowCredentials(server: GuardedServer): Promise<string[]> {
  const token = await signedToken(JWT_SECRET, { systole: TERMS });
  return [NARROW.credential, server.secret(token)];
}

integrationTest("json: a channel without the right is forbidden, both ways", async () => {
  await using server = await start();
  for (const credential of await narrowCredentials(server)) {
    using guest = await server.enter({ path: "/ws", headers: bearer(credential) });
    await guest.next();
    await guest.say({ type: "subscribe", channel: "news/a" });
    await nextIs(
      guest,
      '{"type":"subscribed","channel":"news/a","epoch":"<epoch>","offset":<number>}',
    );
    const forbidden = (channel: string, id: string) =>
      `{"type":"error","code":"forbidden","message":"this key has no right for that on ` +
      `\\"${channel}\\"","id":"${id}"}`;
    for (const channel of ["secret", "news", "NEWS/a"]) {
      await guest.say({ type: "subscribe", channel, id: "s" });
      await nextIs(guest, forbidden(channel, "s"));
      await guest.say({ type: "publish", channel, data: 1, id: "p" });
      await nextIs(guest, forbidden(channel, "p"));
    }
    await guest.say({ type: "subscribe", channel: "channels/3", id: "publish only" });
    await nextIs(guest, forbidden("channels/3", "publish only"));
    assertMatch(
      (await publish(server, "secret", 1)).body,
      /^\{"channel":"secret","subscribers":0,/,
    );
    await publish(server, "news/a", 2);
    await nextIs(
      guest,
      '{"type":"message","channel":"news/a","data":2,"timestamp":<ms>,"offset":<number>}',
    );
  }
});

integrationTest("events-hub: a type without the right is left out of subscriptions", async () => {
  await using server = await start();
  const path = "/api/v1/ws/subscribe?event_types=pdfm,health,stats";
  for (const credential of await narrowCredentials(server)) {
    using guest = await server.enter({ path, headers: bearer(credential) });
    assertEquals((await guest.nextJson()).body.subscriptions, ["health"]);
    for (const type of ["pdfm", "global", "stats", "health"]) await publish(server, type, 1);
    assertEquals((await guest.nextJson()).event_type, "health");
  }
});

integrationTest("infoway: a subscription without the right is answered with 519", async () => {
  await using server = await start();
  for (const credential of await narrowCredentials(server)) {
    using guest = await server.enter({ path: `/ws?business=crypto&apikey=${credential}` });
    await guest.next();
    await guest.say({ code: 10000, trace: "t1", data: { codes: "A,SECRET" } });
    await nextIs(guest, '{"traceId":"t1","code":519,"msg":"<text>"}');
    await guest.say({ code: 10003, trace: "t2", data: { codes: "A" } }); // depth/A
    await nextIs(guest, '{"traceId":"t2","code":519,"msg":"<text>"}');
    for (const channel of ["trade/SECRET", "trade/A", "depth/A"]) await publish(server, channel, 1);
    await guest.say({ code: 10000, trace: "t3", data: { codes: "A" } });
    await nextIs(guest, '{"code":10001,"trace":"t3","msg":"ok"}');
    await publish(server, "trade/A", 2);
    await nextIs(guest, '{"code":10002,"data":2}');
  }
});

integrationTest(
  "tank: a topic without the right is not subscribed to, and the denial is logged",
  async () => {
    await using server = await start();
    const opened = () => server.process.lines("connection opened");
    for (const credential of await narrowCredentials(server)) {
      const before = opened().length;
      using guest = await server.enter({ path: `/ws?user_id=alice&token=${credential}` });
      await guest.next();
      const { id } = await until("the log line of the connection", () => opened()[before]);
      await guest.say("sub:secret");
      await guest.say("sub:news/a");
      await subscribedTo(server, "news/a", 1);
      for (const channel of ["secret", "news/a"]) await publish(server, channel, channel);
      await nextIs(guest, '{"topic":"news/a","data":"news/a"}');
      const denials = () => server.process.lines("command denied").filter((line) => line.id === id);
      await until("the log line of the denial", () => denials()[0]);
      const denied = denials();
      assertEquals(denied.map(({ command, channel, level }) => [command, channel, level]), [
        ["subscribe", "secret", "info"],
      ]);
      guest[Symbol.dispose]();
      await subscribedTo(server, "news/a", 0);
    }
  },
);

integrationTest(
  "talo: a player or channel without the right is MISSING_ACCESS_KEY_SCOPES",
  async () => {
    await using server = await start();
    for (const credential of await narrowCredentials(server)) {
      using guest = await server.enter({ path: `/?ticket=${await server.ticket(credential)}` });
      await guest.next();
      const identify = (playerAliasId: number, socketToken: string) =>
        guest.say({ req: "v1.players.identify", data: { playerAliasId, socketToken } });
      const speak = (id: number) =>
        guest.say({ req: "v1.channels.message", data: { channel: { id }, message: "hi" } });
      const error = (req: string, errorCode: string) =>
        `{"res":"v1.error","data":{"req":"${req}","message":"<text>","errorCode":"${errorCode}"}}`;
      const missing = "MISSING_ACCESS_KEY_SCOPES";
      await identify(1, `${NARROW.id}.wrong`);
      await nextIs(guest, error("v1.players.identify", "INVALID_SOCKET_TOKEN"));
      await identify(2, NARROW.credential);
      await nextIs(guest, error("v1.players.identify", missing));
      await speak(1);
      await nextIs(guest, error("v1.channels.message", "NO_PLAYER_FOUND"));
      await identify(1, NARROW.credential);
      await nextIs(guest, `{"res":"v1.players.identify.success","data":${aliasForm(1)}}`);
      for (const id of [2, 3]) { // nothing at all, and no right to subscribe
        await speak(id);
        await nextIs(guest, error("v1.channels.message", missing));
      }
      for (const channel of ["players/2", "channels/2", "channels/3"]) {
        assertEquals(JSON.parse((await publish(server, channel, 1)).body).subscribers, 0, channel);
      }
      await speak(1);
      assertEquals((await guest.nextJson()).data.message, "hi");
      await publish(server, "players/1", 2);
      await nextIs(guest, '{"res":"v1.players.message","data":2}');
    }
  },
);

const ADMIN_ROUTES: readonly (readonly [string, string, number])[] = [
  ["GET", "/metrics", 200],
  ["GET", "/api/v1/connections", 200],
  ["GET", "/api/v1/connections/nobody", 404],
  ["DELETE", "/api/v1/connections/nobody", 404],
  ["GET", "/api/v1/closed", 200],
  ["GET", "/api/v1/stats", 200],
  ["GET", "/api/v1/channels", 200],
  ["GET", "/api/v1/suspensions", 200],
  ["DELETE", "/api/v1/suspensions/nobody", 404],
];

integrationTest("Routes of an operator want a key with the right admin", async () => {
  await using server = await start();
  const token = server.secret(await signedToken(JWT_SECRET));
  const admin = server.secret(await signedToken(JWT_SECRET, { systole: { admin: true } }));
  const wrong = `operator.${FULL.secret}`;
  for (const [method, path, status] of ADMIN_ROUTES) {
    const cases: readonly (readonly [Record<string, string>, number])[] = [
      [{}, 401],
      [bearer(wrong), 401],
      [bearer(FULL.credential), 403],
      [bearer(token), 403],
      [bearer(server.operator.credential), status],
      [{ "X-Api-Key": server.operator.credential }, status],
      [bearer(admin), status],
    ];
    for (const [headers, expected] of cases) {
      const answer = await server.ask({ method, path, headers });
      assertEquals([method, path, answer.status], [method, path, expected]);
      if (expected < 401) continue;
      assertMatch(answer.headers.get("content-type") ?? "", /^application\/problem\+json/);
      assertEquals(answer.headers.get("www-authenticate"), expected === 401 ? "Bearer" : null);
    }
  }
  assertEquals((await server.ask({ path: "/api/v1/openapi.json" })).status, 401);
  for (const path of ["/healthz", "/readyz", "/"]) {
    assertEquals((await server.ask({ path })).status, 200, path);
  }
});

integrationTest(
  "POST /api/v1/publish wants the right to publish on that very channel",
  async () => {
    await using server = await start();
    using subscriber = await server.enter({ path: "/ws", headers: bearer(FULL.credential) });
    await subscriber.next();
    for (const channel of ["news/a", "secret"]) {
      await subscriber.say({ type: "subscribe", channel });
      await subscriber.next();
    }
    const [narrow, token] = await narrowCredentials(server);
    const cases: readonly (readonly [string, string | undefined, number])[] = [
      ["secret", undefined, 401],
      ["secret", `${FULL.id}.${NARROW.secret}`, 401],
      ["secret", narrow, 403],
      ["secret", token, 403],
      ["trade/A", narrow, 403], // to which it may subscribe
      ["secret", server.operator.credential, 403],
      ["news/a", narrow, 200],
      ["news/a", token, 200],
      ["secret", FULL.credential, 200],
    ];
    for (const [index, [channel, credential, status]] of cases.entries()) {
      const headers = credential === undefined ? {} : bearer(credential);
      const body = { channel, data: index };
      const answer = await server.post("/api/v1/publish", { headers, body });
      assertEquals([index, answer.status], [index, status]);
    }
    for (const index of [6, 7, 8]) assertEquals((await subscriber.nextJson()).data, index);
  },
);

integrationTest("events-hub's HTTP routes want any key, and say 401 in its words", async () => {
  await using server = await start();
  for (const path of ["/api/v1/ws/clients", "/api/v1/ws/stats"]) {
    const { status, body } = await server.ask({ path });
    assertEquals([status, JSON.parse(body).error], [401, "unauthorized_client"]);
    for (const headers of [bearer(NARROW.credential), { "X-Api-Key": NARROW.pair }]) {
      assertEquals((await server.ask({ path, headers })).status, 200);
    }
  }
  const path = "/api/v1/ws/subscribe?event_types=health";
  using guest = await server.enter({ path, headers: { "X-Api-Key": NARROW.pair } });
  const { client_id } = (await guest.nextJson()).body;
  const body = { client_id, event_types: ["health"] };
  const unsubscribe = async (headers: Record<string, string>) =>
    (await server.post("/api/v1/ws/unsubscribe", { headers, body })).status;
  assertEquals(await unsubscribe({}), 401);
  assertEquals(await unsubscribe({ "X-Api-Key": FULL.pair }), 403);
  assertEquals(await unsubscribe({ "X-Api-Key": NARROW.pair }), 200);
});
