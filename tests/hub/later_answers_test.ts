import { assert, assertEquals } from "@std/assert";
import { DelayedBroker } from "../support/fakes/delayed_broker.ts";
import { taloProfile } from "../../server/profiles/talo/talo.ts";
import { RULES, type TestPeer, withWorld, type World } from "../support/fakes/world.ts";

/** Answers of the engine arrive in the order of the requests. */
const inOrder = () => 0;

/** The engine carries all requests out before an answer arrives, the last one first. */
const lastFirst = () => 0.999_999;

interface Subject {
  readonly world: World;
  readonly engine: DelayedBroker;
  readonly peer: TestPeer;
  say(message: object): void;
  /** Until nothing waits; the frames since the last call. */
  settle(): Promise<unknown[][]>;
}

async function withEngine(
  run: (subject: Subject) => Promise<void>,
  random: () => number = inOrder,
  { settles = true } = {},
): Promise<void> {
  const broker = (memory: ConstructorParameters<typeof DelayedBroker>[0]) =>
    new DelayedBroker(memory, random);
  await withWorld({ history: {}, broker }, async (world) => {
    const engine = world.broker as DelayedBroker;
    const peer = world.connect();
    let seen = 1; // the welcome
    const settle = async () => {
      await world.clock.turnOver();
      while (engine.waiting > 0) {
        engine.settle();
        await world.clock.turnOver();
      }
      const messages = peer.socket.messages.slice(seen);
      seen += messages.length;
      return messages.map(({ type, id, code, data, offset, recovered }) =>
        [type, id ?? code ?? data, offset, recovered].filter((value) => value !== undefined)
      );
    };
    await run({ world, engine, peer, say: (message) => peer.socket.say(message), settle });
    if (settles) await settle();
  });
}

const subscribe = { type: "subscribe", channel: "c" };

Deno.test("A subscription begins when the broker has joined, with the position of that moment", () =>
  withEngine(async ({ world, engine, say, settle }) => {
    say({ ...subscribe, id: "s" });
    await world.clock.turnOver();
    assertEquals([engine.waiting, world.hub.leftOut.on("c")?.size], [1, 1]);
    engine.step(); // carried out, and the answer is under way
    say({ type: "publish", channel: "c", data: "before", id: "p" });
    assertEquals(await settle(), [["published", "p", 1], ["subscribed", "s", 1]]);
    say({ type: "publish", channel: "c", data: "after" });
    assertEquals(await settle(), [["message", "after", 2]]);
  }, lastFirst));

Deno.test("Who publishes and joins at once publishes in order", () =>
  withEngine(async ({ world, say, settle }) => {
    say({ type: "subscribe", channel: "channels/7" });
    await settle();
    const limits = { messagesPerMinute: 0, messagesPerMinuteIdentified: 0, isKey: () => true };
    const { socket } = world.connect({
      profile: taloProfile({ timing: RULES, ...limits }),
      url: "/?ticket=t",
    });
    const data = { playerAliasId: 1, socketToken: "t" };
    socket.say({ req: "v1.players.identify", data });
    for (const message of ["first", "second"]) {
      socket.say({ req: "v1.channels.message", data: { channel: { id: 7 }, message } });
    }
    assertEquals(await settle(), [["message", "first", 1], ["message", "second", 2]]);
  }, lastFirst));

Deno.test("Heartbeats and other answers do not wait for the broker", () =>
  withEngine(async ({ world, say, peer, settle }) => {
    say({ ...subscribe, id: "s" });
    say({ type: "history", channel: "c", id: "h" });
    say({ type: "ping", id: "i" });
    await world.clock.turnOver();
    assertEquals(peer.socket.messages.slice(1).map(({ id }) => id), ["i"]);
    const ids = (await settle()).map(([, id]) => id);
    assertEquals(ids, ["i", "s", "h"]);
  }));

Deno.test("A subscription that ends before it has begun is answered, and begins no more", () =>
  withEngine(async ({ world, say, settle }) => {
    say({ ...subscribe, id: "s", since: { epoch: "e", offset: 1 } });
    say({ type: "unsubscribe", channel: "c" });
    await world.clock.turnOver();
    assertEquals(world.hub.leftOut.on("c"), undefined);
    say({ type: "publish", channel: "c", data: 1 });
    assertEquals(await settle(), [["subscribed", "s", false], ["unsubscribed"]]);
  }));

Deno.test("A subscription that begins anew is not begun by the answer to the first", () =>
  withEngine(async ({ say, settle, world, engine }) => {
    say({ ...subscribe, id: "first" });
    say({ type: "unsubscribe", channel: "c" });
    say({ ...subscribe, id: "second", last: 1 });
    await world.clock.turnOver();
    engine.step();
    engine.step(); // the answer to the first
    await world.clock.turnOver();
    assertEquals(world.hub.leftOut.on("c")?.size, 1);
    void world.hub.publish("c", "1");
    assertEquals(await settle(), [
      ["subscribed", "first"],
      ["unsubscribed"],
      ["subscribed", "second", 1],
      ["message", 1, 1],
    ]);
  }));

Deno.test("A repeated subscribe is answered with the first, whose since another one cannot have", () =>
  withEngine(async ({ say, settle }) => {
    say({ ...subscribe, id: "first" });
    say({ ...subscribe, id: "second" });
    say({ ...subscribe, id: "third", last: 1 });
    assertEquals(await settle(), [
      ["error", "third"],
      ["subscribed", "first", 0],
      ["subscribed", "second", 0],
    ]);
  }));

Deno.test("A live subscription that is asked for again gets all messages meanwhile", () =>
  withEngine(async ({ world, engine, say, settle }) => {
    say({ ...subscribe, id: "first" });
    assertEquals(await settle(), [["subscribed", "first", 0]]);
    say({ type: "publish", channel: "c", data: "between" });
    say({ ...subscribe, id: "again" });
    await world.clock.turnOver();
    assertEquals(engine.waiting, 2);
    assertEquals(await settle(), [["message", "between", 1], ["subscribed", "again", 1]]);
    say({ ...subscribe, id: "last" });
    say({ type: "unsubscribe", channel: "c" });
    assertEquals((await settle()).map(([type]) => type), ["subscribed", "unsubscribed"]);
  }));

Deno.test("A live subscription that is asked for again stays when the broker is away", () =>
  withEngine(async ({ engine, say, settle, world }) => {
    say({ ...subscribe, id: "first" });
    await settle();
    engine.isAway = true;
    say({ ...subscribe, id: "again" });
    assertEquals((await settle()).map(([type]) => type), ["error"]);
    engine.isAway = false;
    void world.hub.publish("c", "1");
    assertEquals(await settle(), [["message", 1, 1]]);
  }));

Deno.test("What the broker cannot do now is unavailable, and may be tried again", () =>
  withEngine(async ({ say, settle, engine, peer, world }) => {
    engine.isAway = true;
    say({ ...subscribe, id: "s" });
    say({ ...subscribe, id: "s2" });
    say({ type: "publish", channel: "c", data: 1, id: "p" });
    say({ type: "history", channel: "c", id: "h" });
    const published = world.hub.publish("c", "1");
    const answers = await settle();
    assertEquals(answers.map(([, id]) => id), ["s", "s2", "p", "h"]);
    assertEquals(await published, "unavailable");
    const [, ...errors] = peer.socket.messages;
    for (const { code, afterMs } of errors) assertEquals([code, afterMs], ["unavailable", 1_000]);
    engine.isAway = false;
    say({ ...subscribe, id: "s" });
    assertEquals(await settle(), [["subscribed", "s", 0]]);
    say({ type: "publish", channel: "c", data: 1, id: "p" });
    assertEquals(await settle(), [
      ["message", 1, 1],
      ["published", "p", 1],
    ]);
  }));

Deno.test("A connection that ends while its subscription waits leaves nothing behind", () =>
  withEngine(async ({ say, settle, peer, world }) => {
    say({ ...subscribe });
    await world.clock.turnOver();
    peer.socket.leave();
    await world.clock.turnOver();
    assertEquals(world.hub.leftOut.on("c"), undefined);
    await settle();
    assertEquals(world.hub.channelCount, 0);
  }));

Deno.test("A member joins when its subscription begins, and those that repeat it change it in order", () =>
  withEngine(async ({ world, peer, say, settle }) => {
    say({ ...subscribe, id: 1, presence: true, member: "a" });
    say({ ...subscribe, id: 2, presence: true, member: "b" });
    say({ ...subscribe, id: 3, member: "b", info: "newest" });
    await world.clock.turnOver();
    assertEquals(world.hub.presence.size, 0);
    await settle();
    const told = peer.socket.messages.slice(1).map(({ type, id, member }) => [type, id ?? member]);
    assertEquals(told, [
      ["subscribed", 1],
      ["joined", "a"],
      ["subscribed", 2],
      ["joined", "b"],
      ["subscribed", 3],
    ]);
    const { members } = world.hub.presence.list("c");
    assertEquals(members.map(({ member, info }) => [member, info]), [["a", "null"], [
      "b",
      '"newest"',
    ]]);
  }));

Deno.test("A subscription that ends before it has begun, or cannot begin, has no member", () =>
  withEngine(async ({ engine, world, say, settle }) => {
    say({ ...subscribe, member: "a" });
    say({ type: "unsubscribe", channel: "c" });
    await settle();
    assertEquals(world.hub.presence.size, 0);
    engine.isAway = true;
    say({ ...subscribe, member: "a" });
    await settle();
    assertEquals(world.hub.presence.size, 0);
    engine.isAway = false;
    say({ ...subscribe, member: "a" });
    await settle();
    engine.isAway = true;
    say({ ...subscribe, member: "b" });
    await settle();
    assertEquals(world.hub.presence.list("c").members.map(({ member }) => member), ["a"]);
  }));

Deno.test("A publication that is under way when the hub stops is still answered", async () => {
  let published: ReturnType<World["hub"]["publish"]> | undefined;
  let engine: DelayedBroker | undefined;
  await withEngine(
    async ({ world }) => {
      published = world.hub.publish("c", "1");
      await world.clock.turnOver();
      engine = world.broker as DelayedBroker;
    },
    inOrder,
    { settles: false },
  );
  engine!.settle();
  const accepted = await published;
  assert(typeof accepted === "object" && accepted.position?.offset === 1);
});
