import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { withApi } from "../support/server/api.ts";

const PATH = "/api/v1/connections";

Deno.test("GET /api/v1/connections lists each connection, the oldest first", () =>
  withApi({}, async (api) => {
    const openedMs = api.world.clock.wall();
    const first = api.world.connect({ grant: { keyId: "k1" } });
    first.socket.say({ type: "subscribe", channel: "a" });
    await api.world.clock.pass(2_000);
    const second = api.subscribe("health");
    await api.world.clock.pass(500);
    const { status, body } = await api.json(PATH);
    assertEquals(status, 200);
    assertEquals(body.total, 2);
    assertEquals(body.connections[0], {
      id: first.client.id,
      profile: "json",
      key: "k1",
      address: "192.0.2.1",
      openedMs,
      seconds: 2.5,
      idleMs: 2_500,
      applicationIdleMs: 2_500,
      queuedMessages: 0,
      queuedBytes: 0,
      messagesIn: 1,
      messagesOut: 2,
      channelCount: 1,
      health: "unknown",
      liveness: "alive",
      rttMs: null,
      jitterMs: null,
      queueDelayMs: null,
    });
    const { id, profile, key, channelCount } = body.connections[1];
    assertEquals([id, profile, key, channelCount], [second.client.id, "events-hub", null, 2]);
  }));

Deno.test("GET /api/v1/connections sorts by age, idle and queue, filters and limits", () =>
  withApi({}, async (api) => {
    const { world } = api;
    const a = world.connect({ grant: { keyId: "k1" } });
    await world.clock.pass(1_000);
    const b = world.connect({ grant: { keyId: "k2" } });
    await world.clock.pass(1_000);
    const c = api.subscribe("pdfm", "k1");
    a.socket.say("alive");
    await world.clock.turnOver();
    c.socket.stuck = true;
    await world.hub.publish("pdfm", "x".repeat(500));
    await world.clock.turnOver();
    const names = new Map([a, b, c].map(({ client }, i) => [client.id, "abc"[i]]));
    const listed = async (query: string) => {
      const { body } = await api.json(`${PATH}?${query}`);
      const shown = body.connections.map(({ id }: { id: string }) => names.get(id)).join("");
      return `${shown} of ${body.total}`;
    };
    assertEquals(await listed(""), "abc of 3");
    assertEquals(await listed("sort=age&limit=2"), "ab of 3");
    assertEquals((await listed("sort=idle"))[0], "b");
    assertEquals((await listed("sort=queue"))[0], "c");
    assertEquals(await listed("profile=json"), "ab of 2");
    assertEquals(await listed("key=k1"), "ac of 2");
    assertEquals(await listed("key=k1&profile=events-hub&limit=&sort="), "c of 1");
    assertEquals(await listed("profile=none"), " of 0");
    assertEquals(await listed("offset=1&limit=1"), "b of 3");
    assertEquals(await listed("offset=3"), " of 3");
    assertEquals(await listed("order=ascending"), "cba of 3");
    assertEquals(await listed("search=K1"), "ac of 2");
    assertEquals(await listed("search=EVENTS"), "c of 1");
    assertEquals(await listed(`search=${b.client.id}`), "b of 1");
    assertEquals(await listed("search=192.0&order=ascending&limit=2"), "cb of 3");
  }));

for (
  const [query, detail] of [
    ["limit=0", /^limit: must be a whole number from 1 to 1000$/],
    ["limit=1001", /1 to 1000/],
    ["limit=1e2", /1 to 1000/],
    ["limit=99999999999999999999999", /1 to 1000/],
    ["limit=1&limit=2", /^limit: /],
    ["offset=-1", /^offset: must be a whole number from 0/],
    ["order=up", /^order: must be \("descending" \| "ascending"\)/],
    ["sort=colour", /^sort: must be \("age" \| "idle" \| "queue" \| "rtt"/],
    ["colour=red&sort=x", /sort: .*; colour: unknown/],
  ] as const
) {
  Deno.test(`GET /api/v1/connections?${query} is rejected with 400 and the reason`, () =>
    withApi({}, async (api) => {
      const { status, body } = await api.json(`${PATH}?${query}`);
      assertEquals(status, 400);
      assertMatch(body.detail, detail);
    }));
}

Deno.test("GET /api/v1/connections/{id} lists the channels, 404 without such a connection", () =>
  withApi({}, async (api) => {
    const { client, socket } = api.world.connect();
    for (const channel of ["a", "b"]) socket.say({ type: "subscribe", channel });
    const { body } = await api.json(`${PATH}/${client.id}`);
    assertEquals([body.id, body.channels, body.channelCount], [client.id, ["a", "b"], 2]);
    const missing = await api.json(`${PATH}/nobody`);
    assertEquals(missing.status, 404);
    const where = "is open or among the last that ended";
    assertEquals(missing.body.detail, `no connection "nobody" ${where}`);
  }));

Deno.test("GET /api/v1/connections and /closed find connections by liveness", () =>
  withApi({}, async (api) => {
    const { client, socket } = api.world.connect();
    api.world.connect().socket.leave();
    const other = api.world.connect();
    await api.world.clock.pass(54_100);
    other.socket.answer();
    socket.answer();
    const ping = socket.messages.findLast(({ type }) => type === "ping");
    socket.say({ type: "pong", id: ping.id }); // once; then the script hangs
    await api.world.clock.pass(54_000);
    for (const each of [socket, other.socket]) each.answer();
    await api.world.clock.pass(3_000);
    const { body } = await api.json(`${PATH}?search=FROZEN`);
    assertEquals(body.connections.map(({ id }: { id: string }) => id), [client.id]);
    const { applicationIdleMs } = body.connections[0];
    assertEquals([applicationIdleMs >= 57_000, applicationIdleMs < 57_100], [true, true]);
    const first = await api.json(`${PATH}?sort=liveness&limit=1`);
    assertEquals(first.body.connections[0].id, client.id);
    socket.leave();
    await api.world.clock.turnOver();
    const { body: { closed } } = await api.json("/api/v1/closed?search=frozen");
    assertEquals(closed.map(({ id, liveness }: Record<string, string>) => [id, liveness]), [
      [client.id, "frozen"],
    ]);
  }));

Deno.test("GET /api/v1/connections/{id} shows the loss since the start and the recent loss", () =>
  withApi({}, async (api) => {
    const { client, socket } = api.world.connect();
    await api.world.clock.pass(1);
    socket.answerFirst();
    for (let ping = 0; ping < 34; ping++) {
      await api.world.clock.pass(54_000);
      socket.say("hello");
      if (ping > 3) socket.answer();
    }
    const { body: { wire, app } } = await api.json(`${PATH}/${client.id}`);
    assertEquals([wire.lossRatio, wire.recentLossRatio], [4 / 35, 2 / 32]);
    assertEquals(app.recentLossRatio, 1);
  }));

Deno.test("DELETE /api/v1/connections/{id} closes it for the reason admin", () =>
  withApi({ keys: true }, async (api) => {
    const { client, socket } = api.world.connect();
    const path = `${PATH}/${client.id}`;
    const call = { method: "DELETE", key: "root.s" };
    assertEquals((await api.call(path, call)).status, 204);
    assertEquals([socket.closedWith?.how, socket.closedWith?.code], ["close", 1000]);
    await api.world.clock.turnOver();
    assertEquals(api.world.closed("admin"), 1);
    assertEquals((await api.json(path, call)).status, 404);
    const line = api.world.log.find(({ message }) => message.includes("by an operator"));
    assertEquals(line?.properties, { id: client.id, by: "root" });
  }));

Deno.test("GET /api/v1/closed lists closed connections, the newest first, by reason and up to the limit", () =>
  withApi({}, async (api) => {
    const [a, b, c] = [api.world.connect(), api.world.connect(), api.world.connect()];
    for (const [{ client }, reason] of [[a, "stale"], [b, "admin"], [c, "stale"]] as const) {
      client.close(reason);
      await api.world.clock.turnOver();
    }
    const ended = async (query: string) =>
      (await api.json(`/api/v1/closed?${query}`)).body.closed.map(({ id }: { id: string }) => id);
    assertEquals(await ended(""), [c, b, a].map(({ client }) => client.id));
    assertEquals(await ended("reason=stale"), [c, a].map(({ client }) => client.id));
    assertEquals(await ended("reason=stale&limit=1"), [c.client.id]);
    assertEquals(await ended("search=STALE"), [c, a].map(({ client }) => client.id));
    assertEquals(await ended("search=network&limit=1"), [c.client.id]);
    assertEquals(await ended(`search=${b.client.id}&reason=stale`), []);
    const [first] = (await api.json("/api/v1/closed?reason=admin")).body.closed;
    assertEquals([first.reason, first.cause, first.key], ["admin", "admin", null]);
    const { status, body } = await api.json("/api/v1/closed?reason=bored");
    assertEquals(status, 400);
    assertStringIncludes(body.detail, '"slow_consumer"');
  }));

Deno.test("GET /api/v1/rejected lists who was turned away, from where, why", () =>
  withApi({ keys: true }, async (api) => {
    const none = { profile: undefined, key: undefined };
    const first = {
      ...none,
      address: "192.0.2.1",
      reason: "not_found",
      detail: "nothing",
    } as const;
    const second = {
      profile: "json",
      key: "k1",
      address: "192.0.2.2",
      reason: "too_many_for_key",
      detail: "too many for this key",
    } as const;
    for (const [rejection, wallMs] of [[first, 1], [second, 2], [first, 3]] as const) {
      api.rejections.add(rejection, wallMs);
    }
    const list = async (query: string) => {
      const { status, body } = await api.json(`/api/v1/rejected${query}`, { key: "root.s" });
      return status === 200 ? body.rejected : status;
    };
    const shown = { ...first, profile: null, key: null, count: 2, firstMs: 1, lastMs: 3 };
    assertEquals(await list(""), [shown, { ...second, count: 1, firstMs: 2, lastMs: 2 }]);
    assertEquals(await list("?limit=1"), [shown]);
    assertEquals((await list("?reason=too_many_for_key")).length, 1);
    assertEquals((await list("?search=K1")).length, 1);
    assertEquals(await list("?search=nobody"), []);
    assertEquals(await list("?reason=else"), 400);
    assertEquals((await api.call("/api/v1/rejected")).status, 401);
  }));
