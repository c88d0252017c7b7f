import { assert, assertEquals } from "@std/assert";
import { OutstandingPings } from "../../server/liveness/outstanding_pings.ts";
import { LOSS_WINDOW, RTT_WINDOW, RttEstimator } from "../../server/liveness/rtt.ts";
import { seeded } from "../support/fakes/seeded.ts";

function estimatorOf(samples: readonly number[]): RttEstimator {
  const rtt = new RttEstimator();
  for (const sample of samples) rtt.sample(sample);
  return rtt;
}

function figures(rtt: RttEstimator) {
  return {
    samples: rtt.samples,
    last: rtt.lastMs,
    min: rtt.minMs,
    average: rtt.averageMs,
    deviation: rtt.deviationMs,
    smoothed: rtt.smoothedMs,
    variance: rtt.varianceMs,
    jitter: rtt.jitterMs,
    loss: rtt.lossRatio,
    recentLoss: rtt.recentLossRatio,
  };
}

const NOTHING = {
  samples: 0,
  last: null,
  min: null,
  average: null,
  deviation: 0,
  smoothed: null,
  variance: null,
  jitter: null,
  loss: null,
  recentLoss: null,
};

Deno.test("RttEstimator knows nothing before the first sample", () => {
  assertEquals(figures(new RttEstimator()), NOTHING);
});

Deno.test("sample(): the first one is SRTT, half of it RTTVAR, and there is no jitter", () => {
  assertEquals(figures(estimatorOf([100])), {
    samples: 1,
    last: 100,
    min: 100,
    average: 100,
    deviation: 0,
    smoothed: 100,
    variance: 50,
    jitter: 0,
    loss: 0,
    recentLoss: 0,
  });
});

Deno.test("sample() computes RFC 6298 and RFC 3550 step by step", () => {
  // Computed by hand. RTTVAR is updated first, from the old SRTT.
  const rows = [
    // sample, SRTT, RTTVAR, J
    [100, 100, 50, 0],
    [132, 104, 45.5, 2],
    [132, 107.5, 41.125, 1.875],
    [68, 102.5625, 40.71875, 5.7578125],
  ];
  const rtt = new RttEstimator();
  for (const [sample, smoothed, variance, jitter] of rows) {
    rtt.sample(sample);
    assertEquals([rtt.smoothedMs, rtt.varianceMs, rtt.jitterMs], [smoothed, variance, jitter]);
  }
});

Deno.test("averageMs and deviationMs are those of the last 10 samples, minMs of all", () => {
  const rows: [string, number[], number, number, number][] = [
    // samples, average, population standard deviation, min
    ["two", [10, 20], 15, 5, 10],
    ["eight", [2, 4, 4, 4, 5, 5, 7, 9], 5, 2, 2],
    ["ten", [1, 1, 1, 1, 1, 3, 3, 3, 3, 3], 2, 1, 1],
    ["the eleventh replaces the first", [1_000, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7], 7, 0, 7],
    ["the fastest is no longer in the window", [1, ...new Array(25).fill(50)], 50, 0, 1],
  ];
  for (const [name, samples, average, deviation, min] of rows) {
    const rtt = estimatorOf(samples);
    assertEquals([rtt.averageMs, rtt.deviationMs, rtt.minMs], [average, deviation, min], name);
    assertEquals(rtt.lastMs, samples.at(-1), name);
    assertEquals(rtt.samples, samples.length, name);
  }
});

Deno.test("averageMs keeps no rounding error of old samples", () => {
  const rtt = estimatorOf([1e15, 0.1, 1e15, ...new Array(RTT_WINDOW).fill(0.25)]);
  assertEquals([rtt.averageMs, rtt.deviationMs], [0.25, 0]);
});

Deno.test("sample() of a time that was not measured counts the answer and nothing else", () => {
  for (const rttMs of [-Infinity, -1, NaN, Infinity]) {
    const rtt = estimatorOf([80, 90]);
    rtt.lost();
    const before = figures(rtt);
    rtt.sample(rttMs);
    assertEquals(figures(rtt), { ...before, loss: 1 / 4, recentLoss: 1 / 4 }, `${rttMs}`);
    assertEquals(figures(estimatorOf([rttMs])), { ...NOTHING, loss: 0, recentLoss: 0 });
  }
});

Deno.test("sample() accepts 0 ms", () => {
  assertEquals(estimatorOf([0]).averageMs, 0);
});

Deno.test("lost() changes the loss ratios and no time", () => {
  const rtt = new RttEstimator();
  rtt.lost();
  assertEquals(figures(rtt), { ...NOTHING, loss: 1, recentLoss: 1 });
  rtt.sample(80);
  rtt.sample(80);
  rtt.sample(80);
  assertEquals([rtt.lossRatio, rtt.recentLossRatio], [0.25, 0.25]);
  rtt.lost(0);
  rtt.lost(2);
  assertEquals([rtt.lossRatio, rtt.recentLossRatio], [0.5, 0.5]);
});

Deno.test("recentLossRatio forgets losses after 32 heartbeats, lossRatio never", () => {
  const rtt = new RttEstimator();
  for (let i = 0; i < LOSS_WINDOW; i++) rtt.lost();
  assertEquals(rtt.recentLossRatio, 1); // all 32 bits, the sign bit too
  for (let i = 0; i < LOSS_WINDOW - 8; i++) rtt.sample(80);
  assertEquals(rtt.recentLossRatio, 8 / LOSS_WINDOW);
  for (let i = 0; i < 8; i++) rtt.sample(80);
  assertEquals([rtt.lossRatio, rtt.recentLossRatio], [0.5, 0]);
});

/** Sends heartbeats over a delay line until `answers` are answered. @returns the mean estimates */
function delayLine({ answers, loss, seed }: { answers: number; loss: number; seed: number }) {
  const random = seeded(seed);
  const rtt = new RttEstimator();
  const pings = new OutstandingPings("0123456789", random());
  const sum = { smoothed: 0, deviation: 0, deviationSquared: 0, jitter: 0 };
  let losses = 0;
  for (let nowMs = 0; rtt.samples < answers; nowMs += 5_000) {
    for (let late = pings.expire(nowMs - 5_000); late > 0; late--) rtt.lost();
    const payload = pings.payload();
    pings.sent(nowMs);
    if (random() < loss) {
      losses++;
      continue;
    }
    const time = pings.pong(payload, nowMs + 80 + 40 * (random() - 0.5)); // 80 ± 20 ms, uniform
    assert(typeof time === "number");
    rtt.sample(time);
    sum.smoothed += rtt.smoothedMs!;
    sum.deviation += rtt.deviationMs;
    sum.deviationSquared += rtt.deviationMs ** 2;
    sum.jitter += rtt.jitterMs!;
  }
  assert(losses > 0);
  return {
    smoothed: sum.smoothed / answers,
    deviation: sum.deviation / answers,
    rootMeanSquare: Math.sqrt(sum.deviationSquared / answers),
    jitter: sum.jitter / answers,
    loss: rtt.lossRatio!,
  };
}

function assertWithin(actual: number, expected: number, margin: number, name: string): void {
  const message = `${name}: ${actual} is not within ${margin} of ${expected}`;
  assert(Math.abs(actual - expected) <= margin, message);
}

Deno.test("RttEstimator on a line of 80 ± 20 ms with 2 % loss estimates the line's own figures", () => {
  for (const seed of [20_260_101, 1, 77]) {
    const line = delayLine({ answers: 10_000, loss: 0.02, seed });
    assertWithin(line.smoothed, 80, 80 * 0.05, "smoothed RTT");
    // Uniform over 40 ms: 40 / sqrt(12) = 11.55
    assertWithin(line.deviation, 11.5, 11.5 * 0.1, "standard deviation");
    // Two draws from 40 ms differ by 40 / 3 = 13.33 on average
    assertWithin(line.jitter, 13.3, 13.3 * 0.1, "RFC 3550 jitter");
    assertWithin(line.loss, 0.02, 0.005, "loss");
  }
});

Deno.test("deviationMs is lower than the line's by sqrt(9/10), as for every window of 10", () => {
  const line = delayLine({ answers: 10_000, loss: 0.02, seed: 20_260_101 });
  // The mean of squares is exactly 9/10 of the line's; the mean of the roots is 1 % lower still.
  assertWithin(line.rootMeanSquare, Math.sqrt(0.9) * 40 / Math.sqrt(12), 0.1, "root mean square");
  assert(line.deviation < line.rootMeanSquare);
  assertWithin(line.deviation / (40 / Math.sqrt(12)), 0.938, 0.01, "bias of the mean");
});
