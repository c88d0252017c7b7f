import { assert, assertEquals, assertGreater, assertLess, assertRejects } from "@std/assert";
import { Unavailable } from "../../server/brokers/broker.ts";
import type {
  MembersListener,
  NodeMember,
  SharedMember,
} from "../../server/brokers/shared_members.ts";
import type { Gap } from "../../server/message.ts";
import type { HostedBroker } from "../../server/threads/hosted_broker.ts";
import { HostedHub } from "../support/threads/hosted_hub.ts";

const KIB = "x".repeat(1_024);

/** Publishes in order. */
async function publish(broker: HostedBroker, channel: string, texts: readonly string[]) {
  await Promise.all(
    texts.map((data) =>
      broker.publish({ kind: "publication", channel, data, timestamp: 1, by: undefined })
    ),
  );
}

/** Texts of 1 KiB, each with its number. */
const numbered = (count: number) => Array.from({ length: count }, (_, i) => `"${i} ${KIB}"`);

/** More than a thread may be behind by: 8 MiB, where a character counts for two bytes. */
const TOO_MUCH = 6_000;

Deno.test("HubHost sends a publication to each thread that has subscribers, in one order", async () => {
  using hub = new HostedHub();
  const [a, b, c] = [await hub.start(), await hub.start(), await hub.start()];
  for (const { broker } of [a, b]) await broker.subscribe("c");
  await Promise.all([publish(a.broker, "c", ["1", "2"]), publish(c.broker, "c", ["3", "4"])]);
  await hub.settle();
  assertEquals(a.data().toSorted(), ["1", "2", "3", "4"]);
  assertEquals(b.data(), a.data());
  assertEquals(c.data(), []);
  b.broker.unsubscribe("c");
  await publish(a.broker, "c", ["5"]);
  await hub.settle();
  assertEquals([a.data().length, b.data().length], [5, 4]);
});

Deno.test("HubHost relays a text to all threads", async () => {
  using hub = new HostedHub();
  const threads = [await hub.start(), await hub.start()];
  const relay = { kind: "relay", profile: "tank", text: "t", sender: "s" } as const;
  threads[0].broker.relay(relay);
  await hub.settle();
  for (const { got } of threads) assertEquals(got, [relay]);
});

Deno.test("A thread that is behind gets later what the history has, in order and once", async () => {
  using hub = new HostedHub({ historyMessages: 10_000 });
  const [a, b] = [await hub.start(), await hub.start()];
  for (const { broker } of [a, b]) await broker.subscribe("c");
  const texts = numbered(TOO_MUCH);
  await publish(a.broker, "c", texts);
  assertGreater(hub.host.skipped, 0);
  await hub.settle();
  await hub.settle();
  assertEquals(b.data(), texts);
  assertEquals(b.got.length, TOO_MUCH, "no gap");
  assertGreater(b.broker.holes, 0);
  await publish(a.broker, "c", ["last"]);
  await hub.settle();
  assertEquals(b.data().at(-1), "last");
});

Deno.test("A thread that is behind gets a gap where the history has not all, and goes on", async () => {
  using hub = new HostedHub({ historyMessages: 10 });
  const [a, b] = [await hub.start(), await hub.start()];
  for (const { broker } of [a, b]) {
    await broker.subscribe("c");
    await broker.subscribe("off/c");
  }
  for (const channel of ["c", "off/c"]) {
    await publish(a.broker, channel, numbered(TOO_MUCH));
    await hub.settle();
    await hub.settle();
    const gaps = b.got.filter((each): each is Gap =>
      each.kind === "gap" && each.channel === channel
    );
    assertGreater(gaps.length, 0);
    assertEquals(gaps.every(({ epoch }) => (epoch !== undefined) === (channel === "c")), true);
  }
  let last = 0;
  for (const each of b.got) {
    if (each.kind === "relay" || each.channel !== "c") continue;
    if (each.kind === "gap") last = each.offset!;
    else assertEquals(each.offset, ++last);
  }
  assertEquals(last, TOO_MUCH);
  assertLess(b.data().length, 2 * TOO_MUCH);
});

Deno.test("A publication is refused when too many wait for the main thread", async () => {
  using hub = new HostedHub();
  const { broker } = await hub.start();
  const large = JSON.stringify("x".repeat(1 << 20));
  const sent = Array.from({ length: 12 }, () => publish(broker, "off/c", [large]));
  const outcomes = await Promise.allSettled(sent);
  const refused = outcomes.filter(({ status }) => status === "rejected");
  assertGreater(refused.length, 0);
  assertEquals(broker.refused, refused.length);
  await publish(broker, "off/c", [large]);
});

Deno.test("What waits for the main thread is Unavailable when the broker closes", async () => {
  using hub = new HostedHub();
  const { broker } = await hub.start();
  const waiting = publish(broker, "c", ["1"]);
  void broker.close();
  await assertRejects(() => waiting, Unavailable);
});

/** Writes down what it is told. */
class Listener implements MembersListener {
  readonly told: string[] = [];
  known(channel: string, all: readonly NodeMember[]): void {
    this.told.push(`known ${channel} ${all.map(({ node, member }) => node + member.member)}`);
  }
  joined(channel: string, { node, member }: NodeMember): void {
    this.told.push(`joined ${channel} ${node}${member.member}`);
  }
  left(channel: string, { node, member }: NodeMember): void {
    this.told.push(`left ${channel} ${node}${member.member}`);
  }
  gone(node: string): void {
    this.told.push(`gone ${node}`);
  }
  interrupted(): void {}
  returned(): void {}
}

Deno.test("HubHost tells threads of members elsewhere, and that a thread is gone", async () => {
  using hub = new HostedHub();
  const [a, b, c] = [await hub.start(), await hub.start(), await hub.start()];
  const member = (name: string): SharedMember => (
    { user: null, member: name, clientId: "i", info: "{}", sinceMs: 1 }
  );
  const listener = new Listener();
  a.members.start(listener);
  b.members.put("c", member("m"));
  await hub.settle();
  assertEquals(listener.told, []);
  await a.broker.subscribe("c");
  c.members.put("c", member("n"));
  b.members.remove("c", member("m"));
  await hub.settle();
  assertEquals(listener.told, ["known c 2m", "joined c 3n", "left c 2m"]);
  assertEquals(await b.members.read("c"), [{ node: "3", member: member("n") }]);
  hub.host.detach(c.hosted);
  await hub.settle();
  assertEquals(listener.told.slice(3), ["gone 3"]);
  assertEquals(await b.members.read("c"), []);
});

Deno.test("HubHost keeps the history of a thread that is gone, and no subscriber of it", async () => {
  using hub = new HostedHub();
  const [a, b] = [await hub.start(), await hub.start()];
  await a.broker.subscribe("c");
  await publish(a.broker, "c", ["1", "2"]);
  hub.host.detach(a.hosted);
  await publish(b.broker, "c", ["3"]);
  const history = (await b.broker.subscribe("c"))!;
  assertEquals([history.first, history.offset], [1, 3]);
  assertEquals(a.data(), ["1", "2"]);
});

Deno.test("A history that is read over the port has all of each message", async () => {
  using hub = new HostedHub();
  const [a, b] = [await hub.start(), await hub.start()];
  const sent = [undefined, "me", undefined].map((by, i) => (
    { kind: "publication", channel: "c", data: `"ü${i}"`, timestamp: 1e12 + i, by } as const
  ));
  for (const publication of sent) await a.broker.publish({ ...publication, offset: undefined });
  for (const history of [await b.broker.history("c"), await b.broker.subscribe("c")]) {
    const kept = sent.map((publication, i) => ({ ...publication, offset: i + 1 }));
    assertEquals([1, 2, 3].map((offset) => history!.at(offset)), kept);
  }
});

Deno.test("Threads ask and tell each other; one that does not answer in time is missing", async () => {
  using hub = new HostedHub();
  const [a, b, c] = [await hub.start(), await hub.start(), await hub.start()];
  const told: unknown[] = [];
  b.nodes.answer("double", (n: number) => 2 * n);
  c.nodes.answer("double", () => new Promise(() => {}));
  for (const { nodes } of [a, b, c]) nodes.answer("news", (text: string) => void told.push(text));
  const asked = a.nodes.ask("double", 4);
  await hub.settle();
  hub.clock.skip(1_000);
  assertEquals(await asked, { answers: [{ node: "2", answer: 8 }], missing: ["3"] });
  a.nodes.tell("news", "text");
  await hub.settle();
  assertEquals(told, ["text", "text"]);
});

Deno.test("One thread is told of a lost one; the next one where there is none", async () => {
  using hub = new HostedHub();
  const [a, b, c] = [await hub.start(), await hub.start(), await hub.start()];
  const told: string[] = [];
  for (const { nodes } of [a, b, c]) {
    nodes.onLost = ({ node, connections }) => told.push(`${nodes.id}: ${node} ${connections}`);
  }
  hub.nodes.detach(a.hosted, 7);
  hub.nodes.detach(a.hosted, 7);
  await hub.settle();
  assertEquals(told, ["2: 1 7"]);
  hub.nodes.detach(b.hosted, 8);
  hub.nodes.detach(c.hosted, 9);
  hub.nodes.attach(a.hosted);
  await hub.settle();
  assertEquals(told.slice(1), ["3: 2 8", "1: 3 9"]);
});

Deno.test("A log of a thread that gave up messages is filled again for a subscriber", async () => {
  using hub = new HostedHub({ historyBytes: 1 << 20 });
  const { broker } = await hub.start();
  await broker.subscribe("c");
  await publish(broker, "c", ["1", "2"]);
  await hub.settle();
  await broker.subscribe("other");
  // Beyond the bytes of the thread, not beyond those of the main thread: it counts a channel's name, too.
  for (let i = 0; i < 3; i++) await publish(broker, "other", numbered(250));
  await hub.settle();
  assert(hub.history.of("c") !== undefined);
  const log = (await broker.subscribe("c"))!;
  const own = hub.history.of("c")!;
  assertEquals([log.first, log.offset], [own.first, own.offset]);
});
