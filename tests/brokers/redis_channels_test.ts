import { assertEquals } from "@std/assert";
import type { RedisBroker } from "../../server/brokers/redis.ts";
import { RedisWorld, SETTLE_MS } from "../simulation/core/redis_world.ts";

const publish = async (broker: RedisBroker, data: string) =>
  (await broker.publish({ kind: "publication", channel: "c", data, timestamp: 1 })).position!;

Deno.test("A subscriber that comes from another node may have more than this one", async () => {
  const world = new RedisWorld();
  const [here, there] = [await world.node(), await world.node()];
  await here.broker.subscribe("c");
  await publish(there.broker, "1");
  await world.pass(SETTLE_MS);
  world.redis.pubSubFault = { untilMs: Infinity, lost: 1, repeated: 0, late: 0 };
  const since = await publish(there.broker, "2");
  await world.pass(SETTLE_MS);
  assertEquals(here.got.length, 1);
  const history = (await here.broker.subscribe("c", since))!;
  assertEquals([history.epoch, history.offset], [since.epoch, 2]);
  assertEquals(here.got.length, 2);
  const next = await publish(there.broker, "3");
  assertEquals((await here.broker.history("c", next))?.offset, 3);
  await world.end();
});
