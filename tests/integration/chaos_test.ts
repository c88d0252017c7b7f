/**
 * Three processes on one Redis, clients of the library and publishers, and everything that fails: what a
 * publisher was told has a place arrives there, once and in order, at every client of its channel, or
 * the client was told of a gap. Faults that lose no data make no gap. Where a publication stayed at one
 * process, as the answer to its publisher said, its channel has one.
 *
 * Each fault happens once. With `CHAOS_MS` they happen at random for so long, and the memory of a
 * process is compared; `CHAOS_SEED` says what happens.
 *
 * @module
 */

import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { channelKeys } from "../../server/redis/keys.ts";
import { slotOf, SLOTS } from "../../server/redis/slot.ts";
import { ChaosHub, type ChaosOptions, type Figures, PREFIX } from "../support/chaos_hub.ts";
import { seeded } from "../support/fakes/seeded.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import { RedisServer } from "../support/server/redis_server.ts";
import { until } from "../support/until.ts";

const RUN_MS = Number(Deno.env.get("CHAOS_MS") ?? 0);
const SEED = Number(Deno.env.get("CHAOS_SEED") ?? 7);
const IS_LONG = RUN_MS > 0;

/** How long Redis is stopped: longer than a command may take. */
const STOP_MS = IS_LONG ? 10_000 : 5_000;
/** How long Redis is away before it is started again: longer than a lease. */
const AWAY_MS = IS_LONG ? 10_000 : 7_000;
/** How old the data are that Redis is given back. */
const AGE_MS = IS_LONG ? 10_000 : 2_000;
/** Between two faults: nothing is wrong then. */
const CALM_MS = IS_LONG ? 2_000 : 500;
/**
 * Connections and members are counted right a lease and a second after a process was killed, 7 s, and it is
 * taken for lost after a lease and the time between two looks at it, 8 s: here, where this machine is slow.
 */
const LOST_MS = 20_000;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

interface Fault {
  readonly name: string;
  /** Whether a channel may have a gap: its data are lost, or Redis begins anew. */
  readonly mayGap?: (channel: string) => boolean;
  /** Ids of publications are lost: a repeat is another message. */
  readonly losesIds?: boolean;
  /** A process is lost. */
  readonly losesNode?: boolean;
  readonly cause: (hub: ChaosHub, redis: RedisServer) => Promise<unknown>;
}

const always = () => true;

let killed = 0;

const FAULTS: readonly Fault[] = [
  {
    name: "sockets cut",
    async cause(hub) {
      for (let n = 0; n < 3; n++) {
        hub.cutClients(0.2);
        hub.cutPublishers(0.2);
        await pause(300);
      }
    },
  },
  {
    name: "CLIENT KILL TYPE pubsub",
    cause: (_hub, redis) => redis.command("CLIENT", "KILL", "TYPE", "pubsub"),
  },
  {
    name: "SCRIPT FLUSH",
    async cause(_hub, redis) {
      for (let n = 0; n < 3; n++) {
        await redis.command("SCRIPT", "FLUSH");
        await pause(100);
      }
    },
  },
  { name: "pub/sub loses messages", cause: (hub, redis) => hub.loseLive(redis) },
  {
    name: "a process killed",
    losesNode: true,
    async cause(hub) {
      const place = killed++ % 2 === 0 ? 0 : 2;
      const { lost } = hub.figures;
      const killedMs = performance.now();
      await hub.killNode(place);
      await Promise.all([
        until("all connections and members are counted", () => hub.countsAll(), {
          withinMs: LOST_MS,
        }).then(() => console.log(`counted after ${Math.round(performance.now() - killedMs)} ms`)),
        until("it is lost", () => hub.figures.lost > lost, { withinMs: LOST_MS }),
        hub.startNode(place),
      ]);
    },
  },
  {
    name: "Redis stopped",
    async cause(hub, redis) {
      redis.freeze();
      await pause(STOP_MS / 2);
      hub.cutClients(0.2);
      await pause(STOP_MS / 2);
      redis.thaw();
    },
  },
  {
    name: "FLUSHALL",
    mayGap: always,
    losesIds: true,
    cause: (_hub, redis) => redis.command("FLUSHALL"),
  },
  {
    name: "Redis restarted with its data",
    mayGap: always,
    async cause(_hub, redis) {
      await redis.kill();
      await pause(AWAY_MS);
      await redis.restart();
    },
  },
  {
    name: "Redis restarted with old data",
    mayGap: always,
    losesIds: true,
    async cause(_hub, redis) {
      const putBack = await redis.copyData();
      await pause(AGE_MS);
      await redis.kill();
      await putBack();
      await redis.restart();
    },
  },
  {
    name: "Redis restarted without data",
    mayGap: always,
    losesIds: true,
    async cause(_hub, redis) {
      await redis.kill();
      await redis.removeData();
      await redis.restart();
    },
  },
];

/** The same, while connections of clients are cut. */
function withCuts(fault: Fault, random: () => number): Fault {
  return {
    ...fault,
    name: `${fault.name}, sockets cut`,
    async cause(hub, redis) {
      const cutting = (async () => {
        for (let n = 0; n < 5; n++) {
          await pause(500 * random());
          hub.cutClients(0.2);
        }
      })();
      await Promise.all([fault.cause(hub, redis), cutting]);
    },
  };
}

/** Lets a fault happen, waits until all is well, looks at what came of it, and lets some time pass. */
async function suffer(hub: ChaosHub, fault: Fault, redis: RedisServer): Promise<void> {
  hub.takeStayedOn();
  const before = hub.figures;
  const startMs = performance.now();
  hub.ledger.mayRepeat = fault.losesIds ?? false;
  await fault.cause(hub, redis);
  const causedMs = performance.now();
  const unseen = await hub.settle();
  const settledMs = performance.now();
  const after = hub.figures;
  const stayedOn = hub.takeStayedOn();
  const gaps = (channel: string) => gapsBetween(before, after, channel);
  report(fault.name, before, after, {
    seconds: (causedMs - startMs) / 1_000,
    settled: (settledMs - causedMs) / 1_000,
    unseen: unseen.length,
  });
  assertEquals(hub.faults, [], fault.name);
  assertEquals(after.left - before.left, 0, `${fault.name}: members left`);
  assertEquals(after.refused - before.refused, 0, `${fault.name}: publications were given up`);
  if (fault.losesNode) assertGreater(after.lost, before.lost, `${fault.name}: nobody missed it`);
  else assertEquals(after.lost, before.lost, `${fault.name}: a process is taken for lost`);
  const { mayGap = () => false } = fault;
  const told = hub.channels.filter((channel) => gaps(channel).some((count) => count > 0));
  assertEquals(
    told.filter((channel) => !mayGap(channel) && !stayedOn.has(channel)),
    [],
    `${fault.name}: told of a gap`,
  );
  assertEquals(
    [...stayedOn].filter((channel) => !gaps(channel).every((count) => count > 0)),
    [],
    `${fault.name}: not told of what stayed at one process`,
  );
  if (fault.mayGap) assert(told.some(mayGap), `${fault.name}: it had no effect`);
  else assertEquals(unseen, [], `${fault.name}: nobody got them`);
  await pause(CALM_MS);
  const { gaps: late, left, lost } = hub.figures;
  assertEquals(
    { gaps: late, left, lost },
    { gaps: after.gaps, left: after.left, lost: after.lost },
    `after ${fault.name}`,
  );
}

/** How often each client of a channel was told of a gap. */
function gapsBetween(before: Figures, after: Figures, channel: string): number[] {
  return after.gaps.get(channel)!.map((count, n) => count - before.gaps.get(channel)![n]);
}

function report(
  name: string,
  before: Figures,
  after: Figures,
  others: Readonly<Record<string, number>>,
): void {
  const gaps = [...after.gaps.keys()].flatMap((channel) => gapsBetween(before, after, channel));
  const figures: Record<string, number> = {
    ...others,
    gaps: gaps.reduce((sum, count) => sum + count, 0),
  };
  for (const [key, value] of Object.entries(after)) {
    if (typeof value !== "number") continue;
    figures[key] = value - (before[key as keyof Figures] as number);
  }
  const texts = Object.entries(figures).filter(([, value]) => value !== 0).map(([key, value]) =>
    `${key} ${Number(value.toFixed(1))}`
  );
  console.log(`${name}: ${texts.join(", ")}`);
}

async function withHub(
  options: Omit<ChaosOptions, "random">,
  run: (hub: ChaosHub) => Promise<void>,
): Promise<void> {
  await using hub = await ChaosHub.start({ ...options, random: seeded(SEED) });
  const start = hub.figures;
  await run(hub);
  await hub.stopPublishing();
  await hub.settle();
  report("in all", start, hub.figures, {});
  assertEquals(hub.faults, []);
}

/** For faults of servers in special places. */
const FEW = { clients: 50, members: 10, channels: 20, publicationsPerSecond: 200 };

integrationTest(
  "A slot that moves to another primary makes gaps on its channels alone",
  async () => {
    await using servers = new AsyncDisposableStack();
    const primaries = await RedisServer.startCluster();
    for (const primary of primaries) servers.use(primary);
    const redisUrl = primaries[0].url.replace("redis:", "redis-cluster:");
    await withHub({ ...FEW, redisUrl }, async (hub) => {
      for (const channel of hub.channels.slice(0, 3)) {
        const slot = slotOf(channelKeys(PREFIX, channel).position);
        const source = primaries[Math.floor(slot * 3 / SLOTS)];
        const target = primaries.find((primary) => primary !== source)!;
        await suffer(hub, {
          name: "a slot moved",
          mayGap: (each) => each === channel,
          cause: () => RedisServer.moveSlot(slot, [source, target]),
        }, source);
      }
    });
  },
);

integrationTest("A failover to a replica that lacks the newest messages makes gaps", async () => {
  await using primary = await RedisServer.start();
  const servers = await RedisServer.startSentinel(primary);
  await using replica = servers.replica;
  await using sentinel = servers.sentinel;
  const redisUrl = `redis-sentinel://127.0.0.1:${sentinel.port}/main`;
  await withHub({ ...FEW, redisUrl }, async (hub) => {
    await suffer(hub, {
      name: "a failover",
      mayGap: always,
      losesIds: true,
      async cause() {
        replica.freeze();
        await pause(1_000);
        primary.freeze();
        replica.thaw();
        await until("the replica is the primary", () => replica.isPrimary(), {
          withinMs: 30_000,
        });
        if (!IS_LONG) await hub.settle();
        // Processes that have not noticed stay with it, until the sentinel makes it a replica, 8 s later.
        primary.thaw();
        if (IS_LONG) await until("it is a replica", () => primary.isInStep(), { withinMs: 30_000 });
      },
    }, primary);
  });
});

integrationTest("Clients get what was published, once and in order, whatever fails", async () => {
  await using redis = await RedisServer.start("--appendonly", "yes");
  const options = { clients: 300, members: 30, channels: 50, publicationsPerSecond: 500 };
  await withHub({ ...options, redisUrl: redis.url }, async (hub) => {
    if (!IS_LONG) {
      for (const fault of FAULTS) await suffer(hub, fault, redis);
      return;
    }
    const random = seeded(SEED);
    const endMs = performance.now() + RUN_MS;
    const memory: number[] = [];
    const timer = setInterval(() => memory.push(hub.residentBytes), 1_000);
    try {
      while (performance.now() < endMs) {
        const fault = FAULTS[Math.floor(random() * FAULTS.length)];
        const isAlone = fault.losesNode || random() < 0.5;
        await suffer(hub, isAlone ? fault : withCuts(fault, random), redis);
      }
    } finally {
      clearInterval(timer);
    }
    const third = Math.floor(memory.length / 3);
    const [first, last] = [memory.slice(0, third), memory.slice(-third)].map(median);
    console.log(`memory of a process: ${first >> 20} MiB, ${last >> 20} MiB`);
    assertLess(last, 1.3 * first + (16 << 20), "its memory grows");
  });
});

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}
