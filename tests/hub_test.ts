import { assert, assertEquals } from "@std/assert";
import { deadline } from "@std/async";
import fc from "fast-check";
import { type TestPeer, withWorld, type World } from "./support/fakes/world.ts";

const publications = ({ socket }: TestPeer) =>
  socket.messages.filter(({ type }) => type === "message").map(({ channel, data }) => [
    channel,
    data,
  ]);

Deno.test("Hub delivers a publication to every subscriber, the publisher too, and to nobody else", () =>
  withWorld({}, async (world) => {
    const [a, b, c] = [world.connect(), world.connect(), world.connect()];
    a.socket.say({ type: "subscribe", channel: "news" });
    b.socket.say({ type: "subscribe", channel: "news" });
    c.socket.say({ type: "subscribe", channel: "other" });
    a.socket.say({ type: "publish", channel: "news", data: { n: 1 }, id: "p1" });
    await world.clock.turnOver();
    assertEquals([a, b, c].map(publications), [[["news", { n: 1 }]], [["news", { n: 1 }]], []]);
    assertEquals(a.socket.messages.at(-1), { type: "published", channel: "news", id: "p1" });
    b.socket.say({ type: "unsubscribe", channel: "news" });
    b.socket.say({ type: "unsubscribe", channel: "news" });
    a.socket.say({ type: "publish", channel: "news", data: 2 });
    await world.clock.turnOver();
    assertEquals(publications(b).length, 1);
    assertEquals(publications(a).length, 2);
  }));

Deno.test("Hub frames a publication once: subscribers share the very same bytes", () =>
  withWorld({}, async (world) => {
    const peers = Array.from({ length: 10 }, () => world.connect());
    for (const { socket } of peers) socket.say({ type: "subscribe", channel: "c" });
    await world.clock.turnOver();
    for (const data of [1, 2, 3]) {
      peers[0].socket.say({ type: "publish", channel: "c", data });
    }
    await world.clock.turnOver();
    const batches = peers.map(({ socket }) => socket.batches.at(-1));
    assert(batches.every((batch) => batch === batches[0]), "three frames were joined per client");
    assertEquals(publications(peers[9]), [["c", 1], ["c", 2], ["c", 3]]);
  }));

Deno.test("Hub never waits for a client: one that never drains costs the others nothing", () =>
  withWorld({ queueMessages: 16, writeWaitMs: 3_600_000 }, async (world) => {
    const stuck = world.connect();
    const others = Array.from({ length: 5 }, () => world.connect());
    for (const { socket } of [stuck, ...others]) socket.say({ type: "subscribe", channel: "c" });
    await world.clock.turnOver();
    stuck.socket.stuck = true;
    for (let i = 0; i < 100; i++) {
      others[0].socket.say({ type: "publish", channel: "c", data: i });
      await world.clock.pass(10);
    }
    for (const other of others) assertEquals(publications(other).length, 100);
    assertEquals(stuck.socket.closedWith?.code, 1013);
    assertEquals(world.closed("slow_consumer"), 1);
  }));

Deno.test("A burst of 300 publications in one turn evicts no healthy subscriber", () =>
  withWorld({}, async (world) => {
    const [publisher, subscriber] = [world.connect(), world.connect()];
    subscriber.socket.say({ type: "subscribe", channel: "c" });
    for (let i = 0; i < 300; i++) publisher.socket.say({ type: "publish", channel: "c", data: i });
    await world.clock.pass(10);
    assertEquals(publications(subscriber).length, 300);
    assertEquals(subscriber.socket.closedWith, undefined);
  }));

Deno.test("A subscriber slower by bytes is closed, its queue dropped and counted", () =>
  withWorld({ queueBytes: 10_000 }, async (world) => {
    const [publisher, subscriber] = [world.connect(), world.connect()];
    subscriber.socket.say({ type: "subscribe", channel: "c" });
    await world.clock.turnOver();
    subscriber.socket.stuck = true;
    for (let i = 0; i < 30; i++) {
      publisher.socket.say({ type: "publish", channel: "c", data: "x".repeat(1_000) });
      await world.clock.pass(10);
    }
    assertEquals(world.closed("slow_consumer"), 1);
    assert(world.metrics.of("json").messagesDropped >= 9);
  }));

Deno.test("Subscriptions of one connection are limited, with an error that says so", () =>
  withWorld({ maxSubscriptions: 2 }, async (world) => {
    const { socket } = world.connect();
    for (const channel of ["a", "b", "c", "a"]) socket.say({ type: "subscribe", channel });
    await world.clock.turnOver();
    const [, ...answers] = socket.messages;
    assertEquals(answers.map(({ type, code }) => code ?? type), [
      "subscribed",
      "subscribed",
      "too_many_subscriptions",
      "subscribed",
    ]);
  }));

Deno.test("A full mailbox pauses the readers, loses nothing, and times no connection out meanwhile", () =>
  withWorld({}, async (world) => {
    const [publisher, subscriber] = [world.connect(), world.connect()];
    subscriber.socket.say({ type: "subscribe", channel: "c" });
    await world.clock.turnOver();
    let count = 0; // sent in one read, before the hub gets its turn
    const publish = () => publisher.socket.say({ type: "publish", channel: "c", data: count++ });
    while (!publisher.socket.paused) publish();
    assertEquals(count, 4_098); // one is with the hub, 4096 wait, and one too many
    for (let i = 0; i < 100; i++) publish();
    await world.clock.pass(50);
    assert(!publisher.socket.paused);
    assertEquals(publications(subscriber).map(([, data]) => data), Array.from(Array(count).keys()));
  }));

Deno.test("Hub lets other work in between long runs of its own", () =>
  withWorld({}, async (world) => {
    const subscribers = Array.from({ length: 200 }, () => world.connect());
    for (const { socket } of subscribers) socket.say({ type: "subscribe", channel: "c" });
    await world.clock.turnOver();
    let turnsBefore: number | undefined;
    world.clock.turn(() => turnsBefore = publications(subscribers[0]).length);
    for (let i = 0; i < 400; i++) {
      subscribers[0].socket.say({ type: "publish", channel: "c", data: i });
    }
    await world.clock.pass(10);
    assert(turnsBefore !== undefined && turnsBefore < 400, `${turnsBefore} before anything else`);
    assertEquals(publications(subscribers[0]).length, 400);
  }));

Deno.test("tell() after stop() returns closed, ask() resolves to undefined: neither hangs", async () => {
  await withWorld({}, async (world) => {
    world.hub.stop();
    assertEquals(world.hub.tell({ kind: "run", run: () => {} }), "closed");
    assertEquals(await world.hub.ask(({ size }) => size), undefined);
    await world.hub.room();
  }).catch((error) => {
    // the fixture cannot ask a stopped hub what is left
    if (!String(error).includes("a subscriber is left")) throw error;
  });
});

Deno.test("ask() fails with what the look throws, and the hub goes on", () =>
  withWorld({}, async (world) => {
    const failed = world.hub.ask(() => {
      throw new RangeError("boom");
    });
    const next = world.hub.ask(({ size }) => size);
    const outcomes = Promise.allSettled([failed, next]);
    await world.clock.turnOver();
    const [{ status }, answer] = await deadline(outcomes, 5_000);
    assertEquals([status, answer], ["rejected", { status: "fulfilled", value: 0 }]);
  }));

Deno.test("Any interleaving of join, leave, subscribe, publish and kick keeps the registry consistent", async () => {
  const step = fc.record({
    who: fc.nat(4),
    channel: fc.constantFrom("a", "b", "__proto__"),
    what: fc.constantFrom("join", "leave", "kick", "subscribe", "unsubscribe", "publish", "turn"),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), (steps) =>
      withWorld({}, async (world) => {
        const present: (TestPeer | undefined)[] = [];
        const subscribed: Set<string>[] = [];
        for (const { who, channel, what } of steps) {
          const peer = present[who];
          if (what === "turn") await world.clock.turnOver();
          else if (peer === undefined) {
            present[who] = world.connect();
            subscribed[who] = new Set();
          } else if (what === "leave" || what === "kick") {
            if (what === "leave") peer.socket.leave();
            else peer.client.close("stale");
            present[who] = undefined;
          } else if (what !== "join") {
            peer.socket.say({ type: what, channel, data: 1 });
            if (what === "subscribe") subscribed[who].add(channel);
            if (what === "unsubscribe") subscribed[who].delete(channel);
          }
        }
        await world.clock.turnOver();
        await assertRegistry(world, { present, subscribed });
      })),
    { numRuns: 200 },
  );
});

async function assertRegistry(
  world: World,
  { present, subscribed }: { present: (TestPeer | undefined)[]; subscribed: Set<string>[] },
): Promise<void> {
  const expected = present.flatMap((peer, who) =>
    peer === undefined ? [] : [[peer.client.id, [...subscribed[who]].sort()]]
  );
  const asked = world.hub.ask((registry) =>
    [...registry.subscribers].map((subscriber) => {
      const channels = [...registry.channelsOf(subscriber)].sort();
      for (const channel of channels) assert(registry.subscribersOf(channel).has(subscriber));
      return [subscriber.id, channels];
    })
  );
  await world.clock.turnOver();
  assertEquals(
    new Map(await asked as [string, string[]][]),
    new Map(expected as [string, string[]][]),
  );
}
