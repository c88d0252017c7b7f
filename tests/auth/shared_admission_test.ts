import { assert, assertEquals } from "@std/assert";
import { Admission, type Permit } from "../../server/auth/admission.ts";
import { OPEN_GRANT } from "../../server/auth/grant.ts";
import { MemoryLimits } from "../../server/brokers/memory_limits.ts";
import { linkedNodes } from "../support/fakes/linked_nodes.ts";
import { seeded } from "../support/fakes/seeded.ts";
import { VirtualClock } from "../support/fakes/virtual_clock.ts";

interface Opened {
  readonly id: string;
  readonly permit: Permit;
}

/** A hub of two nodes with a limit per key. */
class TwoNodes {
  readonly clock = new VirtualClock();
  readonly limits = new MemoryLimits(this.clock);
  readonly nodes: readonly Admission[];
  readonly #most: number;
  #opened = 0;

  constructor(most: number) {
    this.#most = most;
    this.nodes = linkedNodes().map((nodes, index) => {
      const limits = { maxConnections: 0, maxConnectionsPerAddress: 0, maxUpgradesPerSecond: 0 };
      const admission = new Admission(
        { ...limits, maxConnectionsPerKey: most },
        this.clock.now(),
      );
      admission.share({ limits: this.limits.of(`${index}`), nodes, clock: this.clock });
      return admission;
    });
  }

  /** Opens a connection. @returns undefined where the key has too many */
  async open(node: number, replaces?: string, keyId = "k"): Promise<Opened | undefined> {
    const permit = this.nodes[node].enter("a", this.clock.now(), replaces);
    assert(typeof permit !== "string");
    const reached = await permit.claim({ ...OPEN_GRANT, keyId }, this.clock.now());
    if (reached !== undefined) {
      permit.release();
      return undefined;
    }
    const id = `${++this.#opened}`;
    permit.opened(id);
    return { id, permit };
  }

  /** How many more the key may have. Leaves none open. */
  async room(): Promise<number> {
    const more: Opened[] = [];
    while (more.length <= this.#most) {
      const opened = await this.open(more.length % 2);
      if (opened === undefined) break;
      more.push(opened);
    }
    for (const { permit } of more) permit.release();
    return more.length;
  }
}

Deno.test("The limit of a key holds for all nodes; those of a lost one are free again", async () => {
  const hub = new TwoNodes(2);
  const first = await hub.open(0);
  assert(first !== undefined && await hub.open(1) !== undefined);
  assertEquals([await hub.open(0), await hub.open(1)], [undefined, undefined]);
  assert(await hub.open(0, undefined, "other") !== undefined);
  first.permit.release();
  assert(await hub.open(0) !== undefined);
  assertEquals(await hub.open(0), undefined);
  hub.limits.gone("1");
  assert(await hub.open(0) !== undefined);
});

Deno.test("A connection that replaces one on another node is counted with it, for 10 s", async () => {
  const hub = new TwoNodes(1);
  const old = await hub.open(0);
  assertEquals(await hub.open(1), undefined);
  const replacement = await hub.open(1, old!.id);
  assert(replacement !== undefined);
  assertEquals(await hub.open(0, old!.id), undefined, "one replacement at a time");
  old!.permit.release();
  assertEquals(await hub.room(), 0, "the new one is counted in its place");
  replacement.permit.release();
  assertEquals(await hub.room(), 1);
  await hub.clock.pass(10_000);
  assertEquals(await hub.room(), 1);
});

Deno.test("A connection that stays is counted beside its replacement on another node after 10 s", async () => {
  const hub = new TwoNodes(1);
  const old = await hub.open(0);
  const replacement = await hub.open(1, old!.id);
  await hub.clock.pass(10_000);
  assertEquals(await hub.open(1, old!.id), undefined, "the limit is exceeded already");
  replacement!.permit.release();
  assertEquals(await hub.room(), 0);
  old!.permit.release();
  assertEquals(await hub.room(), 1);
});

Deno.test("A connection of another key replaces none on another node", async () => {
  const hub = new TwoNodes(1);
  const old = await hub.open(0);
  await hub.open(1, undefined, "other");
  assertEquals(await hub.open(1, old!.id, "other"), undefined);
  assertEquals(await hub.open(1), undefined);
});

Deno.test("Pairs on one node are counted by the others after 10 s, without a request there", async () => {
  const hub = new TwoNodes(2);
  const old = await hub.open(0);
  await hub.open(0, old!.id);
  assertEquals(await hub.room(), 1);
  await hub.clock.pass(10_000);
  assertEquals(await hub.open(1), undefined);
});

Deno.test("No way of replacing connections on two nodes exceeds twice a limit, and nothing stays counted", async () => {
  const LIMIT = 3;
  for (const seed of [1, 2, 3]) {
    const random = seeded(seed);
    const oneOf = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)];
    const hub = new TwoNodes(LIMIT);
    const open = new Map<string, Opened>();
    let most = 0;
    for (let step = 0; step < 2_000; step++) {
      await hub.clock.pass(random() * 2_000);
      const ids = [...open.keys()];
      if (random() < 0.3 && ids.length > 0) {
        const id = oneOf(ids);
        open.get(id)!.permit.release();
        open.delete(id);
        continue;
      }
      const opened = await hub.open(oneOf([0, 1]), oneOf([...ids, "none"]));
      if (opened !== undefined) open.set(opened.id, opened);
      most = Math.max(most, open.size);
    }
    assert(most > LIMIT && most <= 2 * LIMIT, `${most} at the same time`);
    for (const { permit } of open.values()) permit.release();
    assertEquals(await hub.room(), LIMIT);
    await hub.clock.pass(10_000);
    assertEquals(await hub.room(), LIMIT);
  }
});
