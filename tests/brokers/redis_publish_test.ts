import { assert, assertEquals } from "@std/assert";
import { Unavailable } from "../../server/brokers/broker.ts";
import { RedisWorld } from "../simulation/core/redis_world.ts";

const PUBLICATION = { kind: "publication", channel: "c", data: "1", timestamp: 1 } as const;

Deno.test("A publication that waits for Redis is refused when its node ends", async () => {
  const world = new RedisWorld();
  const { broker } = await world.node();
  world.redis.restart(5_000, world.redis.data);
  await world.pass(500);
  const answer = Promise.resolve(broker.publish(PUBLICATION)).catch((error) => error);
  await broker.close();
  assert(await answer instanceof Unavailable);
  await world.end();
});

Deno.test("A gap that a full Redis refuses is told once there is room", async () => {
  const world = new RedisWorld();
  const { broker } = await world.node();
  const there = await world.node();
  await there.broker.subscribe("c");
  world.redis.cut("node 1", world.scheduler.nowMs + 8_000);
  await world.pass(6_000);
  assertEquals(await broker.publish(PUBLICATION), { degraded: true });
  world.redis.fullUntilMs = Infinity;
  await world.pass(12_000);
  assert(!broker.isDegraded);
  const gaps = () => there.got.filter(({ kind }) => kind === "gap").length;
  assertEquals(gaps(), 0);
  world.redis.fullUntilMs = -Infinity;
  await world.pass(10_000);
  assertEquals(gaps(), 1);
  await world.end();
});
