import { assert, assertEquals, assertLess, assertLessOrEqual } from "@std/assert";
import { Flusher } from "../server/write_pump.ts";
import { DelayingSocket } from "./support/fakes/delaying_socket.ts";
import { textsOf } from "./support/fakes/fake_socket.ts";
import { VirtualClock } from "./support/fakes/virtual_clock.ts";
import { RULES, type TestPeer, withWorld, type World } from "./support/fakes/world.ts";

const KIB = 1_024;
const WINDOW_MS = 25;
const WINDOW = { flushWindowMs: WINDOW_MS };

/** Notes when each batch was written. */
class TimedSocket extends DelayingSocket {
  readonly #now: () => number;
  readonly writtenMs: number[] = [];

  constructor(clock: VirtualClock, delayMs: number) {
    super(clock, delayMs);
    this.#now = () => clock.now();
  }

  /** Below 0 it takes a batch at once. */
  override write(frames: Uint8Array, drained: () => void): boolean {
    this.writtenMs.push(this.#now());
    if (this.delayMs >= 0) return super.write(frames, drained);
    super.write(frames, () => {});
    return true;
  }
}

interface TimedPeer extends TestPeer {
  readonly socket: TimedSocket;
}

/** Subscribed to "c", has read its first frames. */
async function subscriber(world: World, delayMs = 0): Promise<TimedPeer> {
  const socket = new TimedSocket(world.clock, delayMs);
  const { client } = world.connect({ socket });
  socket.say({ type: "subscribe", channel: "c" });
  await world.clock.pass(Math.max(0, 3 * delayMs) + 5);
  forget({ client, socket });
  return { client, socket };
}

function forget({ socket }: TimedPeer): void {
  socket.batches.length = socket.writtenMs.length = 0;
}

const publish = (world: World, data: unknown) => void world.hub.publish("c", JSON.stringify(data));
const kib = (count: number) => "x".repeat(count * KIB);

/** The messages of each write: the data of a publication, or the type of any other. */
const writes = ({ socket }: TestPeer) =>
  socket.batches.map((batch) =>
    textsOf(batch).map((text) => JSON.parse(text)).map(({ type, data }) => data ?? type)
  );

Deno.test("Publications of several turns leave in one write, a window after the first", () =>
  withWorld(WINDOW, async (world) => {
    const peers = [await subscriber(world), await subscriber(world)];
    const startMs = world.clock.now();
    for (let n = 0; n < 5; n++) {
      publish(world, n);
      await world.clock.pass(4);
    }
    await world.clock.pass(8);
    publish(world, "next");
    await world.clock.pass(2 * WINDOW_MS);
    for (const peer of peers) {
      assertEquals(writes(peer), [[0, 1, 2, 3, 4], ["next"]]);
      assertLessOrEqual(Math.abs(peer.socket.writtenMs[0] - startMs - WINDOW_MS), 1);
    }
  }));

Deno.test("Without a window publications leave at the end of their turn", () =>
  withWorld({}, async (world) => {
    const peer = await subscriber(world);
    publish(world, 1);
    publish(world, 2);
    await world.clock.pass(2);
    publish(world, 3);
    await world.clock.pass(2);
    assertEquals(writes(peer), [[1, 2], [3]]);
  }));

Deno.test("The first frames of a connection and their ping wait for no window", () =>
  withWorld({ flushWindowMs: 100 }, async (world) => {
    const { socket } = world.connect();
    await world.clock.turnOver();
    assertEquals(socket.messages.map(({ type }) => type), ["welcome"]);
    assert(socket.firstPing !== undefined);
  }));

Deno.test("An answer leaves at the end of its turn, behind the publications that were held", () =>
  withWorld(WINDOW, async (world) => {
    const peer = await subscriber(world);
    publish(world, 1);
    await world.clock.pass(2);
    peer.socket.say({ type: "ping", id: "a" });
    await world.clock.pass(1);
    assertEquals(writes(peer), [[1, "pong"]]);
    publish(world, 2);
    await world.clock.pass(WINDOW_MS);
    assertEquals(writes(peer), [[1, "pong"], [2]]);
  }));

Deno.test("An answer that finds a batch in flight leaves as soon as that has drained", () =>
  withWorld({ flushWindowMs: 100 }, async (world) => {
    const peer = await subscriber(world, 10);
    publish(world, 1);
    await world.clock.pass(105); // in flight for 5 ms
    publish(world, 2);
    await world.clock.pass(1);
    peer.socket.say({ type: "ping", id: "a" });
    await world.clock.pass(10);
    assertEquals(writes(peer), [[1], [2, "pong"]]);
  }));

Deno.test("Pings and pongs wait for no window, an app ping takes along what was held", () =>
  withWorld({ flushWindowMs: 100, rules: { ...RULES, pingPeriodMs: 1_000 } }, async (world) => {
    const peer = await subscriber(world);
    const { socket } = peer;
    for (let ms = 0; socket.pings.length === 0; ms++) {
      if (ms % 30 === 0) publish(world, "held");
      await world.clock.pass(1);
    }
    const pingedMs = world.clock.now();
    await world.clock.pass(2);
    assertEquals(writes(peer).at(-1), ["held", "held", "ping"]);
    assertLessOrEqual(socket.writtenMs.at(-1)! - pingedMs, 1);
    await world.clock.pass(100);
    publish(world, "later");
    await world.clock.turnOver();
    forget(peer);
    socket.peerPing(new Uint8Array(3));
    assertEquals([socket.pongs.length, socket.batches.length], [1, 0]);
    await world.clock.pass(102);
    assertEquals(writes(peer), [["later"]]);
  }));

Deno.test("A close writes what is held before it", () =>
  withWorld({ flushWindowMs: 100 }, async (world) => {
    const peers = await Promise.all(Array.from({ length: 20 }, () => subscriber(world)));
    for (let n = 0; n < 3; n++) {
      publish(world, n);
      await world.clock.pass(1);
    }
    for (const { client } of peers) client.close("drain");
    for (const peer of peers) {
      assertEquals(writes(peer), [[0, 1, 2, "reconnect"]]);
      assertEquals(peer.socket.closedWith?.code, 1012);
    }
    await world.clock.pass(200);
    for (const peer of peers) assertEquals(writes(peer).length, 1);
  }));

Deno.test("A queue that is full within a window is written at once, by count and by size", () =>
  withWorld({ flushWindowMs: 100, queueMessages: 10, queueBytes: 20 * KIB }, async (world) => {
    const peer = await subscriber(world);
    for (let n = 0; n < 12; n++) publish(world, n);
    await world.clock.turnOver();
    assertEquals(writes(peer).map(({ length }) => length), [10]);
    await world.clock.pass(101);
    assertEquals(writes(peer).map(({ length }) => length), [10, 2]);
    forget(peer);
    for (let n = 0; n < 6; n++) publish(world, kib(5));
    await world.clock.turnOver();
    assertEquals(writes(peer).map(({ length }) => length), [3]);
    assertEquals(peer.socket.closedWith, undefined);
  }));

Deno.test("A batch's worth of bytes, or half a queue, leaves at the end of its turn", () =>
  withWorld({ flushWindowMs: 100 }, async (world) => {
    const peer = await subscriber(world);
    for (let n = 0; n < 6; n++) {
      publish(world, kib(10));
      await world.clock.pass(1);
    }
    assertEquals(writes(peer), []);
    publish(world, kib(10));
    await world.clock.pass(2);
    assertEquals(writes(peer).map(({ length }) => length), [6]);
    await world.clock.pass(100); // since the seventh is more than a batch, it waits for the window
    assertEquals(writes(peer).map(({ length }) => length), [6, 1]);
    forget(peer);
    for (let n = 0; n < 129; n++) {
      assertEquals(writes(peer), []);
      publish(world, n);
      if (n % 16 === 0) await world.clock.pass(1);
    }
    await world.clock.pass(1);
    assertEquals(writes(peer).map(({ length }) => length), [129]);
  }));

Deno.test("What comes while a batch is in flight waits for its own window, or for the batch", () =>
  withWorld(WINDOW, async (world) => {
    const peer = await subscriber(world, 10);
    publish(world, 1);
    await world.clock.pass(WINDOW_MS + 5); // in flight for 5 ms
    const startMs = world.clock.now();
    publish(world, 2);
    await world.clock.pass(15);
    publish(world, 3);
    await world.clock.pass(WINDOW_MS);
    assertEquals(writes(peer), [[1], [2, 3]]);
    assertLessOrEqual(Math.abs(peer.socket.writtenMs[1] - startMs - WINDOW_MS), 1);
    await world.clock.pass(50);
    peer.socket.delayMs = 60;
    publish(world, 4);
    await world.clock.pass(WINDOW_MS + 5);
    publish(world, 5); // its window ends while the batch is in flight
    await world.clock.pass(60);
    assertEquals(writes(peer).slice(2), [[4], [5]]);
    assertLessOrEqual(peer.socket.writtenMs[3] - peer.socket.writtenMs[2], 62);
  }));

Deno.test("What a batch leaves over does not wait for another window", () =>
  withWorld({ flushWindowMs: 100 }, async (world) => {
    const peer = await subscriber(world, 10);
    world.clock.after(100, () => { // just before the window ends
      publish(world, kib(30));
      publish(world, kib(30));
    });
    publish(world, kib(30));
    await world.clock.pass(105); // two of them are in flight
    publish(world, "later");
    await world.clock.pass(10);
    assertEquals(writes(peer).map(({ length }) => length), [2, 2]);
  }));

for (const flushWindowMs of [25, 100]) {
  Deno.test(`A publisher faster than a window of ${flushWindowMs} ms holds and ends nobody`, () =>
    withWorld({ flushWindowMs, budgetBytes: 64 << 20 }, async (world) => {
      const quick = await Promise.all(Array.from({ length: 20 }, () => subscriber(world)));
      const slower = await Promise.all([subscriber(world, 20), subscriber(world, 20)]);
      for (let turn = 0; turn < 2_000; turn++) {
        for (let n = 0; n < 5; n++) publish(world, "x".repeat(turn % 7 === 0 ? 8_000 : 300));
        await world.clock.pass(1);
      }
      await world.clock.pass(1_000);
      const { held, refused } = world.hub.gate;
      assertEquals([held, refused, world.closed("slow_consumer")], [0, 0, 0]);
      for (const peer of [...quick, ...slower]) assertEquals(peer.socket.texts.length, 10_000);
    }));
}

Deno.test("What is held in windows uses a quarter of the budget at most, and holds no publisher", () =>
  withWorld({ flushWindowMs: 100, budgetBytes: 2_000_000 }, async (world) => {
    const peers = await Promise.all(Array.from({ length: 50 }, () => subscriber(world)));
    let mostBytes = 0;
    for (let n = 0; n < 1_000; n++) {
      publish(world, "x".repeat(2_000)); // 100 KB for all of them, 10 MB in a window
      await world.clock.pass(1);
      mostBytes = Math.max(mostBytes, world.budget.usedBytes);
    }
    await world.clock.pass(2_000);
    assertEquals([world.hub.gate.held, world.closed("overload")], [0, 0]);
    assertLess(mostBytes, 700_000);
    for (const peer of peers) assertEquals(peer.socket.texts.length, 1_000);
  }));

Deno.test("A peer that stops reading within a window is found as without one", () =>
  withWorld({ flushWindowMs: 100, queueBytes: 100 * KIB }, async (world) => {
    const peer = await subscriber(world);
    peer.socket.delayMs = 3_600_000;
    publish(world, 1);
    await world.clock.pass(105);
    for (let n = 0; n < 10; n++) publish(world, kib(20));
    await world.clock.pass(150);
    assertEquals(peer.socket.closedWith?.code, 1013);
  }));

Deno.test("Nothing is lost, nothing is out of order and nothing is late, whatever comes when", () =>
  withWorld(WINDOW, async (world) => {
    const random = sequence(7);
    const peers = await Promise.all([-1, 0, 0].map((delayMs) => subscriber(world, delayMs)));
    const publishedMs: number[] = [];
    for (let step = 0; step < 3_000; step++) {
      const kind = random();
      if (kind < 0.5) {
        publishedMs.push(world.clock.now());
        publish(world, publishedMs.length - 1);
      } else if (kind < 0.53) {
        peers[step % 3].socket.say({ type: "ping", id: `${step}` });
      } else if (kind < 0.531) {
        for (let n = 0; n < 300; n++) {
          publishedMs.push(world.clock.now());
          publish(world, publishedMs.length - 1);
        }
      } else await world.clock.pass(Math.ceil(random() * 8));
    }
    await world.clock.pass(100);
    for (const peer of peers) {
      const numbers = writes(peer).map((batch) => batch.filter((it) => typeof it === "number"));
      assertEquals(numbers.flat(), publishedMs.map((_, n) => n));
      for (const [i, batch] of numbers.entries()) {
        for (const n of batch) {
          assertLessOrEqual(peer.socket.writtenMs[i] - publishedMs[n], WINDOW_MS + 2);
        }
      }
      assertLess(peer.socket.batches.length, publishedMs.length / 4);
    }
  }));

Deno.test("Flusher.hold() ends a window for all pumps that came in it, with one timer", async () => {
  const clock = new VirtualClock();
  let timers = 0;
  const counting = {
    now: () => clock.now(),
    wall: () => clock.wall(),
    turn: (call: () => void) => clock.turn(call),
    after: (ms: number, call: () => void) => (timers++, clock.after(ms, call)),
  };
  const flusher = new Flusher(counting, WINDOW_MS);
  const order: string[] = [];
  const pump = (name: string) => ({ endWindow: () => void order.push(name) });
  flusher.hold(pump("a"));
  await clock.pass(20);
  flusher.hold(pump("b"));
  await clock.pass(4);
  assertEquals(order, []);
  await clock.pass(1);
  assertEquals([order, timers], [["a", "b"], 1]);
  flusher.hold(pump("c"));
  await clock.pass(WINDOW_MS);
  assertEquals([order, timers], [["a", "b", "c"], 2]);
});

/** Numbers in [0, 1), the same at each run. */
function sequence(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}
