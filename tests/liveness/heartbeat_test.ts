import { assert, assertEquals } from "@std/assert";
import { HEALTH_RULES } from "../../server/liveness/health.ts";
import {
  Heartbeat,
  type HeartbeatDecision,
  type HeartbeatRules,
} from "../../server/liveness/heartbeat.ts";

const RULES: HeartbeatRules = {
  pingPeriodMs: 54_000,
  pongWaitMs: 60_000,
  heartbeatTimeoutMs: 3_000,
  missedHeartbeats: 3,
  silenceFrom: "life",
  framesAreLife: true,
  pongsAreLife: true,
  pingsAreLife: true,
  health: HEALTH_RULES,
};

/** Evaluates the heartbeat whenever it is due, as the wheel does. @returns decisions with their time */
function timeline(
  heartbeat: Heartbeat,
  { until, activity = [], graceUntil = 0 }: {
    until: number;
    activity?: number[];
    graceUntil?: number;
  },
): [number, HeartbeatDecision][] {
  const decisions: [number, HeartbeatDecision][] = [];
  const waiting = [...activity];
  for (let now = 0; now <= until; now += 50) {
    while (waiting.length > 0 && waiting[0] <= now) heartbeat.touch(waiting.shift()!);
    if (now < heartbeat.dueMs) continue;
    const decision = heartbeat.evaluate(now, now >= graceUntil);
    if (decision !== "ok") decisions.push([now, decision]);
    if (decision === "stale" || decision === "missed_heartbeats") break;
  }
  return decisions;
}

Deno.test("Heartbeat of a silent peer: a ping, a miss with a ping at once, then the deadline", () => {
  // 54 s: ping; 57 s: nothing came within 3 s; 60 s: silent for pongWait
  assertEquals(timeline(new Heartbeat(RULES, 0, 1), { until: 120_000 }), [
    [54_000, "ping"],
    [57_000, "missed"],
    [60_000, "stale"],
  ]);
});

Deno.test("Heartbeat expires after the number of misses when the deadline is far", () => {
  const rules = { ...RULES, pingPeriodMs: 10_000, missedHeartbeats: 3 };
  assertEquals(timeline(new Heartbeat(rules, 0, 1), { until: 120_000 }), [
    [10_000, "ping"],
    [13_000, "missed"],
    [16_000, "missed"],
    [19_000, "missed_heartbeats"],
  ]);
});

Deno.test("Heartbeat: a ping right after a frame does not shorten the peer's time", () => {
  // frame at 50 s, ping at 54 s: three misses by 63 s are only 13 s of silence
  const activity = [50_000, 80_000];
  assertEquals(timeline(new Heartbeat(RULES, 0, 1), { until: 200_000, activity }), [
    [54_000, "ping"],
    [57_000, "missed"],
    [60_000, "missed"],
    [63_000, "missed"],
    [108_000, "ping"],
    [111_000, "missed"],
    [114_000, "missed"],
    [117_000, "missed"],
    [140_000, "stale"],
  ]);
});

Deno.test("Heartbeat: an early first ping does not shorten the peer's time", () => {
  const rules = { ...RULES, pingPeriodMs: 1_800, pongWaitMs: 2_000, heartbeatTimeoutMs: 100 };
  for (const random of [0, 0.3, 0.6, 0.999]) {
    const heartbeat = new Heartbeat(rules, 0, random);
    assertEquals(timeline(heartbeat, { until: 5_000 }).at(-1), [2_000, "stale"]);
  }
});

Deno.test("Heartbeat: a sign of life resets the misses and moves the deadline", () => {
  const rules = { ...RULES, pingPeriodMs: 10_000 };
  assertEquals(timeline(new Heartbeat(rules, 0, 1), { until: 99_000, activity: [17_000] }), [
    [10_000, "ping"],
    [13_000, "missed"],
    [16_000, "missed"],
    [20_000, "ping"], // the pings keep their phase
    [23_000, "missed"],
    [26_000, "missed"],
    [29_000, "missed"],
    [30_000, "ping"],
    [36_000, "missed_heartbeats"], // 17 s + a period + 3 timeouts
  ]);
});

Deno.test("Heartbeat of a peer that sends often pings once a period and misses none", () => {
  const activity = Array.from({ length: 200 }, (_, i) => (i + 1) * 1_000);
  assertEquals(timeline(new Heartbeat(RULES, 0, 1), { until: 200_000, activity }), [
    [54_000, "ping"],
    [108_000, "ping"],
    [162_000, "ping"],
  ]);
});

Deno.test("Heartbeat spreads the first ping over the second half of a period", () => {
  for (const [random, first] of [[0, 27_000], [0.5, 40_500], [0.999, 53_973]]) {
    const heartbeat = new Heartbeat(RULES, 0, random);
    assert(Math.abs(heartbeat.dueMs - first) < 1, `${heartbeat.dueMs} is not ${first}`);
  }
});

Deno.test("evaluate() expires nothing while mayExpire is false, still pings, and expires right after", () => {
  const heartbeat = new Heartbeat(RULES, 0, 1);
  assertEquals(timeline(heartbeat, { until: 120_000, graceUntil: 70_000 }), [
    [54_000, "ping"],
    [70_000, "stale"],
  ]);
});

Deno.test("suspend() stops all decisions, resume() starts the peer's time anew", () => {
  const heartbeat = new Heartbeat(RULES, 0, 1);
  heartbeat.suspend();
  assertEquals(heartbeat.evaluate(500_000, true), "ok");
  heartbeat.resume(500_000);
  assertEquals(heartbeat.evaluate(559_900, true), "ping");
  assertEquals(heartbeat.evaluate(560_000, true), "stale");
});

Deno.test("lastActivityMs is the time of the last sign of life, not of the last ping", () => {
  const heartbeat = new Heartbeat(RULES, 0, 1);
  heartbeat.touch(1_234);
  heartbeat.evaluate(54_000, true);
  assertEquals(heartbeat.lastActivityMs, 1_234);
});

Deno.test("pingFaster() halves the period from the next ping on, pingNormally() restores it", () => {
  const heartbeat = new Heartbeat(RULES, 0, 1);
  heartbeat.pingFaster(1_000);
  const pings: number[] = [];
  for (let now = 0; now <= 200_000; now += 1_000) {
    heartbeat.touch(now);
    if (heartbeat.evaluate(now, true) === "ping") pings.push(now);
    if (now === 60_000) heartbeat.pingNormally();
  }
  assertEquals(pings, [28_000, 55_000, 82_000, 136_000, 190_000]);
});

Deno.test("Heartbeat that measures silence from the ping needs no sign of life before it", () => {
  const rules = {
    ...RULES,
    pingPeriodMs: 30_000,
    pongWaitMs: 30_000,
    silenceFrom: "ping",
    missedHeartbeats: 0,
  } as const;
  // 30 s: ping; 60 s: unanswered for 30 s
  const silent = [[30_000, "ping"], [60_000, "stale"]] as [number, HeartbeatDecision][];
  assertEquals(timeline(new Heartbeat(rules, 0, 1), { until: 200_000 }), silent);
  // answered at 59 s: pinged again at 60 s, unanswered for 30 s at 90 s
  assertEquals(timeline(new Heartbeat(rules, 0, 1), { until: 200_000, activity: [59_000] }), [
    [30_000, "ping"],
    [60_000, "ping"],
    [90_000, "stale"],
  ]);
});

Deno.test("Heartbeat with missedHeartbeats 0 does not expire for misses", () => {
  const rules = { ...RULES, pingPeriodMs: 10_000, missedHeartbeats: 0 };
  assertEquals(timeline(new Heartbeat(rules, 0, 1), { until: 120_000 }), [
    [10_000, "ping"],
    [20_000, "ping"],
    [30_000, "ping"],
    [40_000, "ping"],
    [50_000, "ping"],
    [60_000, "stale"],
  ]);
});
