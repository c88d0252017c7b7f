import { assertEquals } from "@std/assert";
import { testLimits } from "../contracts/limits_contract.ts";
import { TestNodes } from "../support/server/redis_nodes.ts";
import { until } from "../support/until.ts";

const request = (counted: number, most?: number) => ({
  counted,
  uncounted: 0,
  ...(most !== undefined && { most: { counted: most, uncounted: 0 } }),
});

testLimits("RedisLimits", async () => {
  const nodes = await TestNodes.start();
  const [{ broker: a }, { broker: b }] = [await nodes.node(), await nodes.node()];
  return {
    a: a.limits,
    b: b.limits,
    loseB: () => b.close(),
    pass: (ms) => nodes.redis.age(ms),
    [Symbol.asyncDispose]: () => nodes[Symbol.asyncDispose](),
  };
});

Deno.test("A Redis that has lost the connections of keys is told again", async () => {
  await using nodes = await TestNodes.start();
  const [{ broker: a }, { broker: b }] = [await nodes.node(), await nodes.node()];
  assertEquals(await a.limits.count("k", request(2, 2)), true);
  await nodes.pass(2_000); // the lease is renewed
  await nodes.redis.command("FLUSHALL");
  await nodes.pass(4_000);
  assertEquals(await b.limits.count("k", request(1, 2)), false);
  await a.limits.count("k", request(0));
  await nodes.redis.command("FLUSHALL");
  await nodes.pass(4_000);
  assertEquals(await b.limits.count("k", request(2, 2)), true);
});

Deno.test("The connections of a key outlast their time in Redis while their node is there", async () => {
  await using nodes = await TestNodes.start();
  const [{ broker: a }, { broker: b }] = [await nodes.node(), await nodes.node()];
  await a.limits.count("k", request(2, 2));
  await nodes.pass(130_000);
  assertEquals(await b.limits.count("k", request(1, 2)), false);
});

Deno.test("While Redis is away limits are not known", async () => {
  await using nodes = await TestNodes.start();
  const { broker } = await nodes.node();
  await broker.limits.count("k", request(1, 2));
  await nodes.redis.kill();
  await until("Redis is away", () => broker.isDegraded);
  assertEquals(await broker.limits.count("k", request(2, 2)), undefined);
  assertEquals(await broker.limits.take("n", { amount: 1, perMinute: 1 }), undefined);
});
