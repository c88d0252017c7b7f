import { assertEquals, assertLess } from "@std/assert";
import { PER_SECOND, testAdmissionRate } from "../contracts/admission_rate_contract.ts";
import { TestNodes } from "../support/server/redis_nodes.ts";
import { until } from "../support/until.ts";

const OPTIONS = { admissionPerSecond: PER_SECOND };

testAdmissionRate("RedisAdmissionRate", async () => {
  const nodes = await TestNodes.start();
  const [{ broker: a }, { broker: b }] = [await nodes.node(OPTIONS), await nodes.node(OPTIONS)];
  return {
    rate: a.admissionRate,
    other: b.admissionRate,
    pass: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    toleranceMs: 300, // of a busy machine
    [Symbol.asyncDispose]: () => nodes[Symbol.asyncDispose](),
  };
});

/** Two nodes that know each other. */
async function twoNodes(nodes: TestNodes) {
  const [{ broker: a }, { broker: b }] = [await nodes.node(OPTIONS), await nodes.node(OPTIONS)];
  await nodes.pass(4_000); // two renewals of their leases
  await until("the nodes know each other", () => a.nodes.count === 2 && b.nodes.count === 2);
  return { a, b };
}

/** How many of a crowd are admitted. */
async function admitted(rate: { admit(): number | Promise<number> }): Promise<number> {
  const waits = await Promise.all(Array.from({ length: 2 * PER_SECOND }, () => rate.admit()));
  return waits.filter((ms) => ms === 0).length;
}

Deno.test("RedisAdmissionRate admits a node's share while Redis is away", async () => {
  await using nodes = await TestNodes.start();
  const { a } = await twoNodes(nodes);
  await nodes.redis.kill();
  await until("it is noticed", () => a.isDegraded);
  assertEquals(await admitted(a.admissionRate), PER_SECOND / 2);
  const slots = await a.admissionRate.slots(4);
  assertEquals(slots.length, 4);
});

Deno.test("RedisAdmissionRate does not wait for a Redis that stalls", async () => {
  await using nodes = await TestNodes.start();
  const { a } = await twoNodes(nodes);
  nodes.redis.freeze();
  try {
    const startMs = performance.now();
    const [count, slots] = await Promise.all([
      admitted(a.admissionRate),
      a.admissionRate.slots(4),
    ]);
    assertLess(performance.now() - startMs, 2_000);
    assertEquals([count, slots.length], [PER_SECOND / 2, 4]);
  } finally {
    nodes.redis.thaw();
  }
});

Deno.test("RedisAdmissionRate keeps nothing in Redis that does not expire", async () => {
  await using nodes = await TestNodes.start();
  const { broker: { admissionRate } } = await nodes.node(OPTIONS);
  await admitted(admissionRate);
  await admissionRate.slots(10);
  const names = ["admissions", "next-slot"].map((name) => `test:v1:{hub}:${name}`);
  for (const name of names) assertLess(0, await nodes.redis.command("PTTL", name) as number);
  assertEquals(await nodes.redis.command("LLEN", names[0]), PER_SECOND);
});

Deno.test("RedisAdmissionRate admits on a primary whose clock is behind", async () => {
  await using nodes = await TestNodes.start();
  const { broker: { admissionRate } } = await nodes.node(OPTIONS);
  const future = Array.from({ length: PER_SECOND }, () => Date.now() + 600_000);
  await nodes.redis.command("RPUSH", "test:v1:{hub}:admissions", ...future);
  assertEquals(await admissionRate.admit(), 0);
});

Deno.test("RedisAdmissionRate of a cluster is one for all nodes", async () => {
  await using nodes = await TestNodes.startCluster();
  const [{ broker: a }, { broker: b }] = [await nodes.node(OPTIONS), await nodes.node(OPTIONS)];
  assertEquals(await admitted(a.admissionRate), PER_SECOND);
  assertEquals(await admitted(b.admissionRate), 0);
});
