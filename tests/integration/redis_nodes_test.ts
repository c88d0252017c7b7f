import { assert, assertEquals, assertGreater, assertNotEquals, assertRejects } from "@std/assert";
import { type Placed, Unavailable } from "../../server/brokers/broker.ts";
import type { LostNode } from "../../server/brokers/nodes.ts";
import { RedisServer } from "../support/server/redis_server.ts";
import { RedisRelay } from "../support/server/redis_relay.ts";
import { type Node, TestNodes } from "../support/server/redis_nodes.ts";
import { until } from "../support/until.ts";

async function withNodes(run: (nodes: TestNodes) => Promise<void>): Promise<void> {
  await using nodes = await TestNodes.start();
  await run(nodes);
}

const publish = async ({ broker }: Node, channel: string, data: string, key?: string) =>
  await broker.publish({ kind: "publication", channel, data, timestamp: 1 }, key);

/** What was published on a channel, and gaps, as a line each. */
function linesOf({ got }: Node, channel = "c"): string[] {
  return got.flatMap((each) => {
    if (each.kind === "relay" || each.channel !== channel) return [];
    return each.kind === "gap" ? [`gap ${each.offset}`] : [`${each.offset} ${each.data}`];
  });
}

const bothUp = (a: Node, b: Node) =>
  until("both are up", () => !a.broker.isDegraded && !b.broker.isDegraded, { withinMs: 20_000 });

const numbered = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => `${from + i} ${from + i}`);

Deno.test("Nodes on one Redis have one order, one position, and know each other's repeats", () =>
  withNodes(async (nodes) => {
    const [a, b] = [await nodes.node(), await nodes.node()];
    for (const { broker } of [a, b]) await broker.subscribe("c");
    const publications: Promise<Placed>[] = [];
    for (let n = 0; n < 200; n++) publications.push(publish(n % 2 ? a : b, "c", `${n}`));
    const placed = await Promise.all(publications);
    await nodes.settle();
    assertEquals(linesOf(a).length, 200);
    assertEquals(linesOf(a), linesOf(b));
    const offsets = placed.map(({ position }) => position!.offset).sort((x, y) => x - y);
    assertEquals(offsets, Array.from({ length: 200 }, (_, i) => i + 1));
    assertEquals(new Set(placed.map(({ position }) => position!.epoch)).size, 1);

    const first = await publish(a, "c", "once", "key");
    assertEquals(await publish(b, "c", "once", "key"), { ...first, duplicate: true });
    await nodes.settle();
    assertEquals(linesOf(b).length, 201);
  }));

Deno.test("A node that is new has what was published before, and one that has left gets nothing", () =>
  withNodes(async (nodes) => {
    const a = await nodes.node();
    for (let n = 1; n <= 5; n++) await publish(a, "c", `${n}`);
    const b = await nodes.node();
    const history = (await b.broker.subscribe("c"))!;
    assertEquals([history.first, history.offset, history.at(3)?.data], [1, 5, "3"]);
    await publish(a, "c", "6");
    await nodes.settle();
    assertEquals(linesOf(b), ["6 6"]);
    b.broker.unsubscribe("c");
    await publish(a, "c", "7");
    await nodes.settle();
    assertEquals(linesOf(b), ["6 6"]);
    assertEquals((await b.broker.subscribe("c"))!.offset, 7);
  }));

Deno.test("Subscribing during a flood loses nothing and repeats nothing", () =>
  withNodes(async (nodes) => {
    const [a, b] = [await nodes.node(), await nodes.node()];
    const data = JSON.stringify("x".repeat(1_000));
    const flood: Promise<Placed>[] = [];
    let joined: Promise<number> | undefined;
    for (let n = 0; n < 6_000; n++) {
      flood.push(publish(a, "c", data));
      if (n === 1_000) joined = Promise.resolve(b.broker.subscribe("c")).then((log) => log!.offset);
      if (n % 500 === 0) await new Promise((resolve) => setTimeout(resolve));
    }
    await Promise.all(flood);
    const from = await joined!;
    await nodes.settle();
    const offsets = b.got.map((each) => each.kind === "publication" ? each.offset! : 0);
    const after = offsets.filter((offset) => offset > from);
    assertEquals(after, Array.from({ length: 6_000 - from }, (_, i) => from + 1 + i));
    assertEquals(offsets, [...new Set(offsets)].sort((x, y) => x - y));
  }));

Deno.test("A message that pub/sub has lost is read when the next one shows it", () =>
  withNodes(async (nodes) => {
    const a = await nodes.node();
    await a.broker.subscribe("c");
    await publish(a, "c", "1");
    await lose(nodes, 2);
    await publish(a, "c", "3");
    await until("both messages", () => linesOf(a).length === 3);
    assertEquals(linesOf(a), ["1 1", "2 lost", "3 3"]);
    assertEquals([a.broker.holes, a.broker.gaps], [1, 0]);
  }));

Deno.test("A last message that pub/sub has lost is found within 25 s", () =>
  withNodes(async (nodes) => {
    const a = await nodes.node();
    await a.broker.subscribe("c");
    await publish(a, "c", "1");
    await nodes.settle();
    await lose(nodes, 2);
    await nodes.pass(20_000);
    assertEquals(linesOf(a), ["1 1"]);
    await nodes.pass(6_000);
    await until("the lost message", () => linesOf(a).length === 2);
    assertEquals(linesOf(a), ["1 1", "2 lost"]);
  }));

Deno.test("Messages that the stream has not any more are a gap", () =>
  withNodes(async (nodes) => {
    const a = await nodes.node();
    const history = (await a.broker.subscribe("c"))!;
    await publish(a, "c", "1");
    await nodes.settle();
    await lose(nodes, 2);
    await lose(nodes, 3);
    await nodes.redis.command("XTRIM", "test:v1:{c}:messages", "MAXLEN", 1);
    await publish(a, "c", "4");
    await until("the newest message", () => linesOf(a).at(-1) === "4 4");
    assertEquals(linesOf(a), ["1 1", "gap 2", "3 lost", "4 4"]);
    assertEquals([history.first, history.offset], [3, 4]);
  }));

Deno.test("A killed pub/sub connection loses no message of a channel with a history", () =>
  withNodes(async (nodes) => {
    const [a, b] = [await nodes.node(), await nodes.node()];
    await b.broker.subscribe("c");
    await b.broker.subscribe("off/c");
    await publish(a, "c", "1");
    await nodes.settle();
    await nodes.redis.command("CLIENT", "KILL", "TYPE", "pubsub");
    for (let n = 2; n <= 50; n++) await publish(a, "c", `${n}`);
    await until("all messages", () => linesOf(b).length >= 50);
    await until("the gap of the channel without history", () => linesOf(b, "off/c").length > 0);
    assertEquals(linesOf(b), numbered(1, 50));
    assertEquals(linesOf(b, "off/c"), ["gap undefined"]);
    await until("both nodes are up", () => !a.broker.isDegraded && !b.broker.isDegraded);
    await publish(a, "c", "51");
    await publish(a, "off/c", "1");
    await nodes.settle();
    assertEquals(linesOf(b).at(-1), "51 51");
    assertEquals(linesOf(b, "off/c").at(-1), "undefined 1");
  }));

Deno.test("A frozen Redis: publications are refused or stay here, and nothing else is lost", () =>
  withNodes(async (nodes) => {
    const [a, b] = [await nodes.node(), await nodes.node()];
    for (const { broker } of [a, b]) await broker.subscribe("c");
    await publish(a, "c", "1");
    await nodes.settle();
    nodes.redis.freeze();
    const unanswered = publish(a, "c", "2", "key");
    await assertRejects(() => nodes.later(unanswered), Unavailable);
    await nodes.untilLater("both know", () => a.broker.isDegraded && b.broker.isDegraded);
    assertEquals(await nodes.later(publish(a, "c", "here")), { degraded: true });
    const subscribing = Promise.resolve(a.broker.subscribe("new"));
    await assertRejects(() => nodes.later(subscribing), Unavailable);
    nodes.redis.thaw();
    await bothUp(a, b);
    // What was refused may have been published: its repeat is known.
    const repeat = await publish(b, "c", "2", "key");
    assertEquals(repeat.position!.offset, 2);
    await publish(b, "c", "3");
    await until("the newest", () => [a, b].every((node) => linesOf(node).includes("4 3")));
    await nodes.settle();
    assertEquals(linesOf(a), ["1 1", "undefined here", "2 2", "gap 3", "4 3"]);
    assertEquals(linesOf(b), ["1 1", "2 2", "gap 3", "4 3"]);
    assertEquals((await a.broker.subscribe("new"))!.offset, 0);
  }));

Deno.test("What stayed at one node is missing for who returns after it, as for who is there", () =>
  withNodes(async (nodes) => {
    const [a, b] = [await nodes.node(), await nodes.node()];
    for (const { broker } of [a, b]) await broker.subscribe("c");
    await publish(a, "c", "1");
    await nodes.settle();
    nodes.redis.freeze();
    await nodes.untilLater("both know", () => a.broker.isDegraded && b.broker.isDegraded);
    assertEquals(await nodes.later(publish(a, "c", "here")), { degraded: true });
    nodes.redis.thaw();
    await until("the gaps", () => [a, b].every((node) => linesOf(node).includes("gap 2")));
    await publish(b, "c", "3");
    await nodes.settle();
    assertEquals(linesOf(a), ["1 1", "undefined here", "gap 2", "3 3"]);
    assertEquals(linesOf(b), ["1 1", "gap 2", "3 3"]);
    // A position before the gap needs a message that nobody has.
    for (const { broker } of [a, await nodes.node()]) {
      const { first, offset } = (await broker.history("c"))!;
      assertEquals([first, offset], [3, 3]);
    }
  }));

Deno.test("A node that was away gets what came before the gap of another, the gap, and what follows", () =>
  withNodes(async (nodes) => {
    await using relay = new RedisRelay(nodes.redis.url);
    const [a, b] = [await nodes.node(), await nodes.node({ url: relay.url })];
    await b.broker.subscribe("c");
    await publish(a, "c", "1");
    await nodes.settle();
    relay.silenceSubscribers();
    await publish(a, "c", "2");
    const { position } = await publish(a, "c", "3");
    const text = `${position!.epoch} 4 ${nodes.clock.wall()} !gap\n`;
    await nodes.redis.command("XADD", "test:v1:{c}:messages", "4-0", "m", text);
    const [, run] = String(await nodes.redis.command("GET", "test:v1:{c}:position")).split(" ");
    await nodes.redis.command("SET", "test:v1:{c}:position", `${position!.epoch} ${run} 4`);
    await publish(a, "c", "5");
    await nodes.untilLater("it is noticed", () => b.broker.isDegraded);
    await until("all", () => linesOf(b).includes("5 5"), { withinMs: 20_000 });
    assertEquals(linesOf(b), ["1 1", "2 2", "3 3", "gap 4", "5 5"]);
    await b.broker.close();
  }));

for (const withData of [true, false]) {
  Deno.test(`A Redis that restarts ${withData ? "with" : "without"} its data begins new epochs, with gaps`, () =>
    withNodes(async (nodes) => {
      const [a, b] = [await nodes.node(), await nodes.node()];
      for (const { broker } of [a, b]) await broker.subscribe("c");
      const before = await publish(a, "c", "1");
      await publish(a, "c", "2");
      await nodes.settle();
      if (withData) await nodes.redis.command("SAVE");
      await nodes.redis.kill();
      await until("both know", () => a.broker.isDegraded && b.broker.isDegraded);
      assertEquals(await nodes.later(publish(b, "c", "here")), { degraded: true });
      await nodes.redis.restart();
      await bothUp(a, b);
      const after = await publish(a, "c", "3");
      assertNotEquals(after.position!.epoch, before.position!.epoch);
      assertEquals(after.position!.offset, 2); // after the gap of what stayed at a node
      await until("the message", () => [a, b].every((node) => linesOf(node).includes("2 3")));
      for (const node of [a, b]) assertEquals(linesOf(node).slice(-2), ["gap 1", "2 3"]);
      const { epoch, offset } = (await b.broker.subscribe("c"))!;
      assertEquals({ epoch, offset }, after.position);
    }));
}

Deno.test("A flushed Redis is a new epoch: at the next message, or within 25 s", () =>
  withNodes(async (nodes) => {
    const a = await nodes.node();
    for (const channel of ["c", "quiet"]) {
      await a.broker.subscribe(channel);
      await publish(a, channel, "1");
    }
    await nodes.settle();
    await nodes.redis.command("FLUSHALL");
    await publish(a, "c", "2");
    await until("the message", () => linesOf(a).length === 3);
    assertEquals(linesOf(a), ["1 1", "gap 0", "1 2"]);
    await nodes.pass(26_000);
    await until("the gap", () => linesOf(a, "quiet").length === 2);
    assertEquals(linesOf(a, "quiet"), ["1 1", "gap 0"]);
  }));

Deno.test("Scripts that Redis has forgotten are sent again, in order", () =>
  withNodes(async (nodes) => {
    const a = await nodes.node();
    await a.broker.subscribe("c");
    await publish(a, "c", "1");
    for (const round of [1, 2, 3]) {
      await nodes.redis.command("SCRIPT", "FLUSH");
      const from = 10 * round - 8;
      const some = numbered(from, from + 9).map((line) => publish(a, "c", line.split(" ")[1]));
      await Promise.all(some);
    }
    await nodes.settle();
    assertEquals(linesOf(a), numbered(1, 31));
    assertEquals(a.broker.holes, 0);
  }));

Deno.test("A Redis without memory refuses publications, and the log says so once", () =>
  withNodes(async (nodes) => {
    const a = await nodes.node();
    await publish(a, "c", "1");
    await nodes.redis.command("CONFIG", "SET", "maxmemory", "1");
    for (let n = 0; n < 3; n++) await assertRejects(() => publish(a, "c", "2"), Unavailable);
    assertEquals(nodes.log.filter((line) => line === "Redis refuses a command").length, 1);
    await nodes.redis.command("CONFIG", "SET", "maxmemory", "0");
    assertEquals((await publish(a, "c", "2")).position?.offset, 2);
  }));

Deno.test("A Redis that may remove messages is told in the log", () =>
  withNodes(async (nodes) => {
    await nodes.redis.command("CONFIG", "SET", "maxmemory-policy", "allkeys-lru");
    await nodes.node();
    const warning = "Redis may remove messages: its maxmemory-policy is not noeviction";
    await until("a warning", () => nodes.log.includes(warning));
  }));

Deno.test("A required Redis that is away: publications are refused, and no gap is due", () =>
  withNodes(async (nodes) => {
    const a = await nodes.node({ isRequired: true });
    await a.broker.subscribe("c");
    await nodes.redis.kill();
    await until("it knows", () => a.broker.isDegraded);
    await assertRejects(() => nodes.later(publish(a, "c", "1")), Unavailable);
    assertEquals(linesOf(a), []);
  }));

Deno.test("A node whose memory is too small reads the stream again for who returns", () =>
  withNodes(async (nodes) => {
    const a = await nodes.node({ historyBytes: 20_000 });
    const history = (await a.broker.subscribe("c"))!;
    const data = JSON.stringify("x".repeat(1_000));
    for (let n = 1; n <= 50; n++) await publish(a, "c", data);
    await nodes.settle();
    assertGreater(history.first, 30);
    assertEquals((await a.broker.history("c"))!.first, 1);
    assertGreater(20_000, a.broker.bytes);
    assertGreater(a.broker.evicted, 30);
    assertEquals(linesOf(a).length, 50);
  }));

/** Keeps a message that no node gets. */
async function lose(nodes: TestNodes, offset: number): Promise<void> {
  const position = await nodes.redis.command("GET", "test:v1:{c}:position") as string;
  const [epoch, run] = position.split(" ");
  const text = `${epoch} ${offset} ${nodes.clock.wall()} \nlost`;
  await nodes.redis.command("XADD", "test:v1:{c}:messages", `${offset}-0`, "m", text);
  await nodes.redis.command("SET", "test:v1:{c}:position", `${epoch} ${run} ${offset}`);
}

Deno.test("A question reaches all other nodes, and their answers come back", () =>
  withNodes(async (nodes) => {
    const [a, b, c] = [await nodes.node(), await nodes.node(), await nodes.node()];
    for (const { broker } of [a, b, c]) {
      broker.nodes.answer("sum", ([x, y]: [number, number]) => Promise.resolve(x + y));
    }
    const { answers, missing } = await a.broker.nodes.ask("sum", [1, 2]);
    assertEquals(missing, []);
    assertEquals(answers.map(({ answer }) => answer), [3, 3]);
    const names = answers.map(({ node }) => node).sort();
    assertEquals(names, [b.broker.nodes.id, c.broker.nodes.id].sort());

    const told: unknown[] = [];
    for (const { broker } of [a, b]) broker.nodes.answer("news", (data) => void told.push(data));
    a.broker.nodes.tell("news", { text: "{ü}" });
    await nodes.settle();
    assertEquals(told, [{ text: "{ü}" }]);
  }));

Deno.test("Nodes that do not answer are missing, and forgotten once they have left or are lost", () =>
  withNodes(async (nodes) => {
    const [a, b] = [await nodes.node(), await nodes.node()];
    a.broker.nodes.answer("silence", () => 0);
    await nodes.pass(2_000); // they know each other
    const asked = await nodes.later(a.broker.nodes.ask("silence", null));
    assertEquals(asked, { answers: [], missing: [b.broker.nodes.id] });
    await b.broker.close();
    await nodes.pass(2_000);
    assertEquals(await a.broker.nodes.ask("silence", null), { answers: [], missing: [] });

    const lost: LostNode[] = [];
    const c = await nodes.node();
    c.broker.nodes.answer("silence", () => 0);
    for (const { broker } of [a, c]) broker.nodes.onLost = (node) => void lost.push(node);
    await nodes.redis.command("HSET", "test:v1:{hub}:leases", "killed", "7");
    await nodes.redis.command("HSET", "test:v1:{hub}:counts", "killed", "300");
    await nodes.pass(4_000);
    const { missing } = await nodes.later(a.broker.nodes.ask("silence", null));
    assertEquals(missing, ["killed"]);
    await nodes.pass(8_000);
    assertEquals((await a.broker.nodes.ask("silence", null)).missing, []);
    assertEquals(await nodes.redis.command("HEXISTS", "test:v1:{hub}:leases", "killed"), 0);
    assertEquals(lost, [{ node: "killed", connections: 300 }]);
  }));

Deno.test("A node that others have taken for lost notices that, once", () =>
  withNodes(async (nodes) => {
    const { broker } = await nodes.node();
    let returns = 0;
    broker.nodes.onReturned = () => returns++;
    await nodes.pass(4_000);
    assertEquals(returns, 0);
    await nodes.redis.command("DEL", "test:v1:{hub}:leases");
    await nodes.pass(4_000);
    assertEquals(returns, 1);
  }));

Deno.test("While Redis is away a question has no answers, and nothing is told", () =>
  withNodes(async (nodes) => {
    const a = await nodes.node();
    await nodes.redis.kill();
    await until("it knows", () => a.broker.isDegraded);
    a.broker.nodes.tell("news", 1);
    assertEquals(await a.broker.nodes.ask("silence", null), { answers: [], missing: [] });
  }));

Deno.test("Nodes know each other's members, and have them again after Redis was flushed", () =>
  withNodes(async (nodes) => {
    const [a, b] = [await nodes.node(), await nodes.node()];
    const seen: string[] = [];
    a.broker.members.start({
      known: (channel, all) => seen.push(`${channel} ${all.map(({ member }) => member.member)}`),
      joined: (channel, { member, node }) => {
        if (node === b.broker.nodes.id) seen.push(`${channel} +${member.member}`);
      },
      left: (channel, { member, node }) => {
        if (node === b.broker.nodes.id) seen.push(`${channel} -${member.member}`);
      },
      gone: (node) => seen.push(node === b.broker.nodes.id ? "gone" : ""),
      interrupted() {},
      returned() {},
    });
    const member = (name: string) => (
      { user: null, member: name, clientId: "x", info: '"{}"', sinceMs: 1 }
    );
    await nodes.redis.command("HSET", "test:v1:{c}:members", "dead x", "{}");
    b.broker.members.put("c", member("1"));
    await nodes.settle();
    for (const channel of ["c", "off/c"]) await a.broker.subscribe(channel);
    b.broker.members.put("off/c", member("2"));
    b.broker.members.put("c", member("3"));
    b.broker.members.remove("c", member("1"));
    a.broker.members.put("c", member("own"));
    await nodes.settle();
    assertEquals(seen.sort(), ["c +3", "c -1", "c 1", "off/c ", "off/c +2"]);
    assertEquals(await a.broker.members.read("c"), [{
      node: b.broker.nodes.id,
      member: member("3"),
    }]);

    await nodes.pass(4_000); // they know each other
    seen.length = 0;
    await nodes.redis.command("FLUSHALL");
    await nodes.pass(4_000); // the leases are new, too
    assertEquals((await a.broker.members.read("c")).map(({ member }) => member.member), ["3"]);
    seen.length = 0;
    await b.broker.close();
    await nodes.pass(2_000);
    assertEquals(seen.filter((each) => each !== ""), ["gone"]);
    assertEquals(await a.broker.members.read("c"), []);
  }));

Deno.test("A member that leaves while Redis is away is none once it is back", () =>
  withNodes(async (nodes) => {
    const [a, b] = [await nodes.node(), await nodes.node()];
    const [gone, here] = ["gone", "here"].map((member) => (
      { user: null, member, clientId: "x", info: "1", sinceMs: 1 }
    ));
    for (const member of [gone, here]) b.broker.members.put("c", member);
    await nodes.settle();
    nodes.redis.freeze();
    await nodes.untilLater("both know", () => a.broker.isDegraded && b.broker.isDegraded);
    for (const member of [gone, here]) b.broker.members.remove("c", member);
    b.broker.members.put("c", here);
    nodes.redis.thaw();
    await bothUp(a, b);
    await until("one of them is there", async () => {
      const names = (await a.broker.members.read("c")).map(({ member }) => member.member);
      return names.join() === "here";
    });
  }));

Deno.test("Members outlast their time in Redis while their node is there", () =>
  withNodes(async (nodes) => {
    const [a, b] = [await nodes.node(), await nodes.node()];
    const member = { user: null, member: "m", clientId: "x", info: "1", sinceMs: 1 };
    b.broker.members.put("c", member);
    await nodes.pass(300_000);
    assertEquals((await a.broker.members.read("c")).length, 1);
  }));

Deno.test("A user of Redis needs no more rights than the manual says", () =>
  withNodes(async (nodes) => {
    const manual = await Deno.readTextFile(new URL("../../server/docs/deploy.md", import.meta.url));
    const [, rule] = /`ACL SETUSER (systole on [^`]*)`/.exec(manual.replaceAll(/\s+/g, " "))!;
    const words = rule.replace(">password", ">secret").split(" ");
    await nodes.redis.command("ACL", "SETUSER", ...words);
    const url = nodes.redis.url.replace("//", "//systole:secret@");
    const a = await nodes.node({ url, prefix: "systole:" });
    await a.broker.subscribe("c");
    await a.broker.subscribe("off/c");
    const first = await publish(a, "c", "1", "key");
    assertEquals(await publish(a, "c", "1", "key"), { ...first, duplicate: true });
    await publish(a, "off/c", "2", "key");
    assertEquals(await a.broker.clear("c"), true);
    const member = { user: null, member: "m", clientId: "x", info: "1", sinceMs: 1 };
    a.broker.members.put("c", member);
    await a.broker.members.read("c");
    a.broker.members.remove("c", member);
    await a.broker.nodes.ask("silence", null);
    await nodes.pass(26_000);
    a.broker.unsubscribe("c");
    assertEquals([a.data(), a.broker.isDegraded], [["1", "2"], false]);
    assertEquals(nodes.log.filter((line) => line.includes("refuses")), []);
    const denied = await nodes.redis.command("ACL", "LOG") as unknown[];
    assertEquals(denied.length, 0, JSON.stringify(denied));
  }));

Deno.test("A pub/sub connection that falls silent is noticed, and made anew, without a loss", () =>
  withNodes(async (nodes) => {
    await using relay = new RedisRelay(nodes.redis.url);
    const [a, b] = [await nodes.node({ url: relay.url }), await nodes.node()];
    await a.broker.subscribe("c");
    await publish(b, "c", "1");
    await nodes.settle();
    assertEquals(relay.silenceSubscribers(), 1);
    await publish(b, "c", "2");
    await nodes.untilLater("it is noticed", () => a.broker.isDegraded);
    assertEquals(linesOf(a), ["1 1"]);
    await until("it is up", () => !a.broker.isDegraded, { withinMs: 20_000 });
    await publish(b, "c", "3");
    await until("all messages", () => linesOf(a).length === 3);
    assertEquals(linesOf(a), ["1 1", "2 2", "3 3"]);
    await a.broker.close();
  }));

Deno.test("A failover by a sentinel begins new epochs: what the replica lacks is a gap", () =>
  withNodes(async (nodes) => {
    const servers = await RedisServer.startSentinel(nodes.redis);
    await using replica = servers.replica;
    await using sentinel = servers.sentinel;
    const url = `redis-sentinel://127.0.0.1:${sentinel.port}/main`;
    const [a, b] = [await nodes.node({ url }), await nodes.node({ url })];
    for (const { broker } of [a, b]) await broker.subscribe("c");
    const before = await publish(a, "c", "1");
    await until("both have it", () => [a, b].every((node) => linesOf(node).includes("1 1")));
    replica.freeze(); // so that it misses what follows
    assertEquals((await publish(a, "c", "2")).position!.offset, 2);
    nodes.redis.freeze();
    replica.thaw();
    const clients = async () => String(await replica.command("INFO", "clients").catch(() => ""));
    await until("both are up on the replica", async () => {
      return await replica.isPrimary() &&
        !a.broker.isDegraded && !b.broker.isDegraded &&
        /connected_clients:(?!0)/.test(await clients()) &&
        await publish(b, "c", "3").then(({ degraded }) => !degraded, () => false);
    }, { withinMs: 60_000 });
    await until("both have it", () => [a, b].every((node) => node.data().includes("3")));
    for (const node of [a, b]) {
      const lines = linesOf(node);
      assert(lines.includes("gap 0"), lines.join());
      assertEquals(
        lines.filter((line) => / \d$/.test(line) && !line.startsWith("gap")).at(0),
        "1 1",
      );
    }
    const { epoch } = (await b.broker.subscribe("c"))!;
    assertNotEquals(epoch, before.position!.epoch);
    nodes.redis.thaw();
  }));

Deno.test("Sentinels may require a password of their own, and know a user", () =>
  withNodes(async (nodes) => {
    const started = await RedisServer.startSentinel(nodes.redis, "secret");
    await using _replica = started.replica;
    await using sentinel = started.sentinel;
    const url = `redis-sentinel://127.0.0.1:${sentinel.port}/main`;
    for (const user of [":secret", "hub:secret"]) {
      const { broker } = await nodes.node({ url: `${url}?sentinel=${user}` });
      assertEquals(broker.isDegraded, false, user);
    }
  }));

Deno.test("A frozen Redis does not hold a node that ends", () =>
  withNodes(async (nodes) => {
    const a = await nodes.node();
    await a.broker.subscribe("c");
    nodes.redis.freeze();
    const startMs = performance.now();
    const publication = publish(a, "c", "1").then(() => {}, () => {});
    await a.broker.close();
    await publication;
    assertGreater(2_000, performance.now() - startMs);
    nodes.redis.thaw();
  }));
