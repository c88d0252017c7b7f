import { assertEquals } from "@std/assert";
import { RedisWorld } from "../simulation/core/redis_world.ts";

Deno.test("A node keeps its connections when commands are answered before it is subscribed", async () => {
  const world = new RedisWorld();
  const nodes = [];
  for (let i = 0; i < 20; i++) nodes.push(await world.node());
  await world.pass(10_000);
  assertEquals(nodes.map(({ broker }) => broker.losses), nodes.map(() => 0));
  await world.end();
});
