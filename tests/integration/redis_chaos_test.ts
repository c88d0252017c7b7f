/**
 * Three nodes on one Redis that fails in every way, at random: what each hub gets of each channel is
 * consecutive, or a gap says where it goes on; no two publications have the same place, no place has two
 * texts, and in the end everybody has what Redis has.
 *
 * `CHAOS_MS` is how long it takes, `CHAOS_SEED` what happens.
 *
 * @module
 */

import { assert, assertEquals, assertGreater } from "@std/assert";
import type { Placed } from "../../server/brokers/broker.ts";
import type { Broadcast, Position } from "../../server/message.ts";
import { seeded } from "../support/fakes/seeded.ts";
import type { RedisServer } from "../support/server/redis_server.ts";
import { TestNodes } from "../support/server/redis_nodes.ts";
import { until } from "../support/until.ts";
import type { RedisBroker } from "../../server/brokers/redis.ts";

const RUN_MS = Number(Deno.env.get("CHAOS_MS") ?? 3_000);
const SEED = Number(Deno.env.get("CHAOS_SEED") ?? 7);
const CHANNELS = Array.from({ length: 12 }, (_, n) => `room {${n}}`);
/** How long a fault may be followed by none, ms. */
const CALM_MS = 1_500;

/** Faults that lose no data: no channel gets a gap for them. */
const HARMLESS: readonly ((redis: RedisServer) => Promise<unknown>)[] = [
  (redis) => redis.command("CLIENT", "KILL", "TYPE", "pubsub"),
  (redis) => redis.command("CLIENT", "KILL", "TYPE", "normal"),
  (redis) => redis.command("SCRIPT", "FLUSH"),
  (redis) => freeze(redis, 300),
];

/** Those that lose data, or are so long that publications stay at their node. */
const HARMFUL: readonly ((redis: RedisServer) => Promise<unknown>)[] = [
  (redis) => redis.command("FLUSHALL"),
  (redis) => freeze(redis, 5_000),
  async (redis) => {
    await redis.kill();
    await pause(400);
    await redis.restart();
  },
];

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function freeze(redis: RedisServer, ms: number): Promise<void> {
  redis.freeze();
  await pause(ms);
  redis.thaw();
}

/** What one hub has got of one channel while it was subscribed. */
interface Followed {
  /** Of the newest message; undefined until the broker has answered. */
  position: Position | undefined;
}

/** A node, and what it has got. */
class ChaosNode {
  readonly followed = new Map<string, Followed>();
  gaps = 0;
  messages = 0;
  readonly #broker: RedisBroker;
  readonly #texts: Map<string, string>;
  readonly #wrong: string[];

  constructor(broker: RedisBroker, texts: Map<string, string>, wrong: string[]) {
    this.#broker = broker;
    this.#texts = texts;
    this.#wrong = wrong;
  }

  get broker(): RedisBroker {
    return this.#broker;
  }

  start(): Promise<void> {
    return this.#broker.start((broadcast) => this.#take(broadcast));
  }

  async subscribe(channel: string): Promise<void> {
    if (this.followed.has(channel)) return;
    const followed: Followed = { position: undefined };
    this.followed.set(channel, followed);
    for (;;) {
      try {
        const history = await this.#broker.subscribe(channel);
        if (this.followed.get(channel) !== followed) return;
        followed.position = { epoch: history!.epoch, offset: history!.offset };
        return;
      } catch {
        if (this.followed.get(channel) !== followed) return;
      }
    }
  }

  unsubscribe(channel: string): void {
    if (this.followed.delete(channel)) this.#broker.unsubscribe(channel);
  }

  #take(broadcast: Broadcast): void {
    if (broadcast.kind === "relay") return;
    const { channel, offset } = broadcast;
    const followed = this.followed.get(channel);
    if (followed?.position === undefined) return;
    if (broadcast.kind === "gap") {
      this.gaps++;
      followed.position = { epoch: broadcast.epoch!, offset: offset! };
      return;
    }
    if (offset === undefined) return; // it stayed here
    const { epoch } = followed.position;
    if (offset !== followed.position.offset + 1) {
      this.#wrong.push(`${channel}: ${offset} after ${followed.position.offset} of ${epoch}`);
    }
    followed.position = { epoch, offset };
    this.messages++;
    place(this.#texts, { channel, epoch, offset, data: broadcast.data }, this.#wrong);
  }
}

/** A place has one text. */
function place(
  texts: Map<string, string>,
  { channel, epoch, offset, data }: Position & { channel: string; data: string },
  wrong: string[],
): void {
  const key = `${channel} ${epoch} ${offset}`;
  const before = texts.get(key);
  if (before !== undefined && before !== data) wrong.push(`${key}: ${before} and ${data}`);
  texts.set(key, data);
}

async function chaos(
  faults: readonly ((redis: RedisServer) => Promise<unknown>)[],
  start = () => TestNodes.start(),
): Promise<ChaosNode[]> {
  await using nodes = await start();
  const random = seeded(SEED);
  const any = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)];
  const texts = new Map<string, string>();
  const wrong: string[] = [];
  const all = Array.from({ length: 3 }, () => new ChaosNode(nodes.broker(), texts, wrong));
  for (const node of all) await node.start();
  for (const node of all) await Promise.all(CHANNELS.map((channel) => node.subscribe(channel)));

  let published = 0;
  let [accepted, refused, stayed] = [0, 0, 0];
  const places = new Set<string>();
  const running: Promise<unknown>[] = [];
  const publish = async (channel: string, data: string) => {
    try {
      const publication = { kind: "publication", channel, data, timestamp: 1 } as const;
      const { position, degraded, duplicate }: Placed = await any(all).broker.publish(
        publication,
        `key ${data}`,
      );
      if (degraded) return void stayed++;
      accepted++;
      const key = `${channel} ${position!.epoch} ${position!.offset}`;
      if (places.has(key) || duplicate) wrong.push(`${key} twice`);
      places.add(key);
      place(texts, { channel, ...position!, data }, wrong);
    } catch {
      refused++;
    }
  };
  const endMs = performance.now() + RUN_MS;
  const failing = (async () => {
    while (performance.now() < endMs) {
      await pause(CALM_MS * random());
      await any(faults)(any(nodes.servers));
    }
  })();
  while (performance.now() < endMs) {
    for (let n = 0; n < 10; n++) running.push(publish(any(CHANNELS), `${++published}`));
    if (random() < 0.2) any(all).unsubscribe(any(CHANNELS));
    for (const node of all) {
      const channel = any(CHANNELS);
      if (random() < 0.3) running.push(node.subscribe(channel));
    }
    await pause(10);
  }
  await failing;
  await until("all nodes are up", () => all.every(({ broker }) => !broker.isDegraded), {
    withinMs: 30_000,
  });
  await Promise.all(running);
  await Promise.all(CHANNELS.map((channel) => publish(channel, `${++published}`)));
  await nodes.pass(26_000); // the newest offsets are compared
  const witness = await nodes.node();
  for (const channel of CHANNELS) {
    const { epoch, offset } = (await witness.broker.history(channel))!;
    for (const [i, { followed }] of all.entries()) {
      const seen = followed.get(channel);
      if (seen === undefined) continue;
      await until(`the newest message of ${channel} at node ${i}`, () => {
        const { position } = seen;
        return position?.epoch === epoch && position.offset === offset;
      }).catch((error) => wrong.push(`${error.message}: ${JSON.stringify([seen, epoch, offset])}`));
    }
  }
  assertEquals(wrong, []);
  assertGreater(accepted, 100);
  const gaps = all.reduce((sum, node) => sum + node.gaps, 0);
  console.log(`${accepted} accepted, ${stayed} stayed, ${refused} refused, ${gaps} gaps`);
  return all;
}

Deno.test("Faults that lose no data: every hub gets every message once, in order, and no gap", async () => {
  for (const { gaps, messages } of await chaos(HARMLESS)) {
    assertEquals(gaps, 0);
    assert(messages > 100, "nothing is shown");
  }
});

Deno.test("Faults of a cluster that lose no data: the same", async () => {
  for (const { gaps, messages } of await chaos(HARMLESS, () => TestNodes.startCluster())) {
    assertEquals(gaps, 0);
    assert(messages > 100, "nothing is shown");
  }
});

Deno.test("Faults that lose data: every hub gets every message once, in order, or is told", async () => {
  const nodes = await chaos(HARMFUL); // with the others in chaos_test.ts
  assert(nodes.some(({ gaps }) => gaps > 0), "nothing is shown");
});
