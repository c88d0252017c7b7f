import { assertEquals } from "@std/assert";
import { RedisWorld } from "../simulation/core/redis_world.ts";

Deno.test("No node is lost when Redis returns with old counters", async () => {
  const world = new RedisWorld();
  const lines: string[] = [];
  const line = (message: string) => void lines.push(message);
  const log = { debug: line, info: line, warning: line, error: line };
  // At once, so that their renewals meet, and come in another order each time.
  await Promise.all(Array.from({ length: 8 }, () => world.node({ log })));
  for (let i = 0; i < 20; i++) {
    await world.pass(4_000 + 100 * i);
    const old = world.redis.data.snapshot();
    await world.pass(2_800);
    world.redis.restart(700, old);
    await world.pass(10_000);
  }
  assertEquals(lines.filter((line) => line === "a node is lost"), []);
  await world.end();
});
