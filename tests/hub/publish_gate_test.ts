import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { Relay } from "../support/fakes/relay.ts";
import { type TestPeer, withWorld, type World } from "../support/fakes/world.ts";

const BYTES = 60_000;
const MEGABYTE = 1_000_000;
/** How long a publication waits. */
const WAIT_MS = 1_000;

/** A reader whose line carries so many bytes a second; Infinity: as fast as a turn. */
async function reader(world: World, bytesPerSecond: number, channel = "c"): Promise<TestPeer> {
  const socket = new Relay(world.clock, { delayMs: 20, bytesPerSecond, hoards: false });
  const peer = world.connect({ socket });
  socket.say({ type: "subscribe", channel });
  await world.clock.pass(100);
  return peer;
}

/** A reader that takes nothing more. */
async function stuckReader(world: World): Promise<TestPeer> {
  const peer = world.connect();
  peer.socket.say({ type: "subscribe", channel: "c" });
  await world.clock.pass(10);
  peer.socket.stuck = true;
  return peer;
}

/** Publishes many at once. @returns how each ended, as far as it has */
function burst(world: World, count: number, bytes = BYTES): unknown[] {
  const ends: unknown[] = [];
  for (let i = 0; i < count; i++) {
    void world.hub.publish("c", JSON.stringify("x".repeat(bytes))).then((end) => ends.push(end));
  }
  return ends;
}

const refused = (ends: readonly unknown[]) => ends.filter((end) => end === "busy").length;
const publications = ({ socket }: TestPeer) =>
  socket.messages.filter(({ type }) => type === "message").length;
const closed = (peers: TestPeer[]) => peers.filter(({ socket }) => socket.closedWith).length;

for (
  const { name, rate, least, most } of [
    { name: "1 MB/s", rate: MEGABYTE, least: 20, most: 60 },
    { name: "10 MB/s", rate: 10 * MEGABYTE, least: 120, most: 250 },
    { name: "100 MB/s", rate: 100 * MEGABYTE, least: 400, most: 400 },
    { name: "any speed", rate: Infinity, least: 400, most: 400 },
  ]
) {
  Deno.test(`24 MB at once evict no reader of ${name}: what its line cannot take is refused`, () =>
    withWorld({}, async (world) => {
      const readers = await Promise.all([1, 2, 3].map(() => reader(world, rate)));
      const ends = burst(world, 400);
      await world.clock.pass(WAIT_MS + 50);
      assertEquals(ends.length, 400); // nobody waits longer
      await world.clock.pass(30_000);
      assertEquals(closed(readers), 0);
      const accepted = 400 - refused(ends);
      assert(accepted >= least && accepted <= most, `${accepted} were accepted`);
      for (const peer of readers) assertEquals(publications(peer), accepted);
      assertEquals(world.hub.gate.refused, refused(ends));
    }));
}

Deno.test("One slow reader among quick ones holds nobody, and is judged alone", () =>
  withWorld({}, async (world) => {
    const quick = await Promise.all([1, 2, 3, 4].map(() => reader(world, Infinity)));
    const slow = await reader(world, MEGABYTE);
    for (let i = 0; i < 400; i++) {
      burst(world, 1);
      await world.clock.pass(2);
    }
    await world.clock.pass(2_000);
    assertEquals([world.hub.gate.held, closed(quick)], [0, 0]);
    assertEquals(slow.socket.closedWith?.code, 1013);
  }));

Deno.test("Readers that take nothing hold nobody: they are evicted, the others get everything", () =>
  withWorld({}, async (world) => {
    const stuck = await Promise.all([1, 2, 3].map(() => stuckReader(world)));
    const quick = await reader(world, Infinity);
    let longestMs = 0;
    for (let i = 0; i < 100; i++) {
      const startMs = world.clock.now();
      const ends = burst(world, 1);
      while (ends.length === 0) await world.clock.pass(5);
      longestMs = Math.max(longestMs, world.clock.now() - startMs);
      await world.clock.pass(2);
    }
    await world.clock.pass(2_000);
    assertEquals([publications(quick), closed(stuck)], [100, 3]);
    assertLess(longestMs, 400);
  }));

Deno.test("Publications wait in order, and other channels are not held", () =>
  withWorld({}, async (world) => {
    const peer = await reader(world, MEGABYTE);
    const other = await reader(world, Infinity, "other");
    const ends = burst(world, 15);
    await world.clock.pass(1);
    assertGreater(world.hub.gate.held, 0);
    const started: number[] = [];
    for (let n = 0; n < 5; n++) void world.hub.publish("c", `${n}`).then(() => started.push(n));
    let isPublished = false;
    void world.hub.publish("other", '"quick"').then(() => isPublished = true);
    await world.clock.turnOver();
    assert(isPublished);
    await world.clock.pass(3_000);
    assertEquals([refused(ends), started], [0, [0, 1, 2, 3, 4]]);
    assertEquals(publications(other), 1);
    assertEquals(publications(peer), 20);
  }));

Deno.test("Above half of the budget every channel waits", () =>
  withWorld({ budgetBytes: 2 * MEGABYTE }, async (world) => {
    const slow = await Promise.all([1, 2].map(() => reader(world, MEGABYTE)));
    const free = await reader(world, Infinity, "free");
    for (let i = 0; i < 9; i++) {
      const data = JSON.stringify("x".repeat(BYTES));
      world.hub.tell({ kind: "publish", channel: "c", data, key: undefined, onAccepted() {} });
    }
    await world.clock.turnOver();
    let isPublished = false;
    void world.hub.publish("free", "1").then(() => isPublished = true);
    await world.clock.pass(25);
    assertEquals(isPublished, false);
    await world.clock.pass(200);
    assertEquals([isPublished, publications(free)], [true, 1]);
    assertEquals(closed(slow), 0);
  }));

Deno.test("A socket's publication waits, what it says next too; then it is told to come back", () =>
  withWorld({}, async (world) => {
    const peer = await reader(world, 0.7 * MEGABYTE);
    const publisher = world.connect();
    const publish = (id: string, bytes = BYTES) =>
      publisher.socket.say({ type: "publish", channel: "c", data: "x".repeat(bytes), id });
    for (let i = 0; i < 40; i++) publish(`${i}`);
    publisher.socket.say({ type: "ping", id: "after" });
    await world.clock.pass(1);
    assert(publisher.socket.paused);
    const answers = () => publisher.socket.messages.slice(1);
    assertEquals(answers().filter(({ type }) => type === "pong"), []);
    await world.clock.pass(WAIT_MS + 100);
    assertEquals(publisher.socket.paused, false);
    const kinds = answers().map(({ type, code, id }) => `${code ?? type} ${id}`);
    assertEquals(kinds.at(-1), "pong after"); // in order
    const busy = answers().filter(({ code }) => code === "busy");
    assertGreater(busy.length, 0);
    assertEquals(kinds.length, 41);
    assertEquals(busy[0], {
      type: "error",
      code: "busy",
      message: 'not published: the subscribers of "c" are behind',
      id: busy[0].id,
      afterMs: 1_000,
    });
    const lines = world.log.filter(({ message }) => message === "refused");
    assertEquals(lines.map(({ properties }) => properties), [{ channel: "c" }]); // not one for each
    await world.clock.pass(3_000);
    publish("later");
    await world.clock.pass(100);
    assertEquals(answers().at(-1), { type: "published", channel: "c", id: "later" });
    assertEquals([closed([peer, publisher]), publications(peer)], [0, 41 - busy.length]);
  }));

Deno.test("What a publisher had sent before it left is published", () =>
  withWorld({}, async (world) => {
    const peer = await reader(world, 2 * MEGABYTE);
    const publisher = world.connect();
    for (let i = 0; i < 20; i++) {
      publisher.socket.say({ type: "publish", channel: "c", data: "x".repeat(BYTES) });
    }
    await world.clock.pass(1);
    assert(publisher.socket.paused);
    publisher.socket.leave();
    await world.clock.pass(3_000);
    assertEquals(publications(peer), 20);
  }));

Deno.test("A hub that stops lets go of all that waits", () =>
  withWorld({}, async (world) => {
    await reader(world, MEGABYTE);
    const ends = burst(world, 100);
    await world.clock.pass(1);
    assertGreater(world.hub.gate.held, 0);
    world.hub.runInHub(() => world.hub.gate.open());
    await world.clock.turnOver();
    assertEquals(ends.length, 100);
  }));
