import { NOBODY } from "../../server/brokers/shared_members.ts";
import { assertEquals } from "@std/assert";
import { RedisWorld, SETTLE_MS } from "../simulation/core/redis_world.ts";

const MEMBER = { user: null, member: "ann", clientId: "1", info: "null", sinceMs: 1 };

Deno.test("A member that leaves while Redis is away has left when it is back", async () => {
  const world = new RedisWorld();
  const [here, there] = [await world.node(), await world.node()];
  here.broker.members.put("c", MEMBER);
  await world.pass(3_000);
  assertEquals((await there.broker.members.read("c")).length, 1);
  world.redis.restart(2_000, world.redis.data);
  await world.pass(1_000);
  here.broker.members.remove("c", MEMBER);
  await world.pass(5_000);
  assertEquals(await there.broker.members.read("c"), []);
  await world.end();
});

Deno.test("A member that leaves, unanswered, and returns is there when Redis is back", async () => {
  const world = new RedisWorld();
  const [here, there] = [await world.node(), await world.node()];
  here.broker.members.put("c", MEMBER);
  await world.pass(3_000);
  world.redis.pause(5_000);
  here.broker.members.remove("c", MEMBER);
  await world.pass(SETTLE_MS);
  here.broker.members.put("c", MEMBER);
  await world.pass(10_000);
  assertEquals((await there.broker.members.read("c")).length, 1);
  await world.end();
});

Deno.test("Members that Redis has refused are there when it has room again", async () => {
  const world = new RedisWorld();
  const [here, there] = [await world.node(), await world.node()];
  await world.pass(3_000);
  world.redis.fullUntilMs = Infinity;
  here.broker.members.put("c", MEMBER);
  await world.pass(3_000);
  world.redis.fullUntilMs = -Infinity;
  await world.pass(40_000);
  assertEquals((await there.broker.members.read("c")).length, 1);
  await world.end();
});

Deno.test("A node that returns and leaves at once has no members at the others", async () => {
  const world = new RedisWorld();
  const [here, there] = [await world.node(), await world.node()];
  const gone: string[] = [];
  here.broker.members.start({
    ...NOBODY,
    gone: (node) => gone.push(node),
  });
  await here.broker.subscribe("c");
  await world.pass(3_000);
  // It was taken for lost, which nobody here has of its lease any more.
  world.redis.data.call("hdel", ["test:v1:{hub}:leases", there.broker.nodes.id]);
  await world.pass(2_100);
  assertEquals(gone, [there.broker.nodes.id]);
  there.broker.members.put("c", MEMBER);
  await world.pass(100);
  await there.broker.close();
  await world.pass(10_000);
  assertEquals(gone.length, 2);
  await world.end();
});

Deno.test("Members that a node has before its lease are told to those who come before it", async () => {
  const world = new RedisWorld();
  world.redis.pause(4_000);
  const there = await world.node(); // it has waited in vain
  there.broker.members.put("c", MEMBER);
  while (there.broker.isDegraded) await world.pass(SETTLE_MS);
  const here = await world.node();
  const told: string[] = [];
  here.broker.members.start({
    ...NOBODY,
    known: (_, all) => told.push(...all.map(({ member: { member } }) => member)),
    joined: (_, { member: { member } }) => told.push(member),
  });
  await here.broker.subscribe("c");
  assertEquals(told, []);
  await world.pass(2_100);
  assertEquals(told, ["ann"]);
  await world.end();
});

Deno.test("A node is not told of its own members", async () => {
  const world = new RedisWorld();
  const { broker } = await world.node();
  const told: string[] = [];
  broker.members.start({
    ...NOBODY,
    known: (_, all) => told.push(...all.map(({ node }) => node)),
    joined: (_, { node }) => told.push(node),
    left: (_, { node }) => told.push(node),
  });
  await broker.subscribe("c");
  broker.members.put("c", MEMBER);
  broker.members.remove("c", MEMBER);
  await world.pass(SETTLE_MS);
  assertEquals(told, []);
  await world.end();
});

Deno.test("Members of a node whose lease is not seen are passed over, and removed later", async () => {
  const world = new RedisWorld();
  const { broker } = await world.node();
  const members = "test:v1:{c}:members";
  const field = `0123456789abcdef ${JSON.stringify([null, "ann"])}`;
  world.redis.data.call("putMember", [members, field, JSON.stringify(MEMBER), 60_000, "live", ""]);
  assertEquals(await broker.members.read("c"), []);
  await world.pass(SETTLE_MS);
  // Its node may have renewed its lease meanwhile, and repeated its members.
  assertEquals(world.redis.data.fieldsOf(members), [field]);
  await world.pass(10_000);
  await broker.members.read("c");
  await world.pass(SETTLE_MS);
  assertEquals(world.redis.data.fieldsOf(members), []);
  await world.end();
});

Deno.test("A member that has left is not there again when Redis returns with old data", async () => {
  const world = new RedisWorld();
  const [here, there] = [await world.node(), await world.node()];
  for (const { broker } of [here, there]) await broker.subscribe("c");
  here.broker.members.put("c", MEMBER);
  here.broker.members.put("c", { ...MEMBER, member: "bob" });
  await world.pass(3_000);
  const old = world.redis.data.snapshot();
  here.broker.members.remove("c", MEMBER);
  await world.pass(3_000);
  world.redis.restart(1_000, old);
  await world.pass(10_000);
  const members = await there.broker.members.read("c");
  assertEquals(members.map(({ member }) => member.member), ["bob"]);
  await world.end();
});
