import { assertEquals, assertLess, assertLessOrEqual } from "@std/assert";
import type { Server } from "node:http";
import { MemoryBroker } from "../server/brokers/memory.ts";
import { shutdown } from "../server/drain.ts";
import type { Admission } from "../server/auth/admission.ts";
import type { Auth } from "../server/auth/auth.ts";
import type { Upgrader } from "../server/transport/upgrade.ts";
import { FakeSocket } from "./support/fakes/fake_socket.ts";
import { World } from "./support/fakes/world.ts";

const SHUTDOWN_MS = 800;

/** Answers no close; its end is reported in a later turn, as a real socket's is. */
class MuteSocket extends FakeSocket {
  override lingers = true;
  readonly world: World;

  constructor(world: World) {
    super();
    this.world = world;
  }

  override terminate(): void {
    this.world.clock.turn(() => super.terminate());
  }
}

/** So hard to end that five of them take longer than there is. */
class HeavySocket extends MuteSocket {
  override terminate(): void {
    this.world.clock.block(SHUTDOWN_MS / 4);
    super.terminate();
  }
}

/** Its end is never reported. */
class LostSocket extends FakeSocket {
  override lingers = true;
  override terminate(): void {}
}

/** Connects clients and takes everything down. @returns the log, and how long it took, ms */
async function drained(socketOf: (world: World) => FakeSocket, count = 5) {
  const world = new World({});
  for (let i = 0; i < count; i++) world.connect({ socket: socketOf(world) });
  await world.clock.turnOver();
  world.log.length = 0;
  const { clock, context: { log }, wheel, hub } = world;
  const startMs = clock.now();
  let endMs = Infinity;
  const down = shutdown({
    shutdownMs: SHUTDOWN_MS,
    clock,
    random: Math.random,
    log,
    http: { close() {}, closeAllConnections() {} } as Server,
    wheel,
    hub,
    hubRun: Promise.resolve(),
    feed: { stop() {} },
    broker: new MemoryBroker(),
    upgrader: { drain() {} } as Upgrader,
    admission: {
      get open() {
        return count - world.closed("drain");
      },
    } as Admission,
    auth: { close: () => Promise.resolve() } as Auth,
  }).then(() => endMs = clock.now());
  while (endMs === Infinity) await clock.pass(10);
  await down;
  return { log: world.log, tookMs: endMs - startMs };
}

Deno.test("shutdown() does not wait for peers that answer, and logs all their ends first", async () => {
  const { log, tookMs } = await drained(() => new FakeSocket());
  assertEquals(log.map(({ message }) => message), [
    "draining",
    ...Array(5).fill("connection closed"),
    "drained",
  ]);
  assertEquals(log.at(-1)?.properties, { terminated: 0 });
  assertLess(tookMs, 100);
});

Deno.test("shutdown() logs the end of each connection that it had to terminate before it is done", async () => {
  const { log, tookMs } = await drained((world) => new MuteSocket(world));
  assertEquals(log.map(({ message }) => message), [
    "draining",
    ...Array(5).fill("connection closed"),
    "drained",
  ]);
  assertEquals(log.at(-1)?.properties, { terminated: 5 });
  assertLessOrEqual(tookMs, SHUTDOWN_MS);
});

Deno.test("shutdown() logs the end of each connection, though terminating them takes too long", async () => {
  const { log } = await drained((world) => new HeavySocket(world));
  assertEquals(log.filter(({ message }) => message === "connection closed").length, 5);
});

Deno.test("shutdown() terminates thousands so early that there is time to tell their ends", async () => {
  const count = 2_000;
  let firstMs = Infinity;
  let startMs: number | undefined;
  await drained((world) => {
    const socket = new MuteSocket(world);
    const { close, terminate } = socket;
    socket.close = (code, text) => {
      startMs ??= world.clock.now();
      close.call(socket, code, text);
    };
    socket.terminate = () => {
      firstMs = Math.min(firstMs, world.clock.now());
      terminate.call(socket);
    };
    return socket;
  }, count);
  // 800 ms, less 300 for what comes after and 0.2 for each of 2000; a look each 50 ms
  assertLess(firstMs - startMs!, 400);
});

Deno.test("shutdown() ends within SHUTDOWN_MS, though a socket never reports its end", async () => {
  const { log, tookMs } = await drained(() => new LostSocket());
  assertEquals(log.map(({ message }) => message), ["draining", "drained"]);
  assertEquals(log.at(-1)?.properties, { terminated: 5 });
  assertLessOrEqual(tookMs, SHUTDOWN_MS + 50); // a look each 50 ms
});
