import { assertEquals, assertMatch } from "@std/assert";
import { type Api, withApi } from "../support/server/api.ts";
import type { TestPeer } from "../support/fakes/world.ts";

const PATH = "/api/v1/ws/unsubscribe";

const subscriptionsOf = async (api: Api, { client }: TestPeer) =>
  await api.world.hub.ask((registry) => [...registry.channelsOf(client)]);

Deno.test("POST /api/v1/ws/unsubscribe ends some subscriptions, with 200 and an empty body", () =>
  withApi({}, async (api) => {
    const peer = api.subscribe("pdfm,health,stats");
    const event_types = [" PDFM ", "health", "nonsense"];
    const body = { client_id: peer.client.id, event_types, user_id: "ignored, as there" };
    const response = await api.call(PATH, { body });
    assertEquals([response.status, await response.text()], [200, ""]);
    assertEquals(await subscriptionsOf(api, peer), ["stats", "global"]);
    await api.world.hub.publish("pdfm", "1");
    await api.world.hub.publish("stats", "1");
    await api.world.clock.turnOver();
    const types = peer.socket.messages.map(({ event_type }) => event_type);
    assertEquals(types, ["global", "stats"]);
  }));

Deno.test("POST /api/v1/ws/unsubscribe that succeeds in part names both lists, with 200", () =>
  withApi({}, async (api) => {
    const peer = api.subscribe("pdfm,health,stats");
    const event_types = ["pdfm", "auth", "global", "job_manager", "health"];
    const answer = await api.json(PATH, { body: { client_id: peer.client.id, event_types } });
    const failed = "not subscribed to auth, job_manager, cannot unsubscribe from global";
    assertEquals(answer, {
      status: 200,
      body: { message: `${failed}; unsubscribed from: pdfm, health`, code: 200 },
    });
    assertEquals(await subscriptionsOf(api, peer), ["stats", "global"]);
  }));

for (
  const [what, event_types, message] of [
    ["nothing that it is subscribed to", ["auth", "stats"], /^not subscribed to auth, stats$/],
    ["only global", ["global", "x"], /global/],
    ["no valid type", ["x", ""], /no valid/],
    ["no types", [], /no valid/],
    ["types of a wrong sort", "pdfm", /event_types/],
    ["types that are no texts", [1], /event_types/],
    ["types left out", undefined, /event_types: missing/],
  ] as const
) {
  Deno.test(`POST /api/v1/ws/unsubscribe with ${what} is 400 in the system's own form`, () =>
    withApi({}, async (api) => {
      const peer = api.subscribe("pdfm");
      const body = { client_id: peer.client.id, event_types };
      const answer = await api.json(PATH, { body });
      assertEquals(answer.status, 400);
      assertEquals(Object.keys(answer.body), ["message", "code"]);
      assertEquals(answer.body.code, 400);
      assertMatch(answer.body.message, message);
      assertEquals(await subscriptionsOf(api, peer), ["pdfm", "global"]);
    }));
}

Deno.test("POST /api/v1/ws/unsubscribe finds clients of its own system only", () =>
  withApi({}, async (api) => {
    const { client, socket } = api.world.connect();
    socket.say({ type: "subscribe", channel: "pdfm" });
    for (const client_id of [client.id, "nobody", ""]) {
      const answer = await api.json(PATH, { body: { client_id, event_types: ["pdfm"] } });
      assertEquals([answer.status, answer.body.code], [400, 400]);
    }
    const tooLarge = await api.json(PATH, { body: "x".repeat(2_000) });
    assertEquals([tooLarge.status, tooLarge.body.code], [413, 413]);
  }));

Deno.test("/api/v1/ws/* shows a key its own clients and lets it change no others", () =>
  withApi({ keys: true }, async (api) => {
    const mine = api.subscribe("pdfm", "news");
    const theirs = api.subscribe("health,pdfm", "other");
    api.subscribe("pdfm", undefined);
    const key = "news.s";
    const clients = await api.json("/api/v1/ws/clients", { key });
    assertEquals(clients.body.map(({ id }: { id: string }) => id), [mine.client.id]);
    const stats = await api.json("/api/v1/ws/stats", { key });
    assertEquals(stats.body.total_clients, 1);
    assertEquals(stats.body.type_stats, { pdfm: 1, global: 1 });
    const body = { client_id: theirs.client.id, event_types: ["pdfm"] };
    for (const other of [key, "root.s"]) {
      const refused = await api.json(PATH, { key: other, body });
      assertEquals([refused.status, refused.body.code], [403, 403]);
    }
    assertEquals(await subscriptionsOf(api, theirs), ["health", "pdfm", "global"]);
    assertEquals((await api.call(PATH, { key: "other.s", body })).status, 200);
  }));

Deno.test("/api/v1/ws/unsubscribe rejects a page of a foreign origin in the system's own form", () =>
  withApi({}, async (api) => {
    const peer = api.subscribe("pdfm");
    const body = { client_id: peer.client.id, event_types: ["pdfm"] };
    const headers = { Origin: "https://evil.example" };
    const answer = await api.json(PATH, { body, headers });
    assertEquals([answer.status, Object.keys(answer.body)], [403, ["message", "code"]]);
    assertEquals(answer.body.code, 403);
    assertEquals(await subscriptionsOf(api, peer), ["pdfm", "global"]);
  }));

Deno.test("/api/v1/ws/* says 503 while the hub has stopped, as openapi.json says", () =>
  withApi({}, async (api) => {
    const { body: { paths } } = await api.json("/api/v1/openapi.json");
    Object.assign(api.world.hub, { ask: () => Promise.resolve(undefined) }); // as it then does
    for (const path of [PATH, "/api/v1/ws/clients", "/api/v1/ws/stats"]) {
      const body = path === PATH ? { client_id: "c", event_types: ["pdfm"] } : undefined;
      const answer = await api.json(path, { body });
      assertEquals([path, answer.status, answer.body.code], [path, 503, 503]);
      const { responses } = paths[path][body === undefined ? "get" : "post"];
      assertEquals(Object.keys(responses["503"].content), ["application/json"]);
    }
    Reflect.deleteProperty(api.world.hub, "ask");
  }));

Deno.test("/api/v1/ws/* accepts and rejects credentials as the system does", () =>
  withApi({ keys: true }, async (api) => {
    const status = async (headers: Record<string, string>) => {
      const response = await api.call("/api/v1/ws/clients", { headers });
      return [response.status, await response.json()];
    };
    const pair = { "X-Api-Key": btoa("news:s") };
    const bearer = { Authorization: "Bearer news.s" };
    assertEquals(await status(pair), [200, []]);
    assertEquals(await status(bearer), [200, []]);
    const error = "unauthorized_client";
    const error_description = "API key must be in format base64(key:secret)";
    assertEquals(await status({}), [401, { error, error_description }]);
    assertEquals(await status({ "X-Api-Key": "news.s" }), [401, { error, error_description }]);
    assertEquals((await status({ "X-Api-Key": btoa("news:x") }))[0], 401);
    assertEquals((await status({ ...pair, ...bearer }))[0], 401);
  }));

Deno.test("GET /api/v1/ws/clients and /stats respond in the system's own format", () =>
  withApi({}, async (api) => {
    await api.world.clock.pass(3_723_000);
    const { client, socket } = api.subscribe("health");
    await api.world.clock.pass(2_000);
    socket.say("alive");
    await api.world.clock.pass(3_000);
    const info = {
      id: client.id,
      user_id: "",
      username: "",
      connected_at: "2023-11-14T23:15:23.123000Z",
      last_pong_at: "2023-11-14T23:15:25.123000Z",
      event_subscriptions: ["health", "global"],
      is_alive: true,
      queue_depth: 0,
    };
    assertEquals((await api.json("/api/v1/ws/clients")).body, [info]);
    assertEquals((await api.json("/api/v1/ws/stats")).body, {
      total_clients: 1,
      total_subscriptions: 2,
      type_stats: { health: 1, global: 1 },
      clients: [info],
      messages_sent: 2, // the initialFrames, and that "alive" is no JSON
      start_time: "2023-11-14T22:13:20.123000Z",
      uptime: "1h2m8s",
    });
  }));
