import { assertEquals, assertRejects } from "@std/assert";
import { systemClock } from "../../server/base/clock.ts";
import { IOREDIS as driver } from "../../server/redis/ioredis.ts";
import { RedisStore } from "../../server/stores/redis.ts";
import { testStore } from "../contracts/store_contract.ts";
import { RedisServer } from "../support/server/redis_server.ts";
import { until } from "../support/until.ts";

const random = Math.random;

testStore("RedisStore", async () => {
  const redis = await RedisServer.start();
  return {
    shared: true,
    open: (clock) => RedisStore.open({ url: redis.url, prefix: "test:", driver, clock, random }),
    [Symbol.asyncDispose]: () => redis[Symbol.asyncDispose](),
  };
});

Deno.test("RedisStore frees what has expired, also what is never listed", async () => {
  await using redis = await RedisServer.start();
  const store = await RedisStore.open({
    url: redis.url,
    prefix: "test:",
    driver,
    clock: systemClock,
    random,
  });
  for (let n = 0; n < 20; n++) {
    const expiresAtMs = systemClock.wall() + 1_000 * n;
    await store.put("a", { id: `${n}`, value: null, expiresAtMs });
  }
  await redis.age(40_000);
  assertEquals(await redis.command("DBSIZE"), 0);
  await store.close();
});

Deno.test("RedisStore opens while Redis is away, rejects, and works once it is there", async () => {
  await using redis = await RedisServer.start();
  await redis.kill();
  const store = await RedisStore.open({
    url: redis.url,
    prefix: "test:",
    driver,
    clock: systemClock,
    random,
  });
  await assertRejects(() => store.list("a"));
  await redis.restart();
  await until("an answer", () => store.list("a").then((all) => all.length === 0, () => false));
  await store.close();
});
