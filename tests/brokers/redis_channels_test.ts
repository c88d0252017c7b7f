import { assertEquals } from "@std/assert";
import type { RedisBroker } from "../../server/brokers/redis.ts";
import { RedisWorld, SETTLE_MS } from "../simulation/core/redis_world.ts";
import { LogCache } from "../../server/brokers/log_cache.ts";
import { RedisChannels } from "../../server/brokers/redis_channels.ts";
import type { Engine } from "../../server/brokers/redis_engines.ts";
import { unkeptText } from "../../server/brokers/redis_messages.ts";
import { NOBODY } from "../../server/brokers/shared_members.ts";
import { channelKeys } from "../../server/redis/keys.ts";
import { VirtualClock } from "../support/fakes/virtual_clock.ts";

const BOUNDS = {
  historyMessages: 0,
  historyTtlMs: 0,
  historyBytes: 0,
  historyPositionTtlMs: 1_000,
  dedupeMs: 0,
};

const engine = () =>
  ({ subscribe: () => Promise.resolve(), unsubscribe() {} }) as unknown as Engine;

const publishAt = async (broker: RedisBroker, data: string) =>
  (await broker.publish({ kind: "publication", channel: "c", data, timestamp: 1 })).position!;

Deno.test("A subscriber that comes from another node may have more than this one", async () => {
  const world = new RedisWorld();
  const [here, there] = [await world.node(), await world.node()];
  await here.broker.subscribe("c");
  await publishAt(there.broker, "1");
  await world.pass(SETTLE_MS);
  world.redis.pubSubFaults.push({ untilMs: Infinity, lost: 1, repeated: 0, late: 0 });
  const since = await publishAt(there.broker, "2");
  await world.pass(SETTLE_MS);
  assertEquals(here.got.length, 1);
  const history = (await here.broker.subscribe("c", since))!;
  assertEquals([history.epoch, history.offset], [since.epoch, 2]);
  assertEquals(here.got.length, 2);
  const next = await publishAt(there.broker, "3");
  assertEquals((await here.broker.history("c", next))?.offset, 3);
  await world.end();
});

Deno.test("A channel that has moved takes messages from its new engine alone", async () => {
  const clock = new VirtualClock();
  const [old, next] = [engine(), engine()];
  let current = old;
  const delivered: string[] = [];
  const channels = new RedisChannels({
    clock,
    engines: { of: () => current, isMoved: () => false, look: () => Promise.resolve() },
    cache: new LogCache({ ...BOUNDS, clock }),
    prefix: "test:",
    positionTtlMs: 1_000,
    keeps: () => false,
    read: () => Promise.reject(new Error("nothing is kept")),
    members: {
      read: () => Promise.resolve([]),
      listener: NOBODY,
    },
    deliver: (each) => void delivered.push("data" in each ? each.data : each.kind),
  });
  const { live } = channelKeys("test:", "c");
  const publish = (data: string, from: Engine) => {
    const text = unkeptText({ kind: "publication", channel: "c", data, timestamp: 1 });
    channels.receive(live, text, from);
  };
  const subscribed = channels.subscribe("c");
  await clock.turnOver();
  await subscribed;
  publish("1", old);
  current = next;
  channels.moved();
  await clock.turnOver();
  for (const from of [next, old]) publish("2", from);
  assertEquals(delivered, ["1", "gap", "2"]);
  channels.close();
});

Deno.test("A channel whose subscription ends while its newest offset is compared is not read", async () => {
  const world = new RedisWorld();
  const [here, there] = [await world.node(), await world.node()];
  await here.broker.subscribe("c");
  world.redis.pubSubFaults.push({ untilMs: Infinity, lost: 1, repeated: 0, late: 0 });
  await publishAt(there.broker, "1");
  // 25 s after the start the offsets are compared, which takes until Redis goes on.
  await world.pass(24_500 - world.scheduler.nowMs);
  world.redis.pause(2_000);
  await world.pass(1_000);
  here.broker.unsubscribe("c");
  await world.pass(10_000);
  assertEquals([here.broker.channels, here.broker.bytes, here.got], [0, 0, []]);
  await world.end();
});
