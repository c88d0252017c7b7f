/**
 * One process with two threads (`WORKERS=2`): they are one hub for clients of all profiles, for keys, and
 * for operators.
 *
 * @module
 */

import { assert, assertEquals, assertLess, assertStringIncludes } from "@std/assert";
import { integrationTest } from "../support/integration_test_case.ts";
import { postJson } from "../support/peers/post_json.ts";
import {
  jsonForm,
  ofEventsHub,
  ofInfoway,
  ofJson,
  ofTalo,
  ofTank,
  type ReceivingClient,
  tankForm,
} from "../support/peers/receiving_client.ts";
import { channelForm } from "../support/peers/talo_forms.ts";
import { TextClient } from "../support/peers/text_client.ts";
import { apiKeys, type TestKey, testKey } from "../support/server/credentials.ts";
import { runToEnd, ServerProcess } from "../support/server/server_process.ts";
import { until } from "../support/until.ts";

const USER = testKey("user");
const ADMIN = testKey("admin", { admin: true });
const ENV = { WORKERS: "2", CLOSE_WAIT_MS: "100" };
const KEYS = { ...ENV, API_KEYS: apiKeys(USER, ADMIN) };
const NODES = ["thread 1", "thread 2"];

const authorization = ({ credential }: TestKey) => ({ Authorization: `Bearer ${credential}` });

interface Listed {
  readonly id: string;
  readonly node: string;
  readonly profile: string;
}

/** All open connections. */
async function listed(server: ServerProcess): Promise<Listed[]> {
  const { body } = await server.ask({
    path: "/api/v1/connections?limit=1000",
    headers: authorization(ADMIN),
  });
  return JSON.parse(body).connections;
}

/** Opens clients of a profile until each thread has one. */
async function onEachThread<Client>(
  server: ServerProcess,
  profile: string,
  connect: () => Promise<Client>,
): Promise<Client[]> {
  const clients: Client[] = [];
  for (;;) {
    clients.push(await connect());
    const own = (await listed(server)).filter((each) => each.profile === profile);
    if (new Set(own.map(({ node }) => node)).size === NODES.length) return clients;
  }
}

/** The next message of a type; those of other types before it are passed over. */
// deno-lint-ignore no-explicit-any -- tests look into messages freely
async function nextOf(client: TextClient, type: string): Promise<any> {
  for (;;) {
    const message = await client.nextJson();
    if (message.type === type) return message;
  }
}

/** A json client on each thread. */
async function users(
  server: ServerProcess,
  key: TestKey,
): Promise<{ client: TextClient; clientId: string; node: string }[]> {
  const connect = async () => {
    const client = await TextClient.connect(new URL("/ws", server.url), {
      headers: authorization(key),
    });
    return { client, clientId: (await client.nextJson()).clientId as string };
  };
  const clients = await onEachThread(server, "json", connect);
  const nodes = new Map((await listed(server)).map(({ id, node }) => [id, node]));
  return NODES.map((node) => {
    const found = clients.find(({ clientId }) => nodes.get(clientId) === node)!;
    return { ...found, node };
  });
}

integrationTest("A publication reaches the clients of all profiles on each thread", async () => {
  await using server = await ServerProcess.start({ env: ENV });
  const topics = [
    {
      profile: "events-hub",
      own: () => ofEventsHub(server),
      channel: "pdfm",
      data: { vm: 1 },
      form: '{"id":"<hex64>","event_type":"pdfm","timestamp":"<rfc3339>","message":"pdfm",' +
        '"body":{"vm":1}}',
    },
    {
      profile: "infoway",
      own: () => ofInfoway(server),
      channel: "trade/BTCUSDT",
      data: { s: "BTCUSDT", p: "1.5" },
      form: '{"code":10002,"data":{"s":"BTCUSDT","p":"1.5"}}',
    },
    {
      profile: "talo",
      own: async () => {
        const talo = await ofTalo(server);
        talo.say({ req: "v1.channels.message", data: { channel: { id: 1 }, message: "joins" } });
        return talo;
      },
      channel: "channels/1",
      data: "from a backend",
      form: `{"res":"v1.channels.message","data":{"channel":${
        channelForm(1)
      },"message":"from a backend"}}`,
    },
  ];
  for (const { profile, own, channel, data, form } of topics) {
    const json = await onEachThread(server, "json", () => ofJson(server, channel));
    const tank = await onEachThread(server, "tank", () => ofTank(server, channel));
    const others = await onEachThread(server, profile, own);
    const all = [...json, ...tank, ...others];
    await until("all have subscribed", async () => {
      const { channels } = JSON.parse((await server.ask({ path: "/api/v1/channels" })).body);
      return channels.find((it: { channel: string }) => it.channel === channel)?.subscribers ===
        all.length;
    });
    await postJson(server, "/api/v1/publish", { body: { channel, data } });
    const gets = async (clients: readonly ReceivingClient[], expected: string) => {
      for (const client of clients) await client.getsLast(expected);
    };
    await gets(json, jsonForm(channel, data));
    await gets(tank, tankForm(channel, data));
    await gets(others, form);
    for (const client of all) client[Symbol.dispose]();
    await until("all have left", async () => (await listed(server)).length === 0);
  }
});

integrationTest(
  "Threads share history, members, tickets, suspensions, and answer for each other",
  async () => {
    await using server = await ServerProcess.start({ env: KEYS });
    const [a, b] = await users(server, USER);
    a.client.send({ type: "subscribe", channel: "c", member: "anna", presence: true });
    const { epoch, offset } = await nextOf(a.client, "subscribed");
    b.client.send({ type: "publish", channel: "c", data: 1, id: "one" });
    b.client.send({ type: "publish", channel: "c", data: 2, id: "two" });
    for (const data of [1, 2]) {
      assertEquals((await nextOf(a.client, "message")).data, data);
      assertEquals((await nextOf(b.client, "published")).offset, data);
    }
    b.client.send({ type: "subscribe", channel: "c", since: { epoch, offset }, member: "bert" });
    assertEquals((await nextOf(b.client, "subscribed")).recovered, true);
    for (const data of [1, 2]) assertEquals((await nextOf(b.client, "message")).data, data);
    await until(
      "bert has joined",
      () => a.client.texts.some((text) => /"joined".*bert/.test(text)),
    );
    b.client.send({ type: "presence", channel: "c", id: "p" });
    const { members } = await nextOf(b.client, "presence");
    assertEquals(members.map(({ member }: { member: string }) => member).sort(), ["anna", "bert"]);

    const { body } = await postJson(server, "/v1/socket-tickets", { headers: authorization(USER) });
    const { ticket } = JSON.parse(body);
    const game = () => TextClient.connect(new URL(`/game?ticket=${ticket}`, server.url));
    const uses = await Promise.allSettled(Array.from({ length: 6 }, async () => {
      using client = await game();
      return await client.next();
    }));
    const connected = uses.filter((use) =>
      use.status === "fulfilled" && use.value === '{"res":"v1.connected","data":{}}'
    );
    assertEquals(connected.length, 1);

    const ended = await server.ask({
      method: "DELETE",
      path: `/api/v1/connections/${a.clientId}`,
      headers: authorization(ADMIN),
    });
    assertEquals(ended.status, 204);
    assertEquals((await a.client.end()).code, 1000);

    const exposition = await server.ask({ path: "/metrics", headers: authorization(ADMIN) });
    assertStringIncludes(exposition.body, "\nsystole_threads 2\n");
    const opened = Number(/_opened_total\{profile="json"\} (\d+)/.exec(exposition.body)![1]);
    assert(opened >= 2, exposition.body);
    b.client[Symbol.dispose]();
  },
);

integrationTest("A key that is suspended is out on all threads within a second", async () => {
  await using server = await ServerProcess.start({
    env: { ...KEYS, SUSPEND_AFTER_VIOLATIONS: "1", MAX_MESSAGES_PER_SECOND: "5" },
  });
  const all = await users(server, USER);
  const [a, b] = all;
  for (let i = 0; i < 100; i++) a.client.send({ type: "ping" });
  await a.client.end();
  const outMs = performance.now();
  const { code, reason } = await b.client.end();
  assertEquals([code, reason.split(":")[0]], [1008, "key_suspended"]);
  assertLess(performance.now() - outMs, 1_000);
});

integrationTest("A hub of several threads drains all of them, and exits with 0", async () => {
  await using server = await ServerProcess.start({ env: KEYS });
  const all = await users(server, USER);
  Deno.kill(server.pid, "SIGTERM");
  for (const { client } of all) assertEquals((await client.end()).code, 1012);
  assertEquals((await server.status).code, 0);
  assertEquals(server.lines("drained").map(({ thread }) => thread).sort(), ["1", "2"]);
});

integrationTest("Threads that cannot start end the process with the reason", async () => {
  using other = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { code, stderr } = await runToEnd({ WORKERS: "2", PORT: String(other.addr.port) });
  assertEquals(code, 1);
  assertStringIncludes(stderr, "Cannot start: cannot listen on");
});
