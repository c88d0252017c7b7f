import { assertEquals, assertGreaterOrEqual, assertLess, assertLessOrEqual } from "@std/assert";
import type { Server } from "node:http";
import { MemoryAdmissionRate, UnlimitedAdmission } from "../server/brokers/admission_rate.ts";
import { MemoryBroker } from "../server/brokers/memory.ts";
import { shutdown } from "../server/drain.ts";
import type { Admission } from "../server/auth/admission.ts";
import type { Auth } from "../server/auth/auth.ts";
import type { Upgrader } from "../server/transport/upgrade.ts";
import { TICK_MS } from "../server/liveness/wheel.ts";
import type { Profile } from "../server/profiles/profile.ts";
import { tankProfile } from "../server/profiles/tank/tank.ts";
import { FakeSocket } from "./support/fakes/fake_socket.ts";
import { seeded } from "./support/fakes/seeded.ts";
import { RULES, World } from "./support/fakes/world.ts";

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

/** Keeps when it was closed; its peer comes back as the close frame says. */
class TimedSocket extends FakeSocket {
  readonly world: World;
  /** Monotonic ms. */
  closedMs = 0;

  constructor(world: World) {
    super();
    this.world = world;
  }

  override close(code: number, text: string): void {
    this.closedMs = this.world.clock.now();
    super.close(code, text);
  }

  /** When its peer comes back, monotonic ms. */
  get returnMs(): number {
    return this.closedMs + this.afterMs;
  }

  /** What the close frame says. */
  get afterMs(): number {
    return Number(/^drain: server restarting; afterMs=(\d+)$/.exec(this.closedWith!.text!)![1]);
  }
}

/** Moves at the time that it is advised to, and takes a while for it. */
class MovingSocket extends TimedSocket {
  #slotMs: number | undefined;

  override write(frames: Uint8Array, drained: () => void): boolean {
    const isDrained = super.write(frames, drained);
    const advice = this.messages.find(({ type }) => type === "reconnect");
    if (advice !== undefined && this.#slotMs === undefined) {
      const { clock } = this.world;
      this.#slotMs = clock.now() + advice.afterMs;
      clock.after(advice.afterMs + 300, () => this.leave());
    }
    return isDrained;
  }

  override get returnMs(): number {
    return this.closedWith === undefined ? this.#slotMs! : super.returnMs;
  }
}

/** What a drain is like. */
interface DrainOptions {
  readonly socketOf: (world: World) => FakeSocket;
  readonly count?: number;
  readonly shutdownMs?: number;
  readonly profile?: Profile;
  /** Admissions a second of the hub; by default there is no limit, and slots are at once. */
  readonly perSecond?: number;
  /** How long the answer takes, ms. */
  readonly answerMs?: number;
}

/** Connects clients and takes everything down. @returns the log, and how long it took, ms */
async function drained(
  { socketOf, count = 5, shutdownMs = SHUTDOWN_MS, profile, perSecond, answerMs }: DrainOptions,
) {
  const world = new World({});
  const { clock, context: { log }, wheel, hub } = world;
  for (let i = 0; i < count; i++) world.connect({ socket: socketOf(world), profile });
  await clock.turnOver();
  world.log.length = 0;
  const rate = perSecond === undefined
    ? new UnlimitedAdmission(() => 0)
    : new MemoryAdmissionRate({ perSecond, clock, random: () => 0 });
  const startMs = clock.now();
  let endMs = Infinity;
  let newestSlotMs = 0;
  const down = shutdown({
    shutdownMs,
    clock,
    random: seeded(1),
    log,
    http: { close() {}, closeAllConnections() {} } as Server,
    wheel,
    hub,
    hubRun: Promise.resolve(),
    feed: { stop() {} },
    broker: new MemoryBroker(),
    upgrader: {
      drain() {},
      handedOut: (slotMs: number) => void (newestSlotMs = slotMs),
    } as Upgrader,
    admissionRate: {
      slots(count) {
        if (answerMs === undefined) return rate.slots(count);
        return new Promise((resolve) => clock.after(answerMs, () => resolve(rate.slots(count))));
      },
    },
    admission: {
      get open() {
        return count - world.log.filter(({ message }) => message === "connection closed").length;
      },
    } as Admission,
    auth: { close: () => Promise.resolve() } as Auth,
  }).then(() => endMs = clock.now());
  while (endMs === Infinity) await clock.pass(10);
  await down;
  return { world, log: world.log, startMs, tookMs: endMs - startMs, newestSlotMs };
}

Deno.test("shutdown() does not wait for peers that answer, and logs all their ends first", async () => {
  const { log, tookMs } = await drained({ socketOf: () => new FakeSocket() });
  assertEquals(log.map(({ message }) => message), [
    "draining",
    ...Array(5).fill("connection closed"),
    "drained",
  ]);
  assertEquals(log.at(-1)?.properties, { terminated: 0 });
  assertLess(tookMs, 500); // 80 ms, and four fifths of what is left without the 300 of the last steps
});

Deno.test("shutdown() logs the end of each connection that it had to terminate before it is done", async () => {
  const { log, tookMs } = await drained({ socketOf: (world) => new MuteSocket(world) });
  assertEquals(log.map(({ message }) => message), [
    "draining",
    ...Array(5).fill("connection closed"),
    "drained",
  ]);
  assertEquals(log.at(-1)?.properties, { terminated: 5 });
  assertLessOrEqual(tookMs, SHUTDOWN_MS);
});

Deno.test("shutdown() logs the end of each connection, though terminating them takes too long", async () => {
  const { log } = await drained({ socketOf: (world) => new HeavySocket(world) });
  assertEquals(log.filter(({ message }) => message === "connection closed").length, 5);
});

Deno.test("shutdown() terminates thousands so early that there is time to tell their ends", async () => {
  const count = 2_000;
  let firstMs = Infinity;
  let startMs: number | undefined;
  const socketOf = (world: World) => {
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
  };
  await drained({ socketOf, count });
  // 800 ms, less 300 for what comes after and 0.2 for each of 2000; a look each 50 ms
  assertLess(firstMs - startMs!, 400);
});

Deno.test("shutdown() ends within SHUTDOWN_MS, though a socket never reports its end", async () => {
  const { log, tookMs } = await drained({ socketOf: () => new LostSocket() });
  assertEquals(log.map(({ message }) => message), ["draining", "drained"]);
  assertEquals(log.at(-1)?.properties, { terminated: 5 });
  assertLessOrEqual(tookMs, SHUTDOWN_MS + 50); // a look each 50 ms
});

/** As in production. */
const FULL = { shutdownMs: 4_500, perSecond: 500 };

/** The most of these times within a second. */
function worstSecond(times: readonly number[]): number {
  const sorted = times.toSorted((a, b) => a - b);
  return Math.max(...sorted.map((ms, i) => i + 1 - sorted.findIndex((it) => ms - it < 1_000)));
}

/** Those that were closed, and all. */
function socketsOf<S extends TimedSocket>({ peers }: World): { closed: S[]; all: S[] } {
  const all = peers.map(({ socket }) => socket as S);
  return { closed: all.filter(({ closedWith }) => closedWith !== undefined), all };
}

Deno.test("shutdown() lets 1000 clients move at the pace of the budget, and closes none", async () => {
  const socketOf = (world: World) => new MovingSocket(world);
  const { world, tookMs, startMs } = await drained({ ...FULL, count: 1_000, socketOf });
  const { closed, all } = socketsOf<MovingSocket>(world);
  assertEquals(closed, []);
  const slots = all.map(({ returnMs }) => returnMs - startMs);
  assertLessOrEqual(worstSecond(slots), 500);
  assertGreaterOrEqual(Math.min(...slots), 450, "load balancers do not know yet");
  assertLess(Math.max(...slots), 2_700);
  assertLess(tookMs, 3_050, "it waits for what has left");
  assertEquals(world.log.at(-1)?.properties, { terminated: 0 });
});

Deno.test("shutdown() waits for slots that another process hands out", async () => {
  const socketOf = (world: World) => new MovingSocket(world);
  const { world, tookMs } = await drained({ ...FULL, count: 50, answerMs: 400, socketOf });
  assertEquals(socketsOf(world).closed, []);
  assertLess(tookMs, 1_450);
});

Deno.test("shutdown() closes who has not moved a second after its slot, with another slot", async () => {
  const socketOf = (world: World) => new TimedSocket(world);
  const { world, startMs, tookMs } = await drained({ ...FULL, count: 900, socketOf });
  const { closed } = socketsOf(world);
  assertEquals(closed.length, 900);
  const closes = closed.map(({ closedMs }) => closedMs - startMs);
  assertGreaterOrEqual(Math.min(...closes), 1_450);
  assertLess(Math.max(...closes), 3_350);
  assertLess(tookMs, 3_450);
  assertLessOrEqual(worstSecond(closed.map(({ returnMs }) => returnMs)), 500);
});

Deno.test("shutdown() closes clients that know no advice at their slots", async () => {
  const socketOf = (world: World) => new TimedSocket(world);
  const profile = tankProfile({ timing: RULES });
  const { world, startMs, tookMs } = await drained({ ...FULL, count: 900, profile, socketOf });
  const { closed } = socketsOf(world);
  assertEquals(closed.map(({ afterMs }) => afterMs), Array(900).fill(1));
  const closes = closed.map(({ closedMs }) => closedMs - startMs);
  assertLessOrEqual(worstSecond(closes), 500);
  assertLess(Math.max(...closes), 2_500);
  assertLess(tookMs, 2_550);
});

Deno.test("shutdown() tells all of 6000 clients when to come back, at the pace of the budget", async () => {
  const socketOf = (world: World) => new MovingSocket(world);
  const { world, startMs, tookMs, newestSlotMs } = await drained({
    ...FULL,
    count: 6_000,
    socketOf,
  });
  const { closed, all } = socketsOf<MovingSocket>(world);
  assertLess(all.length - closed.length, 900);
  assertGreaterOrEqual(all.length - closed.length, 700, "few have moved");
  const closes = closed.map(({ closedMs }) => closedMs - startMs);
  assertGreaterOrEqual(Math.min(...closes), 1_250, "they may stay for a while");
  assertLess(Math.max(...closes), 2_550);
  const returns = all.map(({ returnMs }) => returnMs - startMs);
  assertLessOrEqual(worstSecond(returns), 500);
  assertLess(Math.max(...returns), 450 + 6_000 / 450 * 1_000 + TICK_MS);
  assertLess(Math.abs(450 + newestSlotMs - Math.max(...returns)), TICK_MS);
  assertLess(tookMs, FULL.shutdownMs);
});
