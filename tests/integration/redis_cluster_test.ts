import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { IOREDIS as driver } from "../../server/redis/ioredis.ts";
import { slotOf } from "../../server/redis/slot.ts";
import { RedisStore } from "../../server/stores/redis.ts";
import { testStore } from "../contracts/store_contract.ts";
import { type Node, TestNodes } from "../support/server/redis_nodes.ts";
import { RedisServer } from "../support/server/redis_server.ts";
import { until } from "../support/until.ts";

const cluster = RedisServer.clusterOfFile();

testStore("RedisStore on a cluster", async () => {
  const servers = await cluster();
  const url = servers[0].url.replace("redis:", "redis-cluster:");
  return {
    shared: true,
    open: (clock) => RedisStore.open({ url, prefix: "test:", driver, clock, random: Math.random }),
    async [Symbol.asyncDispose]() {},
  };
});

async function withCluster(run: (nodes: TestNodes) => Promise<void>): Promise<void> {
  await using nodes = TestNodes.on(await cluster());
  await run(nodes);
}

const publish = async ({ broker }: Node, channel: string, data: string) =>
  await broker.publish({ kind: "publication", channel, data, timestamp: 1 });

function linesOf({ got }: Node, channel: string): string[] {
  return got.flatMap((each) => {
    if (each.kind === "relay" || each.channel !== channel) return [];
    return each.kind === "gap" ? [`gap ${each.offset}`] : [`${each.offset} ${each.data}`];
  });
}

const CHANNELS = Array.from({ length: 24 }, (_, n) => `room {${n}}`);

Deno.test("Channels of all primaries go on when pub/sub connections are killed", () =>
  withCluster(async (nodes) => {
    const [a, b] = [await nodes.node(), await nodes.node()];
    await Promise.all(CHANNELS.map((channel) => b.broker.subscribe(channel)));
    for (const server of nodes.servers) {
      await server.command("CLIENT", "KILL", "TYPE", "pubsub");
      for (const channel of CHANNELS) await publish(a, channel, "1");
    }
    const expected = ["1 1", "2 1", "3 1"];
    await until(
      "all messages",
      () => CHANNELS.every((channel) => linesOf(b, channel).length >= expected.length),
    );
    for (const channel of CHANNELS) assertEquals(linesOf(b, channel), expected);
    b.broker.nodes.answer("echo", (data) => data);
    await until("both are up", () => !a.broker.isDegraded && !b.broker.isDegraded);
    assertEquals((await a.broker.nodes.ask("echo", 7)).answers.map(({ answer }) => answer), [7]);
  }));

Deno.test("A slot that moves to another primary: its channel has a gap, and goes on", () =>
  withCluster(async (nodes) => {
    const [a, b] = [await nodes.node(), await nodes.node()];
    const [channel] = CHANNELS;
    const position = `test:v1:{${encodeURIComponent(channel)}}:position`;
    const slot = slotOf(position);
    for (const name of CHANNELS) await b.broker.subscribe(name);
    const before = await publish(a, channel, "1");
    await nodes.settle();
    const source = nodes.servers[Math.floor(slot * 3 / 16_384)];
    const target = nodes.servers.find((server) => server !== source)!;
    await RedisServer.moveSlot(slot, [source, target]);
    const after = await publish(a, channel, "2");
    assertNotEquals(after.position!.epoch, before.position!.epoch);
    await until("the message", () => linesOf(b, channel).includes("1 2"), { withinMs: 20_000 });
    assertEquals(linesOf(b, channel), ["1 1", "gap 0", "1 2"]);
    await publish(a, channel, "3");
    await nodes.settle();
    assertEquals(linesOf(b, channel).at(-1), "2 3");
    for (const name of CHANNELS.slice(1)) {
      assert(!linesOf(b, name).some((line) => /gap/.test(line)));
    }
  }));

Deno.test(
  "A primary that dies: its channels go on at the replica that takes its place, with gaps",
  async () => {
    await using nodes = await TestNodes.startCluster();
    await using replica = await RedisServer.startReplica(nodes.servers);
    const [a, b] = [await nodes.node(), await nodes.node()];
    for (const name of CHANNELS) await b.broker.subscribe(name);
    for (const name of CHANNELS) await publish(a, name, "1");
    await nodes.settle();
    const isOfFirst = (name: string) =>
      slotOf(`test:v1:{${encodeURIComponent(name)}}:live`) < 16_384 / 3;
    await nodes.servers[0].kill();
    await until("both are up", async () => {
      return await replica.isPrimary() && !a.broker.isDegraded && !b.broker.isDegraded;
    }, { withinMs: 60_000 });
    for (const name of CHANNELS) {
      const { position } = await publish(a, name, "2");
      assertEquals(position?.offset, isOfFirst(name) ? 1 : 2);
    }
    await until(
      "all messages",
      () => CHANNELS.every((name) => linesOf(b, name).some((line) => line.endsWith(" 2"))),
    );
    for (const name of CHANNELS) {
      const lines = isOfFirst(name) ? ["1 1", "gap 0", "1 2"] : ["1 1", "2 2"];
      assertEquals(linesOf(b, name), lines);
    }
  },
);
