import { assertEquals, assertLess, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import {
  chooseTiming,
  type PingTiming,
  PROXY_PERIODS_MS,
  type ProxyPreset,
  timingProblems,
} from "../../server/liveness/timing.ts";

const JSON_DEFAULTS = {
  pongWaitMs: 60_000,
  missedHeartbeats: 3,
  silenceFrom: "life",
  proxy: "none",
} as const;
const NESTED = { prefix: "", proxy: "none", silenceFrom: "life" } as const;
const PROXIES = Object.keys(PROXY_PERIODS_MS) as ProxyPreset[];

function choose(given: Partial<PingTiming>, proxy: ProxyPreset = "none"): number[] {
  const timing = chooseTiming(given, { ...JSON_DEFAULTS, proxy });
  return [timing.pingPeriodMs, timing.pongWaitMs, timing.heartbeatTimeoutMs];
}

Deno.test("chooseTiming() without given values keeps the published timing", () => {
  assertEquals(chooseTiming({}, JSON_DEFAULTS), {
    pingPeriodMs: 54_000,
    pongWaitMs: 60_000,
    heartbeatTimeoutMs: 3_000,
    missedHeartbeats: 3,
  });
});

Deno.test("chooseTiming() moves a default out of the way of a given value", () => {
  // given -> [period, wait, timeout]
  const rows: [Partial<PingTiming>, number[]][] = [
    [{ pongWaitMs: 2_000 }, [1_800, 2_000, 100]],
    [{ pongWaitMs: 1_000 }, [800, 1_000, 100]],
    [{ pongWaitMs: 400 }, [200, 400, 100]],
    [{ pongWaitMs: 600_000 }, [540_000, 600_000, 10_000]],
    [{ pingPeriodMs: 30_000 }, [30_000, 60_000, 10_000]],
    [{ pingPeriodMs: 54_000 }, [54_000, 60_000, 3_000]],
    [{ pingPeriodMs: 54_001 }, [54_001, 60_002, 3_000]],
    [{ pingPeriodMs: 90_000 }, [90_000, 100_000, 5_000]],
    [{ heartbeatTimeoutMs: 5_000 }, [54_000, 60_000, 5_000]],
    [{ heartbeatTimeoutMs: 90_000 }, [81_000, 90_001, 90_000]],
    [{ pingPeriodMs: 59_999, pongWaitMs: 60_000 }, [59_999, 60_000, 100]],
  ];
  for (const [given, expected] of rows) {
    assertEquals(choose(given), expected, JSON.stringify(given));
  }
});

Deno.test("chooseTiming() takes the smaller of the proxy's period and 9/10 of pongWait", () => {
  const rows: [ProxyPreset, Partial<PingTiming>, number][] = [
    ["default", {}, 30_000],
    ["aws-alb", {}, 54_000],
    ["aws-alb", { pongWaitMs: 120_000 }, 55_000],
    ["cloudflare", { pongWaitMs: 120_000 }, 90_000],
    ["cloudflare", { pongWaitMs: 10_000 }, 9_000],
    ["none", { pongWaitMs: 120_000 }, 108_000],
    ["nginx", { pingPeriodMs: 20_000 }, 20_000],
  ];
  for (const [proxy, given, period] of rows) {
    assertEquals(choose(given, proxy)[0], period, `${proxy} ${JSON.stringify(given)}`);
  }
});

Deno.test("chooseTiming() keeps a profile's own default period while it fits", () => {
  const tank = {
    pongWaitMs: 15_000,
    pingPeriodMs: 5_000,
    missedHeartbeats: 3,
    silenceFrom: "life",
    proxy: "none",
  } as const;
  assertEquals(chooseTiming({}, tank).pingPeriodMs, 5_000);
  assertEquals(chooseTiming({ pongWaitMs: 5_000 }, tank).pingPeriodMs, 4_500);
});

Deno.test("chooseTiming() leaves period and wait alone where the wait counts from a ping", () => {
  const talo = {
    pongWaitMs: 30_000,
    pingPeriodMs: 30_000,
    missedHeartbeats: 0,
    silenceFrom: "ping",
    proxy: "none",
  } as const;
  const choose = (given: Partial<PingTiming>) => {
    const { pingPeriodMs, pongWaitMs } = chooseTiming(given, talo);
    return [pingPeriodMs, pongWaitMs];
  };
  assertEquals(choose({}), [30_000, 30_000]);
  assertEquals(choose({ pingPeriodMs: 90_000 }), [90_000, 30_000]);
  assertEquals(choose({ pongWaitMs: 500 }), [30_000, 500]);
  const given = { pingPeriodMs: 900, pongWaitMs: 500 };
  assertEquals(timingProblems(given, { ...NESTED, silenceFrom: "ping" }), []);
});

Deno.test("timingProblems() names both options with the profile's prefix, and both values", () => {
  const given = { pingPeriodMs: 60_000, pongWaitMs: 50_000, heartbeatTimeoutMs: 50_000 };
  assertEquals(timingProblems(given, NESTED), [
    "PING_PERIOD_MS must be < PONG_WAIT_MS, got 60000 and 50000",
    "HEARTBEAT_TIMEOUT_MS must be < PONG_WAIT_MS, got 50000 and 50000",
  ]);
  assertEquals(
    timingProblems({ pingPeriodMs: 500, pongWaitMs: 500 }, NESTED),
    [
      "PING_PERIOD_MS must be < PONG_WAIT_MS, got 500 and 500",
    ],
  );
  const tank = { prefix: "TANK_", proxy: "nginx", silenceFrom: "life" } as const;
  assertEquals(timingProblems({ pingPeriodMs: 60_000 }, tank), [
    "TANK_PING_PERIOD_MS must be <= 55000 for PROXY_PRESET nginx, got 60000",
  ]);
});

Deno.test("timingProblems() is empty at the edges and for any single value", () => {
  assertEquals(timingProblems({ pingPeriodMs: 59_999, pongWaitMs: 60_000 }, NESTED), []);
  assertEquals(timingProblems({ pingPeriodMs: 900_000 }, NESTED), []);
  assertEquals(timingProblems({ heartbeatTimeoutMs: 900_000 }, NESTED), []);
  assertEquals(timingProblems({ pingPeriodMs: 55_000 }, { ...NESTED, proxy: "aws-alb" }), []);
});

Deno.test("chooseTiming() keeps all given values, and every relation, wherever there is no problem", () => {
  const some = (min: number) =>
    fc.option(
      fc.oneof(fc.integer({ min, max: 400_000 }), fc.integer({ min, max: 1_900_000_000 })),
      {
        nil: undefined,
      },
    );
  const givens = fc.record({
    pingPeriodMs: some(100),
    pongWaitMs: some(200),
    heartbeatTimeoutMs: some(100),
    missedHeartbeats: some(1),
  });
  fc.assert(
    fc.property(givens, fc.constantFrom(...PROXIES), (given, proxy) => {
      fc.pre(timingProblems(given, { ...NESTED, proxy }).length === 0);
      const timing = chooseTiming(given, { ...JSON_DEFAULTS, proxy });
      assertLess(timing.pingPeriodMs, timing.pongWaitMs);
      assertLess(timing.heartbeatTimeoutMs, timing.pongWaitMs);
      assertLessOrEqual(timing.pingPeriodMs, PROXY_PERIODS_MS[proxy]);
      for (const [name, value] of Object.entries(given)) {
        if (value !== undefined) assertEquals(timing[name as keyof PingTiming], value);
      }
      for (const value of Object.values(timing)) assertEquals(Number.isSafeInteger(value), true);
    }),
    { numRuns: 2000 },
  );
});
