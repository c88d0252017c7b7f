import { assert, assertEquals } from "@std/assert";
import type { Stats, Totals } from "../../server/http/stats.ts";
import { linesOf, stackedBins } from "../../server/web/plot_data.ts";
import { countsBetween, quantile } from "../../server/web/histogram.ts";
import { History, MAX_SAMPLES, type Sample } from "../../server/web/history.ts";

interface StatsChange {
  readonly messagesIn?: number;
  readonly disconnects?: Record<string, number>;
  readonly rtt?: number[];
  readonly stalled?: number;
  readonly uptimeSeconds?: number;
}

/** An overview as the hub sends it. */
function stats(
  { messagesIn = 0, disconnects = {}, rtt = [0, 0, 0], stalled = 0, uptimeSeconds = 0 }:
    StatsChange,
): Stats {
  const totals = { connections: 7, messagesIn, messagesOut: 0 } as Totals;
  return {
    uptimeSeconds,
    channels: 0,
    queuedBytes: 0,
    mailboxMessages: 0,
    history: { bytes: 0, channels: 0, evicted: 0, replayed: 0 },
    resumes: { recovered: 0, incomplete: 0 },
    duplicates: 0,
    members: 0,
    totals,
    profiles: { json: totals },
    disconnects,
    health: { healthy: 7 },
    liveness: { alive: 7 },
    rtt: { bounds: [0.01, 0.1], counts: rtt },
    lateness: { bounds: [0.01, 0.1], counts: [0, 0, 0] },
    stalls: { count: 0, seconds: stalled },
    idleTimeouts: [],
  };
}

Deno.test("History converts totals to rates, from the second overview on", () => {
  const history = new History();
  history.add(stats({ messagesIn: 1_000, disconnects: { network: 3 } }), 10_000);
  history.add(
    stats({
      messagesIn: 1_050,
      disconnects: { network: 5, drain: 1 },
      rtt: [9, 1, 0],
      stalled: 0.5,
      uptimeSeconds: 2,
    }),
    12_000,
  );
  const [first, second] = history.samples;
  assertEquals([first?.messagesIn, first?.disconnects, first?.rtt], [null, {}, [0, 0, 0]]);
  assertEquals([second?.messagesIn, second?.disconnects], [25, { network: 2, drain: 1 }]);
  assertEquals([second?.rtt, second?.stalledSeconds], [[9, 1, 0], 0.5]);
  assert(Math.abs(second!.rttMs.p50! - 10 * 5 / 9) < 1e-9, `${second?.rttMs.p50}`);
  assertEquals([second?.profiles, second?.health], [{ json: 7 }, { healthy: 7 }]);
  assertEquals(history.disconnectsIn(60), { network: 2, drain: 1 });
});

Deno.test("History has a gap where no overview came, and no rate across a gap or a restart", () => {
  const history = new History();
  history.add(stats({ messagesIn: 10, uptimeSeconds: 100 }), 100_000);
  history.add(stats({ messagesIn: 20, uptimeSeconds: 120 }), 120_000); // after 20 s without an overview
  history.add(stats({ messagesIn: 5, uptimeSeconds: 1 }), 121_000); // another process
  const shown = history.samples.map((sample) => sample && [sample.at, sample.messagesIn]);
  assertEquals(shown, [[100, null], undefined, [120, null], undefined, [121, null]]);
});

Deno.test("History drops its samples when the clock was set back, and continues", () => {
  const history = new History();
  history.add(stats({ messagesIn: 10, uptimeSeconds: 100 }), 500_000);
  history.add(stats({ messagesIn: 12, uptimeSeconds: 101, stalled: 0.5 }), 440_000);
  history.add(stats({ messagesIn: 15, uptimeSeconds: 102 }), 441_000);
  const shown = history.samples.map((sample) => sample && [sample.at, sample.messagesIn]);
  assertEquals(shown, [[440, null], [441, 3]]);
});

Deno.test("History counts what happened in a gap of the same server, but not of another one", () => {
  const history = new History();
  history.add(stats({ disconnects: { network: 3 }, stalled: 1, uptimeSeconds: 100 }), 100_000);
  history.add(stats({ disconnects: { network: 8 }, stalled: 9, uptimeSeconds: 109 }), 109_000);
  const counted = (
    sample = history.samples.at(-1),
  ) => [sample?.disconnects, sample?.stalledSeconds];
  assertEquals(counted(), [{ network: 5 }, 8]);
  assertEquals(history.samples.at(-1)?.rtt, [0, 0, 0], "the second of each is unknown");
  // Another process, which has run for longer than the first.
  history.add(stats({ disconnects: { network: 9 }, stalled: 20, uptimeSeconds: 400 }), 999_000);
  assertEquals(counted(), [{}, 0]);
});

Deno.test("History.countedSeconds() is the time in which disconnects were counted", () => {
  const history = new History();
  const counted = (uptimeSeconds: number, atMs: number) => {
    history.add(stats({ disconnects: { network: uptimeSeconds }, uptimeSeconds }), atMs);
    return [history.countedSeconds(60), history.disconnectsIn(60).network ?? 0];
  };
  assertEquals(counted(100, 100_000), [0, 0]);
  assertEquals(counted(112, 112_000), [12, 12]);
  assertEquals(counted(150, 150_000), [50, 50]);
  assertEquals(counted(165, 165_000), [60, 65]);
  assertEquals(counted(2_000, 2_000_000), [0, 0], "their times in such a gap are unknown");
  assertEquals(counted(2_001, 2_001_000), [1, 1]);
  assertEquals(counted(2_002, 1_000_000), [0, 0], "the clock was set back");
});

Deno.test("History stores a quarter of an hour; disconnectsIn() counts those of the requested time", () => {
  const history = new History();
  for (let second = 0; second < MAX_SAMPLES + 100; second++) {
    const change = { disconnects: { network: second }, uptimeSeconds: second };
    history.add(stats(change), second * 1_000);
  }
  assertEquals([history.samples.length, history.samples[0]?.at], [MAX_SAMPLES, 100]);
  assertEquals(history.disconnectsIn(60), { network: 60 });
});

Deno.test("History counts what happened on each node, whichever come and go", () => {
  const history = new History();
  const add = (atMs: number, nodes: Record<string, StatsChange>) => {
    const all = Object.fromEntries(
      Object.entries(nodes).map(([node, change]) => [node, stats(change)]),
    );
    history.add(stats({ messagesIn: -1 }), atMs, all);
    const { messagesIn, disconnects, rtt } = history.samples.at(-1)!;
    return [messagesIn, disconnects.network ?? 0, rtt[0]];
  };
  const node = (count: number, uptimeSeconds: number): StatsChange => ({
    messagesIn: 10 * count,
    disconnects: { network: count },
    rtt: [count, 0, 0],
    uptimeSeconds,
  });
  assertEquals(add(10_000, { a: node(5, 100), b: node(500, 200) }), [null, 0, 0]);
  assertEquals(add(11_000, { a: node(6, 101), b: node(502, 201) }), [30, 3, 3]);
  assertEquals(add(12_000, { a: node(7, 102), b: node(502, 201) }), [10, 1, 1], "b is late");
  assertEquals(add(13_000, { a: node(8, 103), c: node(40, 1) }), [10, 1, 1], "b is gone, c is new");
  assertEquals(add(14_000, { a: node(9, 104), c: node(43, 2) }), [40, 4, 4]);
  assertEquals(history.samples.includes(undefined), false);
  history.clear();
  assertEquals(add(15_000, { c: node(44, 3) }), [null, 0, 0]);
});

Deno.test("countsBetween() returns the later counts after a restart of the server", () => {
  assertEquals(countsBetween([3, 4], [5, 4]), [2, 0]);
  assertEquals(countsBetween([3, 4], [1, 9]), [1, 9]);
  assertEquals(countsBetween([], [1, 9]), [1, 9]);
});

Deno.test("quantile() interpolates within a bucket, and stops at the last bound", () => {
  const bounds = [1, 2, 4];
  assertEquals(quantile({ bounds, counts: [0, 0, 0, 0] }, 0.5), null);
  assertEquals(quantile({ bounds, counts: [0, 10, 0, 0] }, 0.5), 1.5);
  assertEquals(quantile({ bounds, counts: [5, 0, 5, 0] }, 0.5), 1);
  assertEquals(quantile({ bounds, counts: [5, 0, 5, 0] }, 0.75), 3);
  assertEquals(quantile({ bounds, counts: [1, 0, 0, 9] }, 0.99), 4);
});

Deno.test("linesOf() puts a gap right after the sample before it", () => {
  const samples = [{ at: 1 }, undefined, { at: 9 }] as (Sample | undefined)[];
  assertEquals(linesOf(samples, [({ at }) => at * 2]), [[1, 1.001, 9], [2, null, 18]]);
});

Deno.test("stackedBins() sums bins of time and adds each series to the one before it", () => {
  const samples = [
    { at: 31, disconnects: { a: 1, b: 2 } },
    undefined,
    { at: 44, disconnects: { b: 3 } },
    { at: 45, disconnects: { a: 4 } },
  ] as unknown as (Sample | undefined)[];
  const reads = ["a", "b"].map((name) => ({ disconnects }: Sample) => disconnects[name] ?? 0);
  assertEquals(stackedBins(samples, { seconds: 15, reads }), [[37.5, 52.5], [1, 4], [6, 4]]);
});
