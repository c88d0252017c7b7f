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

Deno.test("GET /api/v1/stats has what channels keep, what returning clients got, and the members", () =>
  withApi({ history: {} }, async (api) => {
    const { world } = api;
    const shown = async () => {
      const { body } = await api.json("/api/v1/stats");
      const { history, resumes, duplicates, members } = body;
      return { history, resumes, duplicates, members };
    };
    const none = { bytes: 0, channels: 0, evicted: 0, replayed: 0 };
    assertEquals(await shown(), {
      history: none,
      resumes: { recovered: 0, incomplete: 0 },
      duplicates: 0,
      members: 0,
    });
    const { socket } = world.connect();
    for (const id of ["1", "2", "2"]) socket.say({ type: "publish", channel: "c", data: 1, id });
    await world.clock.turnOver();
    const { epoch } = socket.messages.at(-1);
    for (const [channel, since] of [["c", { epoch, offset: 0 }], ["d", { epoch, offset: 9 }]]) {
      socket.say({ type: "subscribe", channel, since, member: "m" });
    }
    await world.clock.turnOver();
    assertEquals(await shown(), {
      history: { bytes: world.history!.bytes, channels: 2, evicted: 0, replayed: 2 },
      resumes: { recovered: 1, incomplete: 1 },
      duplicates: 1,
      members: 2,
    });
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
