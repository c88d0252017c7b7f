import { assert, assertEquals, assertLess } from "@std/assert";
import { RedisWorld } from "../simulation/core/redis_world.ts";

Deno.test("A Redis that does not answer is waited for once, also by a node that drains", async () => {
  const world = new RedisWorld();
  const { broker: { admissionRate } } = await world.node();
  world.redis.pause(2_000);
  const startMs = world.scheduler.nowMs;
  for (let i = 0; i < 5; i++) assertEquals((await admissionRate.slots(3)).length, 3);
  assert(await admissionRate.admit() >= 0);
  assertLess(world.scheduler.nowMs - startMs, 600);
  await world.pass(5_000);
  const secondMs = world.scheduler.nowMs;
  assert(await admissionRate.admit() >= 0);
  assertLess(world.scheduler.nowMs - secondMs, 100);
  await world.end();
});
