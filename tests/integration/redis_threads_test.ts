/**
 * Two threads on one Redis: each is a node of it, and the process answers for both.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { integrationTest } from "../support/integration_test_case.ts";
import { postJson } from "../support/peers/post_json.ts";
import { TextClient } from "../support/peers/text_client.ts";
import { RedisServer } from "../support/server/redis_server.ts";
import { ServerProcess } from "../support/server/server_process.ts";
import { until } from "../support/until.ts";

integrationTest("Threads with REDIS_URL are nodes of one hub", async () => {
  await using redis = await RedisServer.start();
  await using server = await ServerProcess.start({ env: { WORKERS: "2", REDIS_URL: redis.url } });
  await until(
    "both are connected",
    () => server.lines("connected to Redis").map(({ thread }) => thread).sort().join() === "1,2",
  );
  const clients: TextClient[] = [];
  const nodes = async () => {
    const { body } = await server.ask({ path: "/api/v1/connections" });
    return new Set(JSON.parse(body).connections.map(({ node }: { node: string }) => node)).size;
  };
  do {
    const client = await TextClient.connect(new URL("/ws", server.url));
    clients.push(client);
    await client.nextJson();
    client.send({ type: "subscribe", channel: "c" });
    assertEquals((await client.nextJson()).type, "subscribed");
  } while (await nodes() < 2);
  await postJson(server, "/api/v1/publish", { body: { channel: "c", data: 1 } });
  for (const client of clients) assertEquals((await client.nextJson()).offset, 1);
  const metrics = await server.metrics();
  assertEquals(metrics.value("systole_broker_up"), 1);
  assertEquals(metrics.value("systole_connections"), clients.length);
  assertEquals(metrics.value("systole_threads"), 2);
  Deno.kill(server.pid, "SIGTERM");
  for (const client of clients) assertEquals((await client.end()).code, 1012);
  assertEquals((await server.status).code, 0);
});
