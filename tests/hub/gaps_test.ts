import { assertEquals } from "@std/assert";
import type { Broker, Deliver } from "../../server/brokers/broker.ts";
import type { ChannelLog } from "../../server/brokers/channel_log.ts";
import { type TestPeer, withWorld, type World } from "../support/fakes/world.ts";

/** Runs a test that tells gaps as a broker of several nodes does. */
async function withGaps(
  options: { readonly history?: object },
  run: (world: World, deliver: Deliver) => Promise<void>,
): Promise<void> {
  let delivered: Deliver = () => {};
  const broker = (memory: Broker) => {
    const start = memory.start.bind(memory);
    memory.start = (deliver) => start(delivered = deliver);
    return memory;
  };
  await withWorld({ ...options, broker }, (world) => run(world, (each) => delivered(each)));
}

async function subscribe(world: World, message: object = {}): Promise<TestPeer> {
  const peer = world.connect();
  peer.socket.say({ type: "subscribe", channel: "c", ...message });
  await world.clock.turnOver();
  return peer;
}

async function publish(world: World, ...all: unknown[]): Promise<void> {
  for (const data of all) void world.hub.publish("c", JSON.stringify(data));
  await world.clock.turnOver();
}

const framesOf = ({ socket }: TestPeer) =>
  socket.messages.slice(2).map(({ type, epoch, offset, data }) => [type, epoch ?? data, offset]);

Deno.test("A gap reaches the subscribers of its channel, in the order of publications", () =>
  withGaps({ history: {} }, async (world, deliver) => {
    const peer = await subscribe(world);
    const other = await subscribe(world, { channel: "d" });
    await publish(world, 1);
    deliver({ kind: "gap", channel: "c", epoch: "e2", offset: 7 });
    await publish(world, 2);
    assertEquals(framesOf(peer), [["message", 1, 1], ["gap", "e2", 7], ["message", 2, 2]]);
    assertEquals(framesOf(other), []);
  }));

Deno.test("A gap of a channel without history has no position", () =>
  withGaps({}, async (world, deliver) => {
    const peer = await subscribe(world);
    deliver({ kind: "gap", channel: "c" });
    await world.clock.turnOver();
    assertEquals(peer.socket.messages.at(-1), { type: "gap", channel: "c" });
  }));

Deno.test("A replay whose epoch ends goes on in the new one, after one gap", () =>
  withGaps({ history: {} }, async (world, deliver) => {
    await publish(world, ...Array.from({ length: 300 }, (_, i) => i));
    const log = await world.broker.history("c") as ChannelLog;
    const peer = world.connect();
    await world.clock.turnOver();
    peer.socket.stuck = true;
    peer.socket.say({ type: "subscribe", channel: "c", last: 256 });
    await world.clock.turnOver();
    await world.broker.clear("c");
    log.restart({ epoch: "second", offset: 0 });
    deliver({ kind: "gap", channel: "c", epoch: "second", offset: 0 });
    await publish(world, "new");
    // It subscribes again meanwhile: the answer is where the replay will go on.
    peer.socket.say({ type: "subscribe", channel: "c" });
    await world.clock.turnOver();
    peer.socket.stuck = false;
    peer.socket.drain();
    await world.clock.pass(100);
    await publish(world, "newer");
    const frames = framesOf(peer).filter(([type, data]) =>
      type !== "message" || isNaN(Number(data))
    );
    assertEquals(frames, [
      ["subscribed", "second", 0],
      ["gap", "second", 0],
      ["message", "new", 1],
      ["message", "newer", 2],
    ]);
  }));
