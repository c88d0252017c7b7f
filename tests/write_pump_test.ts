import { Buffer } from "node:buffer";
import { assert, assertEquals, assertLess, assertNotEquals, assertStrictEquals } from "@std/assert";
import { Flusher } from "../server/write_pump.ts";
import { DelayingSocket } from "./support/fakes/delaying_socket.ts";
import { VirtualClock } from "./support/fakes/virtual_clock.ts";
import { deliverTo, type TestPeer, withWorld, type World } from "./support/fakes/world.ts";

const KIB = 1_024;

/** Subscribed to "c", has read its first frames. */
async function subscriber(world: World, delayMs: number): Promise<TestPeer> {
  const peer = world.connect({ socket: new DelayingSocket(world.clock, delayMs) });
  peer.socket.say({ type: "subscribe", channel: "c" });
  await world.clock.pass(3 * delayMs + 1);
  peer.socket.batches.length = 0;
  return peer;
}

function publish(world: World, bytes: number): void {
  void world.hub.publish("c", "x".repeat(bytes));
}

const lengths = ({ socket }: TestPeer) =>
  socket.batches.map(({ length }) => Math.round(length / KIB));

Deno.test("A peer that reads is no slow consumer, though each turn brings more than a batch", () =>
  withWorld({}, async (world) => {
    const peer = await subscriber(world, 0);
    let most = 0;
    for (let i = 0; i < 200; i++) {
      for (let n = 0; n < 8; n++) publish(world, 60 * KIB); // 480 KiB
      await world.clock.pass(1); // a turn
      most = Math.max(most, peer.client.writePump.pendingBytes);
    }
    await world.clock.pass(100);
    assertEquals([peer.socket.closedWith, peer.client.writePump.pendingBytes], [undefined, 0]);
    assertEquals(peer.socket.texts.length, 1_600);
    assertLess(most, 4 << 20);
  }));

Deno.test("A peer that reads is no slow consumer, though 60 MB come before its socket has its turn", () =>
  withWorld({}, async (world) => {
    const peer = await subscriber(world, 0);
    for (let i = 0; i < 1_000; i++) publish(world, 60 * KIB);
    await world.clock.pass(200);
    assertEquals([peer.socket.closedWith, peer.socket.texts.length], [undefined, 1_000]);
    assertLess(Math.max(...lengths(peer)), 1_100);
  }));

Deno.test("A batch is at most 64 KiB, or twice the last one if that was taken within a tick", () =>
  withWorld({}, async (world) => {
    const quick = await subscriber(world, 10);
    const slow = await subscriber(world, 80);
    for (let i = 0; i < 100; i++) publish(world, 10 * KIB);
    await world.clock.pass(2_000);
    assertEquals(lengths(quick).slice(0, 4), [60, 121, 242, 483]);
    assertEquals([...new Set(lengths(slow))], [60, 40]);
    assertEquals([quick, slow].map(({ socket }) => socket.texts.length), [100, 100]);
  }));

Deno.test("A batch after one that took longer than a tick is 64 KiB again", () =>
  withWorld({}, async (world) => {
    const peer = await subscriber(world, 10);
    for (let i = 0; i < 100; i++) publish(world, 10 * KIB);
    await world.clock.pass(25); // 60 and 121 are taken, 242 on their way
    (peer.socket as DelayingSocket).delayMs = 80;
    await world.clock.pass(500);
    assertEquals(lengths(peer), [60, 121, 242, 483, 60, 40]);
  }));

Deno.test("A peer that takes each batch just in time, and less than it is sent, is a slow consumer", () =>
  withWorld({ queueBytes: 100 * KIB }, async (world) => {
    const peer = await subscriber(world, 70);
    let most = 0;
    for (let i = 0; i < 1_000 && peer.socket.closedWith === undefined; i++) {
      deliverTo(world, "c", "x".repeat(20 * KIB)); // no publisher is held for it
      await world.clock.pass(5); // 4 MiB a second; it takes 0.9
      most = Math.max(most, peer.client.writePump.pendingBytes);
    }
    assertEquals(peer.socket.closedWith?.code, 1013);
    assertLess(most, 1_700 * KIB);
  }));

Deno.test("A peer that stops reading is found when its batch is stuck, though nothing more is sent", () =>
  withWorld({ queueBytes: 100 * KIB }, async (world) => {
    const [bytes, count, healthy] = [
      await subscriber(world, 0),
      await subscriber(world, 0),
      await subscriber(world, 0),
    ];
    count.socket.say({ type: "subscribe", channel: "small" });
    await world.clock.pass(5);
    count.socket.say({ type: "unsubscribe", channel: "c" });
    await world.clock.pass(5);
    for (const { socket } of [bytes, count]) (socket as DelayingSocket).delayMs = 3_600_000;
    void world.hub.publish("small", "x"); // in flight
    await world.clock.pass(5);
    for (let i = 0; i < 300; i++) void world.hub.publish("small", "x");
    for (let i = 0; i < 10; i++) publish(world, 20 * KIB);
    await world.clock.pass(75);
    const ended = () => [bytes, count, healthy].map(({ socket }) => socket.closedWith?.code);
    assertEquals(ended(), [undefined, undefined, undefined]);
    await world.clock.pass(75);
    assertEquals(ended(), [1013, 1013, undefined]);
    assertEquals(world.closed("slow_consumer"), 2);
  }));

Deno.test("The hub ends its turn before what it publishes fills a queue", () =>
  withWorld({}, async (world) => {
    const peer = await subscriber(world, 0);
    let most = 0;
    const write = peer.socket.write.bind(peer.socket);
    peer.socket.write = (frames, drained) => {
      most = Math.max(most, peer.client.writePump.pendingBytes);
      return write(frames, drained);
    };
    for (let i = 0; i < 200; i++) publish(world, 60 * KIB);
    await world.clock.pass(50);
    assertEquals(peer.socket.texts.length, 200);
    assert(most < 1 << 20, `${most} bytes waited`);
  }));

const frameOf = (...bytes: number[]): Uint8Array => Buffer.from(bytes);

Deno.test("Flusher.mark() flushes each pump once, at the end of the turn, and the next turn anew", async () => {
  const clock = new VirtualClock();
  const flusher = new Flusher(clock);
  const order: string[] = [];
  const pump = (name: string) => ({ flush: () => void order.push(name) });
  flusher.mark(pump("a"));
  flusher.mark(pump("b"));
  assertEquals(order, []);
  await clock.turnOver();
  assertEquals(order, ["a", "b"]);
  flusher.mark(pump("c"));
  await clock.turnOver();
  assertEquals(order, ["a", "b", "c"]);
});

Deno.test("Flusher.join() gives equal batches one buffer, different ones their own, one frame itself", () => {
  const flusher = new Flusher(new VirtualClock());
  const [a, b, c] = [frameOf(1), frameOf(2, 3), frameOf(4)];
  const first = flusher.join([a, b]);
  assertEquals(first, frameOf(1, 2, 3));
  assertStrictEquals(flusher.join([a, b]), first);
  assertEquals(flusher.join([b, a]), frameOf(2, 3, 1));
  assertNotEquals(flusher.join([a, c]), first);
  assertEquals(flusher.join([a, b, c]), frameOf(1, 2, 3, 4));
  assertStrictEquals(flusher.join([c]), c);
});
