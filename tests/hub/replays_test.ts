import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import fc from "fast-check";
import { DelayedBroker } from "../support/fakes/delayed_broker.ts";
import { seeded } from "../support/fakes/seeded.ts";
import { type TestPeer, withWorld, type World } from "../support/fakes/world.ts";

// deno-lint-ignore no-explicit-any -- tests look into messages freely
type Message = any;

const ofType = ({ socket }: TestPeer, ...types: string[]): Message[] =>
  socket.messages.filter(({ type }) => types.includes(type));
const dataOf = (peer: TestPeer) => ofType(peer, "message").map(({ data }) => data);
const say = ({ socket }: TestPeer, message: unknown) => socket.say(message);

async function publish(world: World, channel: string, ...all: unknown[]): Promise<void> {
  for (const data of all) void world.hub.publish(channel, JSON.stringify(data));
  await world.clock.turnOver();
}

/** Subscribes, and leaves. @returns the position that was told */
async function positionOf(world: World, channel: string) {
  const peer = world.connect();
  say(peer, { type: "subscribe", channel });
  await world.clock.turnOver();
  peer.socket.leave();
  const [{ epoch, offset }] = ofType(peer, "subscribed");
  return { epoch, offset };
}

async function subscribe(world: World, message: object): Promise<TestPeer> {
  const peer = world.connect();
  say(peer, { type: "subscribe", channel: "c", ...message });
  await world.clock.turnOver();
  return peer;
}

/** Subscribes, and takes no more than the first frames and the first batch of the replay. */
async function stuckSubscriber(world: World, message: object): Promise<TestPeer> {
  const peer = world.connect();
  await world.clock.turnOver();
  peer.socket.stuck = true;
  say(peer, { type: "subscribe", channel: "c", ...message });
  await world.clock.turnOver();
  return peer;
}

/** It takes all that there is for it. */
async function unstick(world: World, { socket }: TestPeer): Promise<void> {
  socket.stuck = false;
  socket.drain();
  await world.clock.pass(100);
}

Deno.test("A subscription with a since gets what it missed, then what is new", () =>
  withWorld({ history: {} }, async (world) => {
    await publish(world, "c", "a", "b");
    const since = await positionOf(world, "c");
    assertEquals(since.offset, 2);
    await publish(world, "c", "c", "d");
    const peer = await subscribe(world, { since, id: "s1" });
    await publish(world, "c", "e");
    const [, ...messages] = peer.socket.messages;
    assertEquals(
      messages.map((
        { type, offset, data, recovered, id },
      ) => [type, offset, data ?? recovered, id]),
      [
        ["subscribed", 4, true, "s1"],
        ["message", 3, "c", undefined],
        ["message", 4, "d", undefined],
        ["message", 5, "e", undefined],
      ],
    );
    assertEquals(messages[0].epoch, since.epoch);
  }));

Deno.test("recovered is true on a quiet channel, and false where it cannot be promised", () =>
  withWorld({ history: { historyMessages: 2 } }, async (world) => {
    const since = await positionOf(world, "c");
    const answerTo = async (message: object) => {
      const peer = await subscribe(world, message);
      const [{ recovered }] = ofType(peer, "subscribed");
      return [recovered, ...dataOf(peer)];
    };
    assertEquals(await answerTo({ since }), [true]);
    await publish(world, "c", 1, 2);
    assertEquals(await answerTo({ since }), [true, 1, 2]);
    await publish(world, "c", 3);
    assertEquals(await answerTo({ since }), [false]);
    assertEquals(await answerTo({ since: { ...since, offset: 1 } }), [true, 2, 3]);
    assertEquals(await answerTo({ since: { ...since, offset: 3 } }), [true]);
    assertEquals(await answerTo({ since: { ...since, offset: 4 } }), [false]);
    assertEquals(await answerTo({ since: { ...since, epoch: "other" } }), [false]);
    assertEquals(await answerTo({ since, last: 1 }), [false, 3]);
    assertEquals(await answerTo({ since: { ...since, offset: 1 }, last: 1 }), [true, 2, 3]);
    assertEquals(await answerTo({ last: 5 }), [undefined, 2, 3]);
    assertEquals(await answerTo({}), [undefined]);
    assertEquals(await metric(world, 'systole_resumes_total{outcome="recovered"}'), 5);
    assertEquals(await metric(world, 'systole_resumes_total{outcome="incomplete"}'), 4);
    assertEquals(world.hub.replays.replayed, 2 + 2 + 1 + 2 + 2);
  }));

Deno.test("Without a history the frames are those of before", () =>
  withWorld({}, async (world) => {
    const peer = await subscribe(world, {});
    say(peer, { type: "publish", channel: "c", data: 1, id: "p" });
    say(peer, { type: "history", channel: "c", id: "h" });
    const since = { epoch: "e", offset: 1 };
    say(peer, { type: "subscribe", channel: "d", since, last: 3 });
    await world.clock.turnOver();
    const texts = peer.socket.texts.slice(1).map((text) => text.replace(/\d{13}/, "<ms>"));
    assertEquals(texts, [
      '{"type":"subscribed","channel":"c"}',
      '{"type":"message","channel":"c","data":1,"timestamp":<ms>}',
      '{"type":"published","channel":"c","id":"p"}',
      '{"type":"error","code":"history_off","message":"\\"c\\" keeps no history","id":"h"}',
      '{"type":"subscribed","channel":"d","recovered":false}',
    ]);
  }));

Deno.test("published has the position of the message, whether or not it is subscribed", () =>
  withWorld({ history: {} }, async (world) => {
    const { epoch } = await positionOf(world, "c");
    const peer = world.connect();
    for (const id of ["p1", "p2"]) say(peer, { type: "publish", channel: "c", data: 1, id });
    await world.clock.turnOver();
    assertEquals(ofType(peer, "published"), [
      { type: "published", channel: "c", id: "p1", epoch, offset: 1 },
      { type: "published", channel: "c", id: "p2", epoch, offset: 2 },
    ]);
  }));

Deno.test("On a channel already subscribed a since or a last is an error, and changes nothing", () =>
  withWorld({ history: {} }, async (world) => {
    await publish(world, "c", 1);
    const peer = await subscribe(world, {});
    say(peer, { type: "subscribe", channel: "c", last: 1, id: 7 });
    say(peer, { type: "subscribe", channel: "c" });
    await publish(world, "c", 2);
    const [, , error, again] = peer.socket.messages;
    assertEquals([error.code, error.id, again.type], ["already_subscribed", 7, "subscribed"]);
    assertEquals(dataOf(peer), [2]);
  }));

Deno.test("Publications of every profile and of HTTP are kept; systole/ and relays are not", () =>
  withWorld({ history: {} }, async (world) => {
    const admin = world.connect();
    say(admin, { type: "subscribe", channel: "systole/overview", last: 1 });
    await world.clock.turnOver();
    assertEquals(ofType(admin, "subscribed"), [
      { type: "subscribed", channel: "systole/overview" },
    ]);
    const accepted = world.hub.publish("c", "1");
    await world.clock.turnOver();
    const { epoch } = await positionOf(world, "c");
    assertEquals(await accepted, { subscribers: 0, position: { epoch, offset: 1 } });
  }));

Deno.test("A replay never fills more than half of a send queue, and waits for the socket", () =>
  withWorld({ history: {}, queueMessages: 16 }, async (world) => {
    await publish(world, "c", ...Array(200).keys());
    const peer = world.connect();
    await world.clock.turnOver();
    peer.socket.stuck = true;
    say(peer, { type: "subscribe", channel: "c", last: 200 });
    await world.clock.pass(5_000);
    const written: number[] = [];
    while (dataOf(peer).length < 200) {
      written.push(dataOf(peer).length);
      peer.socket.drain();
      await world.clock.turnOver();
      assertEquals(peer.client.writePump.pace, "free");
    }
    assertEquals(written, Array.from({ length: 25 }, (_, i) => 7 + 8 * i)); // with its answer 8
    assertEquals(dataOf(peer), [...Array(200).keys()]);
    assertEquals(peer.socket.closedWith, undefined);
  }));

Deno.test("What is published during a replay comes after it, once, and then live", () =>
  withWorld({ history: {}, queueMessages: 16 }, async (world) => {
    await publish(world, "c", ...Array(50).keys());
    const peer = await stuckSubscriber(world, { last: 50 });
    for (let n = 50; n < 100; n++) {
      await publish(world, "c", n);
      if (n % 5 === 0) peer.socket.drain();
    }
    await unstick(world, peer);
    await publish(world, "c", 100);
    assertEquals(dataOf(peer), [...Array(101).keys()]);
    const replayed = world.hub.replays.replayed;
    await publish(world, "c", 101);
    assertEquals(world.hub.replays.replayed, replayed, "it is live");
  }));

Deno.test("A replay whose messages are evicted meanwhile is told the gap, and goes on", () =>
  withWorld({ history: { historyMessages: 30 }, queueMessages: 8 }, async (world) => {
    await publish(world, "c", ...Array(30).keys());
    const peer = await stuckSubscriber(world, { last: 30 });
    for (let n = 30; n < 90; n++) await publish(world, "c", n);
    await unstick(world, peer);
    const [{ epoch }] = ofType(peer, "subscribed");
    const gaps = ofType(peer, "gap");
    assertEquals(gaps, [{ type: "gap", channel: "c", epoch, offset: 60 }]);
    const at = peer.socket.messages.findIndex(({ type }) => type === "gap");
    const after = peer.socket.messages.slice(at + 1).map(({ offset }) => offset);
    assertEquals(after, Array.from({ length: 30 }, (_, i) => 61 + i));
  }));

Deno.test("DELETE during a replay is a gap; a later since before it is not recovered", () =>
  withWorld({ history: {}, queueMessages: 8 }, async (world) => {
    await publish(world, "c", ...Array(30).keys());
    const since = { ...await positionOf(world, "c"), offset: 10 };
    const peer = await stuckSubscriber(world, { since });
    const cleared = world.hub.clearHistory("c");
    await world.clock.turnOver();
    assert(await cleared);
    await unstick(world, peer);
    await publish(world, "c", "new");
    assertEquals(ofType(peer, "gap").map(({ offset }) => offset), [30]);
    assertEquals(peer.socket.messages.at(-1).offset, 31);
    const late = await subscribe(world, { since });
    assertEquals(ofType(late, "subscribed")[0].recovered, false);
  }));

Deno.test("Unsubscribing stops a replay, and a new subscription begins anew", () =>
  withWorld({ history: {}, queueMessages: 8 }, async (world) => {
    await publish(world, "c", ...Array(100).keys());
    const peer = world.connect();
    await world.clock.turnOver();
    peer.socket.stuck = true;
    say(peer, { type: "subscribe", channel: "c", last: 100 });
    say(peer, { type: "unsubscribe", channel: "c" });
    await world.clock.turnOver();
    say(peer, { type: "subscribe", channel: "c" });
    await world.clock.turnOver();
    await unstick(world, peer);
    await publish(world, "c", "new");
    const seen = dataOf(peer);
    assertLess(seen.length, 20);
    assertEquals(seen.at(-1), "new");
  }));

Deno.test("A second subscribe during a replay is answered with where the replay is", () =>
  withWorld({ history: {}, queueMessages: 16 }, async (world) => {
    await publish(world, "c", ...Array(100).keys());
    const peer = await stuckSubscriber(world, { last: 100 });
    say(peer, { type: "subscribe", channel: "c" });
    await world.clock.turnOver();
    await unstick(world, peer);
    const [, , ...messages] = peer.socket.messages;
    const at = messages.findIndex(({ type }) => type === "subscribed");
    const around = messages.slice(at - 1, at + 2).map(({ offset }) => offset);
    assertEquals(around, [at, at, at + 1]);
    assertEquals(dataOf(peer).length, 100);
  }));

Deno.test("A connection that ends during its replay leaves nothing behind", () =>
  withWorld({ history: {}, queueMessages: 8 }, async (world) => {
    await publish(world, "c", ...Array(100).keys());
    const peer = await stuckSubscriber(world, { last: 100 });
    assert(world.hub.leftOut.on("c"));
    peer.socket.leave();
    await world.clock.turnOver();
    assertEquals(world.hub.leftOut.on("c"), undefined);
  }));

Deno.test("Channels of one connection are replayed in turn", () =>
  withWorld({ history: {}, queueMessages: 64 }, async (world) => {
    const channels = ["a", "b", "c"];
    for (const channel of channels) await publish(world, channel, ...Array(200).keys());
    const peer = world.connect();
    await world.clock.turnOver();
    peer.socket.stuck = true;
    for (const channel of channels) say(peer, { type: "subscribe", channel, last: 200 });
    await world.clock.turnOver();
    for (let i = 0; i < 8; i++) {
      peer.socket.drain();
      await world.clock.turnOver();
    }
    const read = channels.map((channel) =>
      ofType(peer, "message").filter((message) => message.channel === channel).length
    );
    for (const count of read) assert(count > 50 && count < 200, `${read}`);
    await unstick(world, peer);
    assertEquals(ofType(peer, "message").length, 600);
  }));

Deno.test("Those who return at the same time share the bytes of what they missed", () =>
  withWorld({ history: {} }, async (world) => {
    await publish(world, "c", ...Array(250).keys());
    const peers = Array.from({ length: 10 }, () => world.connect());
    await world.clock.turnOver();
    for (const peer of peers) say(peer, { type: "subscribe", channel: "c", last: 250 });
    await world.clock.pass(10);
    const batches = peers.map(({ socket }) => socket.batches.at(-1)); // the first has the answer
    assert(batches.every((batch) => batch === batches[0]), "joined per client");
    assertEquals(dataOf(peers[9]).length, 250);
  }));

Deno.test("A storm of replays holds no publisher and ends no connection", () =>
  withWorld({ history: {}, budgetBytes: 1 << 20 }, async (world) => {
    const data = "x".repeat(4_096);
    await publish(world, "c", ...Array(256).fill(data));
    const peers = Array.from({ length: 40 }, () => world.connect());
    await world.clock.turnOver();
    for (const peer of peers) {
      peer.socket.stuck = true;
      say(peer, { type: "subscribe", channel: "c", last: 256 });
    }
    await world.clock.turnOver();
    assertLess(world.budget.usedBytes, 1 << 19); // publishers wait from a half on
    for (let i = 0; peers.some((peer) => ofType(peer, "message").length < 256); i++) {
      for (const { socket } of peers) socket.drain();
      await world.clock.pass(25);
      assertLess(i, 1_000);
    }
    assertEquals(peers.filter(({ socket }) => socket.closedWith).length, 0);
    assertEquals([world.hub.gate.held, world.hub.gate.refused], [0, 0]);
  }));

Deno.test("history answers with pages of at most 256 KiB, oldest first", () =>
  withWorld({ history: {} }, async (world) => {
    const data = "x".repeat(100_000);
    await publish(world, "c", data, data, data, "small", data + data + data, "last");
    const peer = world.connect();
    const ask = async (query: object) => {
      say(peer, { type: "history", channel: "c", id: "h", ...query });
      await world.clock.turnOver();
      const answer = peer.socket.messages.at(-1);
      const offsets = answer.messages.map(({ offset }: Message) => offset);
      return { ...answer, offsets };
    };
    const all = await ask({});
    const { epoch } = all;
    const { type, channel, offset, id, recovered } = all;
    assertEquals([type, channel, offset, id, recovered], ["history", "c", 6, "h", undefined]);
    assertEquals([all.offsets, all.more], [[1, 2], true]);
    assertEquals(all.messages[0].data, data);
    const next = await ask({ since: { epoch, offset: 2 } });
    assertEquals([next.offsets, next.more, next.recovered], [[3, 4], true, true]);
    const large = await ask({ since: { epoch, offset: 4 } });
    assertEquals([large.offsets, large.more], [[5], true]);
    const end = await ask({ since: { epoch, offset: 5 } });
    assertEquals([end.offsets, end.more], [[6], false]);
    assertEquals((await ask({ since: { epoch, offset: 6 } })).offsets, []);
    assertEquals((await ask({ last: 1 })).offsets, [6]);
    const other = await ask({ since: { epoch: "x", offset: 0 } });
    assertEquals([other.offsets, other.recovered, other.more], [[], false, false]);
    assertEquals((await ask({ since: { epoch: "x", offset: 0 }, last: 1 })).offsets, [6]);
  }));

Deno.test("history and since need the right to subscribe", () =>
  withWorld({ history: {} }, async (world) => {
    const rights = { maySubscribe: () => false, mayPublish: () => true, mayRelay: () => true };
    const peer = world.connect({ grant: { rights } });
    say(peer, { type: "history", channel: "c", id: "h" });
    say(peer, { type: "subscribe", channel: "c", last: 1, id: "s" });
    await world.clock.turnOver();
    const errors = ofType(peer, "error").map(({ code, id }) => [code, id]);
    assertEquals(errors, [["forbidden", "h"], ["forbidden", "s"]]);
  }));

Deno.test("Any interleaving of publish, subscribe, eviction and slow sockets is gapless or told", async () => {
  const who = fc.nat(3);
  const step = fc.oneof(
    fc.record({ what: fc.constant("publish" as const), count: fc.integer({ min: 1, max: 12 }) }),
    fc.record({ what: fc.constant("subscribe" as const), who, back: fc.nat(30) }),
    fc.record({ what: fc.constant("last" as const), who, last: fc.integer({ min: 1, max: 30 }) }),
    fc.record({
      what: fc.constantFrom("unsubscribe", "plain", "drain", "stick", "free", "cut"),
      who,
    }),
    fc.record({ what: fc.constantFrom("clear" as const, "age" as const) }),
    fc.record({ what: fc.constant("engine" as const), count: fc.integer({ min: 1, max: 40 }) }),
  );
  let gaps = 0;
  let messages = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(step, fc.boolean()), { maxLength: 50 }),
      fc.option(fc.nat(), { nil: undefined, freq: 1 }),
      (steps, seed) =>
        withWorld({
          broker: (memory) => seed === undefined ? memory : new DelayedBroker(memory, seeded(seed)),
          history: { historyMessages: 10, historyTtlMs: 60_000 },
          queueMessages: 6,
          writeWaitMs: 3_600_000,
        }, async (world) => {
          const all: TestPeer[] = [];
          const peers = Array.from({ length: 4 }, () => world.connect());
          all.push(...peers);
          const { epoch } = world.history!.of("c")!;
          let published = 0;
          for (const [step, isTurn] of steps) {
            const peer = "who" in step ? peers[step.who] : peers[0];
            switch (step.what) {
              case "publish":
                for (let i = 0; i < step.count; i++) void world.hub.publish("c", `${++published}`);
                break;
              case "subscribe": {
                const since = { epoch, offset: Math.max(0, published - step.back) };
                say(peer, { type: "subscribe", channel: "c", since, id: since.offset });
                break;
              }
              case "last":
                say(peer, { type: "subscribe", channel: "c", last: step.last });
                break;
              case "plain":
                say(peer, { type: "subscribe", channel: "c", id: "plain" });
                break;
              case "unsubscribe":
                say(peer, { type: "unsubscribe", channel: "c" });
                break;
              case "drain":
                peer.socket.drain();
                break;
              case "stick":
                peer.socket.stuck = true;
                break;
              case "free":
                peer.socket.stuck = false;
                peer.socket.drain();
                break;
              case "cut":
                peer.socket.leave();
                if ("who" in step) all.push(peers[step.who] = world.connect());
                break;
              case "clear":
                void world.hub.clearHistory("c");
                break;
              case "age":
                await world.clock.pass(61_000);
                break;
              case "engine":
                for (let i = 0; i < step.count; i++) stepOf(world);
            }
            if (isTurn) await world.clock.turnOver();
          }
          for (const { socket } of peers) {
            socket.stuck = false;
            socket.drain();
          }
          await settle(world);
          await world.clock.pass(1_000);
          for (const peer of all) {
            const found = check(peer, {
              epoch,
              newest: peers.includes(peer) ? published : undefined,
            });
            gaps += found.gaps;
            messages += found.messages;
          }
        }),
    ),
    { numRuns: Number(Deno.env.get("PROPERTY_RUNS") ?? 1_000) },
  );
  assertGreater(gaps, 5, "the test makes no gaps");
  assertGreater(messages, 1_000);
});

/** One step of an engine that answers later. */
function stepOf({ broker }: World): void {
  if (broker instanceof DelayedBroker) broker.step();
}

/** Until nothing waits for such an engine. */
async function settle(world: World): Promise<void> {
  const { broker, clock } = world;
  await clock.turnOver();
  while (broker instanceof DelayedBroker && broker.waiting > 0) {
    broker.settle();
    await clock.turnOver();
  }
}

/** Asserts that each subscription of a peer has ascending offsets without a gap that was not told. */
function check(
  { socket }: TestPeer,
  { epoch, newest }: { epoch: string; newest: number | undefined },
): { gaps: number; messages: number } {
  let at: number | undefined; // undefined: not subscribed
  let newestAsked: number | undefined; // with `last`: the first message may be any up to this one
  let [gaps, messages] = [0, 0];
  for (const message of socket.messages) {
    switch (message.type) {
      case "subscribed":
        if (message.epoch === undefined) break; // it has ended before it began
        assertEquals(message.epoch, epoch);
        if (message.id === "plain") {
          // Repeated, it says where the subscription is: before a `last` has begun that is not known.
          if (newestAsked === undefined) assertEquals(message.offset, at ?? message.offset);
          if (at !== undefined) break;
        }
        at = message.recovered ? message.id : message.offset;
        newestAsked = message.id === undefined ? message.offset : undefined;
        break;
      case "unsubscribed":
        at = newestAsked = undefined;
        break;
      case "gap":
        assert(at !== undefined && message.offset <= (newest ?? Infinity));
        assert(newestAsked !== undefined || message.offset > at, "a gap backwards");
        at = message.offset;
        newestAsked = undefined;
        gaps++;
        break;
      case "message":
        assert(at !== undefined, "a message after the end of the subscription");
        if (newestAsked !== undefined && message.offset <= newestAsked) at = message.offset - 1;
        newestAsked = undefined;
        assertEquals(message.offset, at! + 1);
        assertEquals(message.data, message.offset);
        at = message.offset;
        messages++;
    }
  }
  const isOpen = socket.closedWith === undefined && newest !== undefined;
  if (isOpen && at !== undefined) assertEquals(at, newest, "it does not have the newest");
  return { gaps, messages };
}

async function metric(world: World, name: string): Promise<number> {
  const text = await world.metrics.text();
  return Number(text.split("\n").find((line) => line.startsWith(`${name} `))?.split(" ")[1]);
}
