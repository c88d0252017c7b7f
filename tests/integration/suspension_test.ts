/**
 * A key that broke the rate rule too often is suspended: what its clients see, what others do not
 * see, and how it ends.
 *
 * @module
 */

import { assert, assertEquals, assertGreaterOrEqual, assertLess } from "@std/assert";
import { apiKeys, testKey } from "../support/server/credentials.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import { type HttpAnswer, UPGRADE_HEADERS } from "../support/peers/plain_http.ts";
import { ServerProcess, startCommand } from "../support/server/server_process.ts";
import { TextClient } from "../support/peers/text_client.ts";
import { until } from "../support/until.ts";

const LOUD = testKey("loud");
const CALM = testKey("calm", { admin: true });
/** A violation is counted when its connection has gone for good: after closeWait. */
const ENV = { API_KEYS: apiKeys(LOUD, CALM), CLOSE_WAIT_MS: "100" };
const CONNECTED = '{"code":200,"msg":"ws connect success"}';
const TOO_OFTEN = "Request frequency exceed the limit：60 times per minute";
const BLACKLISTED = "The apikey is in the blacklist";
const MINUTE_LIMIT = 60;
const SUSPEND_MS = 900_000;
const SUSPENDED = "key suspended for repeated violations";

type Key = typeof LOUD;

const infowayPath = ({ credential }: Key) => `/ws?business=crypto&apikey=${credential}`;
const adminHeaders = { Authorization: `Bearer ${CALM.credential}` };

async function infoway(server: ServerProcess, key: Key): Promise<TextClient> {
  const client = await TextClient.connect(new URL(infowayPath(key), server.url));
  assertEquals(await client.next(), CONNECTED);
  return client;
}

async function json(server: ServerProcess, key: Key): Promise<TextClient> {
  const client = await TextClient.connect(new URL("/ws", server.url), {
    headers: { Authorization: `Bearer ${key.credential}` },
  });
  assertEquals((await client.nextJson()).type, "welcome");
  return client;
}

/** Says one thing and hears the answer. */
async function isUnharmed(client: TextClient, trace: string): Promise<void> {
  client.send({ code: 10010, trace, ack: 1 });
  assertEquals(await client.next(), `{"code":10011,"trace":"${trace}","msg":"ok"}`);
}

/** Sixty messages are answered, the next one is not: it ends the connection. */
async function violate(server: ServerProcess, key: Key): Promise<void> {
  const before = rateLimited(server).length;
  using client = await infoway(server, key);
  for (let each = 1; each <= MINUTE_LIMIT; each++) {
    client.send({ code: 10010, trace: `t${each}`, ack: 1 });
  }
  for (let each = 1; each <= MINUTE_LIMIT; each++) {
    assertEquals(await client.next(), `{"code":10011,"trace":"t${each}","msg":"ok"}`);
  }
  assert(client.open, "sixty in a minute are not too many");
  client.send({ code: 10010, trace: "t61", ack: 1 });
  const { code, reason } = await client.end();
  assertEquals({ code, reason }, { code: 1008, reason: TOO_OFTEN });
  const last = JSON.stringify({ traceId: "t61", code: 501, msg: TOO_OFTEN });
  assertEquals(client.texts.slice(MINUTE_LIMIT + 1), [last]);
  await until("its end is told", () => rateLimited(server).length === before + 1);
}

function rateLimited(server: ServerProcess): unknown[] {
  return server.lines("connection closed").filter(({ reason }) => reason === "rate_limited");
}

function handshake(server: ServerProcess, path: string): Promise<HttpAnswer> {
  return server.ask({ path, headers: UPGRADE_HEADERS });
}

/** Refused as for a bad key. */
async function isRefused(server: ServerProcess, key: Key): Promise<void> {
  const { status, headers, body } = await handshake(server, infowayPath(key));
  const authenticate = headers.get("www-authenticate");
  assertEquals({ status, authenticate, body }, {
    status: 401,
    authenticate: 'apikey realm="key"',
    body: "",
  });
  const path = `/ws?access_token=${key.credential}`;
  assertEquals((await handshake(server, path)).status, 401);
}

async function comesIn(server: ServerProcess, key: Key): Promise<void> {
  using client = await infoway(server, key);
  await isUnharmed(client, "in");
}

async function suspendedKeys(server: ServerProcess): Promise<string[]> {
  const answer = await server.ask({ path: "/api/v1/suspensions", headers: adminHeaders });
  return JSON.parse(answer.body).suspensions.map(({ key }: { key: string }) => key);
}

async function lift(server: ServerProcess, key: Key, by: Key): Promise<number> {
  const { status } = await server.ask({
    method: "DELETE",
    path: `/api/v1/suspensions/${key.id}`,
    headers: { Authorization: `Bearer ${by.credential}` },
  });
  return status;
}

/** An infoway client of the suspended key, and a json one, are told and closed. */
async function areSentAway(ofInfoway: TextClient, ofJson: TextClient): Promise<void> {
  const { code, reason } = await ofInfoway.end();
  assertEquals({ code, reason }, { code: 1008, reason: BLACKLISTED });
  const told = JSON.stringify({ traceId: "", code: 511, msg: BLACKLISTED });
  assertEquals(ofInfoway.texts.at(-1), told);
  const end = await ofJson.end();
  assertEquals([end.code, end.reason.split(":")[0]], [1008, "key_suspended"]);
  const afterMs = Number(/; afterMs=(\d+)$/.exec(end.reason)?.[1]);
  assert(afterMs <= SUSPEND_MS && afterMs > SUSPEND_MS - 1_000, end.reason);
}

async function withDataDir(
  test: (start: (env?: Record<string, string>) => Promise<ServerProcess>) => Promise<void>,
) {
  const folder = await Deno.makeTempDir({ prefix: "systole-suspension-" });
  const command = startCommand(`--allow-write=${folder}`);
  try {
    await test((env) =>
      ServerProcess.start({ env: { ...ENV, DATA_DIR: folder, ...env }, command })
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function stop(server: ServerProcess): Promise<void> {
  Deno.kill(server.pid, "SIGTERM");
  assertEquals((await server.status).code, 0);
}

integrationTest(
  "The third violation suspends the key, its clients go, a restart remembers, other keys go on",
  () =>
    withDataDir(async (start) => {
      {
        await using server = await start();
        using loudInfoway = await infoway(server, LOUD);
        using loudJson = await json(server, LOUD);
        using calmInfoway = await infoway(server, CALM);
        using calmJson = await json(server, CALM);
        for (const each of ["first", "second"]) {
          await violate(server, LOUD);
          await isUnharmed(loudInfoway, each);
          assertEquals(await suspendedKeys(server), []);
        }
        await violate(server, LOUD);
        await areSentAway(loudInfoway, loudJson);
        assertEquals((await server.line(SUSPENDED)).key, LOUD.id);
        await isRefused(server, LOUD);
        assertEquals(await suspendedKeys(server), [LOUD.id]);
        await isUnharmed(calmInfoway, "calm");
        calmJson.send({ type: "ping", id: "calm" });
        assertEquals((await calmJson.nextJson()).id, "calm");
        await comesIn(server, CALM);
        await stop(server);
      }
      {
        await using server = await start();
        await isRefused(server, LOUD);
        await comesIn(server, CALM);
        assertEquals(await suspendedKeys(server), [LOUD.id]);
        assertEquals(await lift(server, LOUD, LOUD), 401, "nobody lifts its own");
        assertEquals(await lift(server, LOUD, CALM), 204);
        assertEquals(await lift(server, LOUD, CALM), 404);
        await comesIn(server, LOUD);
        await stop(server);
      }
      await using server = await start();
      await comesIn(server, LOUD);
      await violate(server, LOUD); // the three of before are paid for
      await comesIn(server, LOUD);
    }),
);

integrationTest(
  "Whoever comes back in the very moment of the third violation is refused",
  () =>
    withDataDir(async (start) => {
      const keys = Array.from({ length: 5 }, (_, each) => testKey(`hasty${each}`));
      await using server = await start({
        API_KEYS: apiKeys(...keys),
        INFOWAY_MESSAGES_PER_MINUTE: "1",
      });
      for (const key of keys) {
        for (let violations = 1; violations <= 3; violations++) {
          using client = await infoway(server, key);
          for (const trace of ["one", "two"]) client.send({ code: 10010, trace });
          await client.end();
        }
        const all = await Promise.all([1, 2, 3].map(() => handshake(server, infowayPath(key))));
        assertEquals(all.map(({ status }) => status), [401, 401, 401], key.id);
      }
    }),
);

integrationTest(
  "Violations add up over a restart, and a suspension survives a kill",
  () =>
    withDataDir(async (start) => {
      {
        await using server = await start();
        await violate(server, LOUD);
        await violate(server, LOUD);
        assertEquals(await suspendedKeys(server), []);
        await stop(server);
      }
      {
        await using server = await start();
        await comesIn(server, LOUD);
        await violate(server, LOUD);
        await server.line(SUSPENDED);
      } // SIGKILL
      await using server = await start();
      await isRefused(server, LOUD);
      await comesIn(server, CALM);
    }),
);

integrationTest(
  "A suspension ends by itself after SUSPEND_MS, and starts from nothing",
  async () => {
    const suspendMs = 1_500;
    await using server = await ServerProcess.start({ env: { ...ENV, SUSPEND_MS: `${suspendMs}` } });
    await violate(server, LOUD);
    await violate(server, LOUD);
    const beforeMs = performance.now();
    await violate(server, LOUD);
    await server.line(SUSPENDED);
    const afterMs = performance.now();
    await isRefused(server, LOUD);
    await until(
      "the end of the suspension",
      () => comesIn(server, LOUD).then(() => true, () => false),
    );
    const endMs = performance.now();
    assertGreaterOrEqual(endMs - beforeMs, suspendMs);
    assertLess(endMs - afterMs, suspendMs + 500);
    await violate(server, LOUD); // the three of before are paid for
    await comesIn(server, LOUD);
  },
);
