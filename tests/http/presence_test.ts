import { assertEquals } from "@std/assert";
import { withApi } from "../support/server/api.ts";

const PATH = "/api/v1/channels/news%2Fa/presence";

Deno.test("GET presence lists who is on a channel, their info as it was written", () =>
  withApi({}, async (api) => {
    const { world } = api;
    const ann = world.connect({ grant: { keyId: "jwt:ann" } });
    ann.socket.say('{"type":"subscribe","channel":"news/a","member":"m","info":[1.0,1e400]}');
    const keyed = world.connect({ grant: { keyId: "some-key" } });
    keyed.socket.say({ type: "subscribe", channel: "news/a", presence: true });
    const plain = world.connect();
    plain.socket.say({ type: "subscribe", channel: "news/a" });
    await world.clock.turnOver();
    const response = await api.call(PATH);
    assertEquals(response.headers.get("Content-Type"), "application/json");
    const { id } = keyed.client;
    const sinceMs = world.clock.wall();
    assertEquals(
      await response.text(),
      `{"channel":"news/a","count":2,"members":[` +
        `{"user":"ann","member":"m","clientId":"${ann.client.id}","info":[1.0,1e400],"sinceMs":${sinceMs}},` +
        `{"user":null,"member":"${id}","clientId":"${id}","info":null,"sinceMs":${sinceMs}}],` +
        `"more":false}`,
    );
  }));

Deno.test("GET presence of a channel without members has none", () =>
  withApi({}, async (api) => {
    for (const channel of ["nobody", "x".repeat(257)]) {
      const { status, body } = await api.json(`/api/v1/channels/${channel}/presence`);
      assertEquals([status, body], [200, { channel, count: 0, members: [], more: false }]);
    }
  }));

Deno.test("GET presence needs the right to subscribe, and counts as a message of the key", () =>
  withApi({ keys: true }, async (api) => {
    const statusOf = async (path: string, key?: string) => (await api.json(path, { key })).status;
    assertEquals(await statusOf(PATH, "reader.s"), 200);
    assertEquals(await statusOf("/api/v1/channels/sport/presence", "reader.s"), 403);
    assertEquals(await statusOf(PATH, "news.s"), 403); // to publish is another right
    assertEquals(await statusOf(PATH), 401);
    assertEquals(await statusOf("/api/v1/channels/systole%2Foverview/presence", "reader.s"), 403);
    const limited = "/api/v1/channels/c/presence";
    const statuses = [];
    for (let i = 0; i < 3; i++) statuses.push(await statusOf(limited, "slowreader.s"));
    assertEquals(statuses, [200, 200, 429]);
  }));
