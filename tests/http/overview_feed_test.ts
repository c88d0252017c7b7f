import { assert, assertEquals } from "@std/assert";
import { rightsOf } from "../../server/auth/rights.ts";
import { OVERVIEW_CHANNEL, OverviewFeed } from "../../server/http/overview_feed.ts";
import type { Nodes } from "../../server/brokers/nodes.ts";
import { type ReadStats, type Stats, statsReader } from "../../server/http/stats.ts";
import { hubQuestion } from "../../server/http/whole_hub.ts";
import { type TestPeer, withWorld, type World } from "../support/fakes/world.ts";

/** A feed that runs in a world while the test does. */
function withFeed(
  test: (world: World, reads: () => number) => Promise<void>,
  nodes?: Nodes,
): Promise<void> {
  return withWorld({}, async (world) => {
    const { hub, budget, clock, metrics, idleTimeouts } = world;
    const stats = statsReader({
      hub,
      budget,
      clock,
      metrics,
      history: world.history ?? { bytes: 0, channels: 0, evicted: 0 },
      idleTimeouts,
      profileNames: ["json"],
    });
    let reads = 0;
    const readStats: ReadStats = () => (reads++, stats());
    const askStats = hubQuestion(nodes, "stats", (_: null) => readStats());
    const feed = new OverviewFeed({ hub, clock, askStats });
    feed.start();
    await test(world, () => reads);
    feed.stop();
  });
}

const overviews = ({ socket }: TestPeer) =>
  socket.messages.filter(({ channel, type }) => channel === OVERVIEW_CHANNEL && type === "message");

Deno.test("OverviewFeed reads and publishes nothing without a subscriber", () =>
  withFeed(async (world, reads) => {
    const bystander = world.connect();
    await world.clock.pass(10_000);
    assertEquals([reads(), overviews(bystander).length], [0, 0]);
  }));

Deno.test("OverviewFeed publishes to its subscribers only, each second, until they disconnect", () =>
  withFeed(async (world, reads) => {
    const [subscriber, bystander] = [world.connect(), world.connect()];
    subscriber.socket.say({ type: "subscribe", channel: OVERVIEW_CHANNEL });
    await world.clock.pass(3_500);
    assertEquals([overviews(subscriber).length, overviews(bystander).length], [3, 0]);
    const { data } = overviews(subscriber).at(-1)!;
    const { uptimeSeconds, totals, health } = data;
    assertEquals([uptimeSeconds, totals.connections, health.unknown, health.dead], [3, 2, 2, 0]);
    subscriber.client.terminate();
    await world.clock.pass(5_000);
    assertEquals(reads(), 3);
  }));

Deno.test("OverviewFeed publishes disconnects by cause and round trips as bucket counts", () =>
  withFeed(async (world) => {
    const [subscriber, peer] = [world.connect(), world.connect()];
    subscriber.socket.say({ type: "subscribe", channel: OVERVIEW_CHANNEL });
    for (const rttMs of [4, 30, 20_000]) world.metrics.roundTrip("wire", rttMs);
    world.metrics.roundTrip("app", 4);
    peer.client.close("slow_consumer");
    await world.clock.pass(1_500);
    const { disconnects, rtt, lateness, stalls } = overviews(subscriber)[0].data;
    assertEquals([disconnects["slow consumer"], disconnects.network], [1, 0]);
    const { bounds, counts } = rtt;
    assertEquals(counts.length, bounds.length + 1);
    const at = (seconds: number) => counts[bounds.indexOf(seconds)];
    assertEquals([at(0.005), at(0.05), counts.at(-1)], [1, 1, 1]);
    assertEquals(counts.reduce((sum: number, count: number) => sum + count), 3);
    assert(lateness.counts[0] > 0, "the wheel ticks");
    assertEquals(stalls, { count: 0, seconds: 0 });
  }));

Deno.test("Only an admin may subscribe to the hub's own channels, and no client may publish there", () => {
  const everything = { subscribe: ["*"], publish: ["*"] };
  const may = (admin: boolean | undefined, channel: string) => {
    const { maySubscribe, mayPublish } = rightsOf({ ...everything, admin });
    return [maySubscribe(channel), mayPublish(channel)];
  };
  assertEquals(may(true, OVERVIEW_CHANNEL), [true, false]);
  assertEquals(may(false, OVERVIEW_CHANNEL), [false, false]);
  assertEquals(may(undefined, OVERVIEW_CHANNEL), [false, false]);
  assertEquals(may(false, "systole"), [true, true]);
  const { maySubscribe } = rightsOf({ subscribe: [], publish: [], admin: true });
  assertEquals([maySubscribe(OVERVIEW_CHANNEL), maySubscribe("news")], [true, false]);
});

Deno.test("OverviewFeed asks all nodes, and tells the last figures of one that does not answer", () => {
  /** Another node, with as many connections as seconds have passed. */
  let asked = 0;
  const nodes = {
    id: "own",
    answer() {},
    ask() {
      asked++;
      const totals = { connections: 100 + asked, opened: 0 };
      const isMissing = asked === 2;
      return Promise.resolve({
        answers: isMissing || asked > 3 ? [] : [{ node: "other", answer: { totals } as Stats }],
        missing: isMissing ? ["other"] : [],
      });
    },
  } as unknown as Nodes;
  return withFeed(async (world) => {
    const subscribers = [world.connect(), world.connect()];
    for (const { socket } of subscribers) {
      socket.say({ type: "subscribe", channel: OVERVIEW_CHANNEL });
    }
    await world.clock.pass(4_500);
    const all = overviews(subscribers[1]).map(({ data }) => data);
    assertEquals(asked, 4, "once for both");
    assertEquals(all.map(({ totals }) => totals.connections), [103, 103, 105, 2]);
    assertEquals(all.map(({ missing }) => missing), [undefined, ["other"], undefined, undefined]);
    assertEquals(all.map(({ nodes }) => Object.keys(nodes)), [
      ["own", "other"],
      ["own", "other"],
      ["own", "other"],
      ["own"],
    ]);
    assertEquals([all[0].node, all[0].nodes.own.totals.connections], ["own", 2]);
  }, nodes);
});
