import { assert, assertEquals } from "@std/assert";
import type { Stats, Totals } from "../../server/http/stats.ts";
import { linesOf, stackedBins } from "../../server/web/plot_data.ts";
import { hitsBetween, quantile } from "../../server/web/histogram.ts";
import { History, type Sample, SAMPLES } from "../../server/web/history.ts";

interface Told {
  readonly messagesIn?: number;
  readonly disconnects?: Record<string, number>;
  readonly rtt?: number[];
  readonly stalled?: number;
  readonly uptimeSeconds?: number;
}

/** An overview as the hub tells it. */
function stats(
  { messagesIn = 0, disconnects = {}, rtt = [0, 0, 0], stalled = 0, uptimeSeconds = 0 }: Told,
): Stats {
  const totals = { connections: 7, messagesIn, messagesOut: 0 } as Totals;
  return {
    uptimeSeconds,
    channels: 0,
    queuedBytes: 0,
    mailboxMessages: 0,
    totals,
    profiles: { json: totals },
    disconnects,
    health: { healthy: 7 },
    rtt: { bounds: [0.01, 0.1], counts: rtt },
    lateness: { bounds: [0.01, 0.1], counts: [0, 0, 0] },
    stalls: { count: 0, seconds: stalled },
    idleTimeouts: [],
  };
}

Deno.test("History turns totals into rates, from the second overview on", () => {
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

Deno.test("History leaves a gap where no word came, and draws no rate across it or a restart", () => {
  const history = new History();
  history.add(stats({ messagesIn: 10, uptimeSeconds: 100 }), 100_000);
  history.add(stats({ messagesIn: 20, uptimeSeconds: 120 }), 120_000); // 20 s of silence
  history.add(stats({ messagesIn: 5, uptimeSeconds: 1 }), 121_000); // another process
  const shown = history.samples.map((sample) => sample && [sample.at, sample.messagesIn]);
  assertEquals(shown, [[100, null], undefined, [120, null], undefined, [121, null]]);
});

Deno.test("History begins anew with a clock that was set back, and goes on by it", () => {
  const history = new History();
  history.add(stats({ messagesIn: 10, uptimeSeconds: 100 }), 500_000);
  history.add(stats({ messagesIn: 12, uptimeSeconds: 101, stalled: 0.5 }), 440_000);
  history.add(stats({ messagesIn: 15, uptimeSeconds: 102 }), 441_000);
  const shown = history.samples.map((sample) => sample && [sample.at, sample.messagesIn]);
  assertEquals(shown, [[440, null], [441, 3]]);
});

Deno.test("History tells what happened in a silence of the same server, of another's nothing", () => {
  const history = new History();
  history.add(stats({ disconnects: { network: 3 }, stalled: 1, uptimeSeconds: 100 }), 100_000);
  history.add(stats({ disconnects: { network: 8 }, stalled: 9, uptimeSeconds: 109 }), 109_000);
  const told = (sample = history.samples.at(-1)) => [sample?.disconnects, sample?.stalledSeconds];
  assertEquals(told(), [{ network: 5 }, 8]);
  assertEquals(history.samples.at(-1)?.rtt, [0, 0, 0], "in which second of them is not known");
  // Another process, that has by now run for longer than the first.
  history.add(stats({ disconnects: { network: 9 }, stalled: 20, uptimeSeconds: 400 }), 999_000);
  assertEquals(told(), [{}, 0]);
});

Deno.test("History knows for how long it has counted disconnects", () => {
  const history = new History();
  const known = (uptimeSeconds: number, atMs: number) => {
    history.add(stats({ disconnects: { network: uptimeSeconds }, uptimeSeconds }), atMs);
    return [history.countedSeconds(60), history.disconnectsIn(60).network ?? 0];
  };
  assertEquals(known(100, 100_000), [0, 0]);
  assertEquals(known(112, 112_000), [12, 12]);
  assertEquals(known(150, 150_000), [50, 50]);
  assertEquals(known(165, 165_000), [60, 65]);
  assertEquals(known(2_000, 2_000_000), [0, 0], "when in such a silence they died is not known");
  assertEquals(known(2_001, 2_001_000), [1, 1]);
  assertEquals(known(2_002, 1_000_000), [0, 0], "the clock was set back");
});

Deno.test("History keeps a quarter of an hour; its disconnects are those of the time asked for", () => {
  const history = new History();
  for (let second = 0; second < SAMPLES + 100; second++) {
    const told = { disconnects: { network: second }, uptimeSeconds: second };
    history.add(stats(told), second * 1_000);
  }
  assertEquals([history.samples.length, history.samples[0]?.at], [SAMPLES, 100]);
  assertEquals(history.disconnectsIn(60), { network: 60 });
});

Deno.test("hitsBetween() counts anew when the server has started anew", () => {
  assertEquals(hitsBetween([3, 4], [5, 4]), [2, 0]);
  assertEquals(hitsBetween([3, 4], [1, 9]), [1, 9]);
  assertEquals(hitsBetween([], [1, 9]), [1, 9]);
});

Deno.test("quantile() spreads a bucket evenly, and knows nothing beyond the last bound", () => {
  const bounds = [1, 2, 4];
  assertEquals(quantile({ bounds, counts: [0, 0, 0, 0] }, 0.5), null);
  assertEquals(quantile({ bounds, counts: [0, 10, 0, 0] }, 0.5), 1.5);
  assertEquals(quantile({ bounds, counts: [5, 0, 5, 0] }, 0.5), 1);
  assertEquals(quantile({ bounds, counts: [5, 0, 5, 0] }, 0.75), 3);
  assertEquals(quantile({ bounds, counts: [1, 0, 0, 9] }, 0.99), 4);
});

Deno.test("linesOf() puts a gap right after what came before it", () => {
  const samples = [{ at: 1 }, undefined, { at: 9 }] as (Sample | undefined)[];
  assertEquals(linesOf(samples, [({ at }) => at * 2]), [[1, 1.001, 9], [2, null, 18]]);
});

Deno.test("stackedBins() sums spans of time and puts each series upon the one before it", () => {
  const samples = [
    { at: 31, disconnects: { a: 1, b: 2 } },
    undefined,
    { at: 44, disconnects: { b: 3 } },
    { at: 45, disconnects: { a: 4 } },
  ] as unknown as (Sample | undefined)[];
  const reads = ["a", "b"].map((name) => ({ disconnects }: Sample) => disconnects[name] ?? 0);
  assertEquals(stackedBins(samples, { seconds: 15, reads }), [[37.5, 52.5], [1, 4], [6, 4]]);
});
