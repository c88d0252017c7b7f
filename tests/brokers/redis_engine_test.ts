import { assertEquals } from "@std/assert";
import { RedisEngine } from "../../server/brokers/redis_engine.ts";
import { SimProcess } from "../simulation/core/process.ts";
import { redisDriver } from "../simulation/core/redis_connection.ts";
import { RedisWorld } from "../simulation/core/redis_world.ts";

Deno.test("A node keeps its connections when commands are answered before it is subscribed", async () => {
  const world = new RedisWorld();
  const nodes = [];
  for (let i = 0; i < 20; i++) nodes.push(await world.node());
  await world.pass(10_000);
  assertEquals(nodes.map(({ broker }) => broker.losses), nodes.map(() => 0));
  await world.end();
});

Deno.test("An engine that has ended sends no probe, and leaves no timer", async () => {
  const world = new RedisWorld();
  const process = new SimProcess("node", world.scheduler, world.random.fork("node"));
  const engine = new RedisEngine({
    server: { host: "redis.test" },
    isSharded: false,
    driver: redisDriver(world.redis, process),
    clock: process,
    random: () => 0.5,
    log: { debug() {}, info() {}, warning() {}, error() {} },
    names: ["probe"],
    onMessage() {},
    onConnected() {},
    onInterrupted() {},
    onUp() {},
    onMoved() {},
  });
  const started = engine.start();
  await world.pass(1_000);
  await started;
  await engine.close();
  const isBack = engine.roundTrip();
  assertEquals(process.timers, 0);
  assertEquals(await isBack, false);
  await world.end();
});
