import { assertEquals } from "@std/assert";
import { withApi } from "../support/server/api.ts";

Deno.test("GET /api/v1/stats has totals, overall and by profile", () =>
  withApi({}, async (api) => {
    const { world } = api;
    const a = world.connect();
    world.connect();
    api.subscribe("pdfm");
    a.socket.say({ type: "subscribe", channel: "pdfm" });
    await world.hub.publish("pdfm", "1");
    a.client.close("stale");
    await world.clock.pass(2_000);
    const { status, body } = await api.json("/api/v1/stats");
    assertEquals(status, 200);
    const { uptimeSeconds, channels, queuedBytes, mailboxMessages, totals, profiles } = body;
    assertEquals([uptimeSeconds, channels, queuedBytes, mailboxMessages], [2, 2, 0, 0]);
    assertEquals([totals.connections, totals.opened, totals.closed.stale], [2, 3, 1]);
    assertEquals([profiles.json.connections, profiles["events-hub"].connections], [1, 1]);
    assertEquals([profiles.json.messagesIn, totals.messagesIn], [1, 1]);
    assertEquals([profiles.json.messagesOut, profiles["events-hub"].messagesOut], [4, 2]);
    assertEquals(totals.messagesOut, 6);
  }));

Deno.test("GET /api/v1/channels lists those with the most subscribers first, up to the limit", () =>
  withApi({}, async (api) => {
    for (const channels of [["a", "b"], ["b"], ["b", "c", "c"], ["c"]]) {
      const { socket } = api.world.connect();
      for (const channel of channels) socket.say({ type: "subscribe", channel });
    }
    assertEquals((await api.json("/api/v1/channels?limit=2")).body, {
      channels: [{ channel: "b", subscribers: 3 }, { channel: "c", subscribers: 2 }],
      total: 3,
    });
  }));
