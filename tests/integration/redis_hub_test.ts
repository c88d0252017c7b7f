/**
 * What operators and clients see of a hub of two processes on one Redis: one list of connections,
 * channels and closes, tickets that are valid once, keys that are suspended everywhere.
 *
 * @module
 */

import {
  assertEquals,
  assertGreaterOrEqual,
  assertLess,
  assertLessOrEqual,
  assertRejects,
} from "@std/assert";
import { integrationTest } from "../support/integration_test_case.ts";
import { postJson } from "../support/peers/post_json.ts";
import { TextClient } from "../support/peers/text_client.ts";
import { apiKeys, type TestKey, testKey } from "../support/server/credentials.ts";
import { RedisServer } from "../support/server/redis_server.ts";
import { ServerProcess } from "../support/server/server_process.ts";
import { LoopWatch, until } from "../support/until.ts";

const USER = testKey("user");
const ADMIN = testKey("admin", { admin: true });
const FEW = testKey("few", { maxConnections: 2, maxMessagesPerMinute: 40 });
const BURST = testKey("burst", { maxMessagesPerMinute: 40 });

const authorization = ({ credential }: TestKey) => ({ Authorization: `Bearer ${credential}` });

/** An API request of a key that is no admin. */
const publishOn = (server: ServerProcess, key: TestKey) =>
  postJson(server, "/api/v1/publish", {
    headers: authorization(key),
    body: { channel: "c", data: 1 },
  });

async function withHub(
  run: (a: ServerProcess, b: ServerProcess, redis: RedisServer) => Promise<void>,
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  await using redis = await RedisServer.start();
  const options = {
    env: {
      API_KEYS: apiKeys(USER, ADMIN, FEW, BURST),
      REDIS_URL: redis.url,
      CLOSE_WAIT_MS: "100",
      ...env,
    },
  };
  await using a = await ServerProcess.start(options);
  await using b = await ServerProcess.start(options);
  for (const server of [a, b]) await server.line("connected to Redis");
  await run(a, b, redis);
}

async function connect(
  server: ServerProcess,
  key: TestKey,
  { channels = [], replaces = "" }: { channels?: readonly string[]; replaces?: string } = {},
) {
  const url = new URL(`/ws?replaces=${replaces}`, server.url);
  const client = await TextClient.connect(url, { headers: authorization(key) });
  const { clientId } = await client.nextJson();
  for (const channel of channels) {
    client.send({ type: "subscribe", channel });
    assertEquals((await client.nextJson()).type, "subscribed");
  }
  return { client, clientId };
}

interface LostNode {
  readonly connections: number;
  readonly cause: string;
}

// deno-lint-ignore no-explicit-any -- tests look into answers freely
async function get(server: ServerProcess, path: string): Promise<any> {
  const { body } = await server.ask({ path, headers: authorization(ADMIN) });
  return JSON.parse(body);
}

integrationTest(
  "Each process lists the connections of all, and ends any of them",
  () =>
    withHub(async (a, b) => {
      const first = await connect(a, USER, { channels: ["c", "d"] });
      const second = await connect(b, USER, { channels: ["c"] });
      const open = await get(a, "/api/v1/connections?sort=age&order=ascending");
      assertEquals(open.connections.map(({ id }: { id: string }) => id), [
        second.clientId,
        first.clientId,
      ]);
      assertEquals([open.total, open.missing], [2, undefined]);
      const nodes = open.connections.map(({ node }: { node: string }) => node);
      assertEquals(new Set(nodes).size, 2);
      const here = await get(a, "/api/v1/connections?scope=node");
      assertEquals(here.connections.map(({ id }: { id: string }) => id), [first.clientId]);
      const there = await get(a, `/api/v1/connections?node=${nodes[0]}`);
      assertEquals(there.connections.map(({ id }: { id: string }) => id), [second.clientId]);
      assertEquals((await get(a, "/api/v1/stats?node=nobody")).status, 503);
      assertEquals(await get(a, "/api/v1/closed?node=nobody"), {
        closed: [],
        lostNodes: [],
        missing: ["nobody"],
      });
      const page = await get(b, "/api/v1/connections?limit=1&offset=1&sort=age&order=ascending");
      assertEquals([page.connections[0].id, page.total], [first.clientId, 2]);

      const { channels, total } = await get(b, "/api/v1/channels");
      assertEquals(channels, [{ channel: "c", subscribers: 2 }, { channel: "d", subscribers: 1 }]);
      assertEquals([total, (await get(b, "/api/v1/channels?scope=node")).total], [2, 1]);

      const stats = await get(a, "/api/v1/stats");
      assertEquals([stats.totals.connections, stats.totals.opened, stats.missing], [
        2,
        2,
        undefined,
      ]);
      assertEquals(stats.rtt.counts.length, stats.rtt.bounds.length + 1);
      assertEquals((await get(a, "/api/v1/stats?scope=node")).totals.opened, 1);

      const details = await get(a, `/api/v1/connections/${second.clientId}`);
      assertEquals([details.channels, details.node], [["c"], nodes[0]]);
      const { status } = await a.ask({
        method: "DELETE",
        path: `/api/v1/connections/${second.clientId}`,
        headers: authorization(ADMIN),
      });
      assertEquals(status, 204);
      await second.client.end();
      const closed = await until("its end", async () => {
        const { closed } = await get(a, "/api/v1/closed");
        return closed.length > 0 && closed;
      });
      assertEquals([closed[0].id, closed[0].reason, closed[0].node], [
        second.clientId,
        "admin",
        nodes[0],
      ]);
      assertEquals((await get(a, "/api/v1/closed?scope=node")).closed, []);
      const missing = await a.ask({
        method: "DELETE",
        path: "/api/v1/connections/nobody",
        headers: authorization(ADMIN),
      });
      assertEquals(missing.status, 404);
      await first.client.close();
    }),
);

integrationTest(
  "A process that was killed is named as missing, until its lease is lost: its connections are free",
  () =>
    withHub(async (a, b, redis) => {
      const there = [await connect(b, FEW), await connect(b, FEW)];
      await until("b has renewed its lease with its connections", async () => {
        const counts = await redis.command("HVALS", "systole:v1:{hub}:counts");
        return (counts as string[]).includes("2");
      });
      Deno.kill(b.pid, "SIGKILL");
      await b.status;
      for (const { client } of there) client[Symbol.dispose]();
      await until("it is missing", async () => {
        return (await get(a, "/api/v1/connections")).missing?.length === 1;
      }, { withinMs: 20_000 });
      await a.line("a node is lost", 30_000);
      assertEquals((await get(a, "/api/v1/connections")).missing, undefined);
      const { lostNodes } = await get(a, "/api/v1/closed");
      assertEquals(lostNodes.map(({ connections, cause }: LostNode) => [connections, cause]), [
        [2, "node lost"],
      ]);
      assertEquals((await get(a, "/api/v1/stats")).disconnects["node lost"], 2);
      const here = await until("room for its clients", () => connect(a, FEW).catch(() => false));
      await (here as Awaited<ReturnType<typeof connect>>).client.close();
    }),
);

integrationTest(
  "A ticket of one process is taken once, by whichever process gets it",
  () =>
    withHub(async (a, b) => {
      const { body } = await postJson(a, "/v1/socket-tickets", { headers: authorization(USER) });
      const { ticket } = JSON.parse(body);
      const attempts = await Promise.allSettled(
        [b, a, b].map((server) =>
          TextClient.connect(new URL(`/v1/ws?ticket=${ticket}`, server.url))
        ),
      );
      const clients = attempts.filter((each) => each.status === "fulfilled").map(({ value }) =>
        value
      );
      await until("one is accepted", () => clients.filter(({ open }) => open).length === 1);
      assertEquals((await get(a, "/api/v1/connections")).total, 1);
      for (const server of [a, b]) {
        const url = new URL(`/v1/ws?ticket=${ticket}`, server.url);
        await assertRejects(() => TextClient.connect(url), Error, "3000");
      }
      for (const client of clients) client[Symbol.dispose]();
    }),
);

integrationTest(
  "A key that one process suspends is out at all of them",
  () =>
    withHub(async (a, b) => {
      using watch = new LoopWatch();
      const there = await connect(b, USER);
      const infoway = new URL(`/ws?business=crypto&apikey=${USER.credential}`, a.url);
      using loud = await TextClient.connect(infoway);
      for (let n = 0; n <= 60; n++) loud.send({ code: 10010, trace: `${n}`, ack: 1 });
      await loud.end();
      await a.line("key suspended for repeated violations");
      const suspendedMs = performance.now();
      const { code, reason } = await there.client.end();
      assertEquals([code, reason.split(":")[0]], [1008, "key_suspended"]);
      assertLess(performance.now() - suspendedMs, 1_000 + watch.worstMs(suspendedMs));
      await assertRejects(() => connect(b, USER));
      const list = await get(b, "/api/v1/suspensions");
      assertEquals(list.suspensions.map(({ key }: { key: string }) => key), [USER.id]);
      const { status } = await b.ask({
        method: "DELETE",
        path: `/api/v1/suspensions/${USER.id}`,
        headers: authorization(ADMIN),
      });
      assertEquals(status, 204);
      const back = await connect(a, USER);
      await back.client.close();
    }, { SUSPEND_AFTER_VIOLATIONS: "1" }),
);

integrationTest(
  "A channel has the members of all processes; one that dies is missed after its grace",
  () =>
    withHub(async (a, b) => {
      const watcher = await connect(a, USER);
      // deno-lint-ignore no-explicit-any -- tests look into messages freely
      const next = async (): Promise<any> => {
        for (;;) {
          const message = await watcher.client.nextJson();
          if (["joined", "left", "presence"].includes(message.type)) return message;
        }
      };
      watcher.client.send({ type: "subscribe", channel: "c", member: "w", presence: true });
      assertEquals((await next()).member, "w");
      const there = await connect(b, USER);
      there.client.send({ type: "subscribe", channel: "c", member: "m", info: { a: "{1}" } });
      const joined = await next();
      assertEquals([joined.type, joined.member, joined.info], ["joined", "m", { a: "{1}" }]);
      assertEquals(joined.clientId, there.clientId);
      const both = await connect(b, USER);
      both.client.send({ type: "subscribe", channel: "c", member: "b" });
      assertEquals((await next()).member, "b");
      const here = await connect(a, USER);
      here.client.send({ type: "subscribe", channel: "c", member: "b" });
      await here.client.nextJson();
      watcher.client.send({ type: "presence", channel: "c", id: "p" });
      const list = await next();
      assertEquals(list.count, 3);
      const elsewhere = await get(b, "/api/v1/channels/c/presence");
      assertEquals(elsewhere.count, 3);
      await there.client.close();
      const left = await next();
      assertEquals([left.type, left.member], ["left", "m"]);
      Deno.kill(b.pid, "SIGKILL");
      await b.status;
      both.client[Symbol.dispose]();
      await here.client.close();
      await until(
        "the end of a member",
        () => watcher.client.texts.some((text) => /"left".*"member":"b"/.test(text)),
        { withinMs: 30_000 },
      );
      await watcher.client.close();
    }, { PRESENCE_GRACE_MS: "500" }),
);

integrationTest(
  "The limits of a key hold for all processes",
  () => {
    const connects = (server: ServerProcess) => connect(server, FEW);
    const isRefused = (server: ServerProcess) => connects(server).then(() => false, () => true);
    return withHub(async (a, b) => {
      const first = await connects(a);
      const second = await connects(b);
      assertEquals([await isRefused(a), await isRefused(b)], [true, true]);
      const moved = await connect(b, FEW, { replaces: first.clientId });
      await first.client.close();
      assertEquals([await isRefused(a), await isRefused(b)], [true, true]);

      let published = 0;
      const fails = [a, b].map(() => false);
      for (let n = 0; fails.includes(false); n++) {
        const { status } = await publishOn(n % 2 === 0 ? a : b, FEW);
        if (status === 200) published++;
        fails[n % 2] ||= status === 429;
      }
      // Shares of four messages: each process may have one that the other would need.
      assertGreaterOrEqual(published, 40 - 4);
      assertLessOrEqual(published, 40 + 2 * 4);
      for (const { client } of [second, moved]) await client.close();
    }, { SUSPEND_AFTER_VIOLATIONS: "0" });
  },
);

integrationTest(
  "A burst of messages waits for shares of what all processes may have, and none is refused",
  () =>
    withHub(async (a) => {
      const { client } = await connect(a, BURST);
      for (let n = 1; n <= 40; n++) client.send({ type: "ping", id: `${n}` });
      for (let n = 1; n <= 40; n++) assertEquals((await client.nextJson()).id, `${n}`);
      client.send({ type: "ping", id: "41" });
      const { code, reason } = await client.end();
      assertEquals([code, reason.split(":")[0]], [1008, "rate_limited"]);
    }),
);
