import { assert } from "@std/assert";
import { Unavailable } from "../../server/brokers/broker.ts";
import { RedisWorld } from "../simulation/core/redis_world.ts";

Deno.test("A publication that waits for Redis is refused when its node ends", async () => {
  const world = new RedisWorld();
  const { broker } = await world.node();
  world.redis.restart(5_000, world.redis.data);
  await world.pass(500);
  const publication = { kind: "publication", channel: "c", data: "1", timestamp: 1 } as const;
  const answer = Promise.resolve(broker.publish(publication)).catch((error) => error);
  await broker.close();
  assert(await answer instanceof Unavailable);
  await world.end();
});
