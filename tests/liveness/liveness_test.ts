import { assert, assertEquals } from "@std/assert";
import {
  type ActiveLayer,
  Liveness,
  type LivenessState,
  STRIPPED_AFTER,
} from "../../server/liveness/liveness.ts";

const TIMEOUT_MS = 3_000;
const PERIOD_MS = 10_000;

/** What of a beat's traffic comes through. */
interface Beat {
  /** Our control ping is answered. */
  readonly pong?: boolean;
  /** Our app ping is answered. */
  readonly appPong?: boolean;
  /** It sends a message of its own. */
  readonly message?: boolean;
  /** It sends a control ping of its own. */
  readonly ping?: boolean;
}

const WELL: Beat = { pong: true, appPong: true };
const FROZEN: Beat = { pong: true };
const STRIPPED: Beat = { appPong: true };
const PLAIN: Beat = { pong: true };
const CUT: Beat = {};

/** One beat: pinged both ways, what comes through comes 40 ms later, looked at when it timed out. */
function live(liveness: Liveness, beat: Beat, bornMs: number): LivenessState {
  liveness.controlPinged(bornMs);
  liveness.appPinged(bornMs);
  if (beat.pong) liveness.controlPong(bornMs + 40);
  if (beat.ping) liveness.transport(bornMs + 40);
  if (beat.appPong) liveness.appPong(bornMs + 45);
  if (beat.message) liveness.application(bornMs + 45);
  return liveness.evaluate(bornMs + TIMEOUT_MS);
}

function lived(beats: readonly Beat[], liveness = new Liveness(0, TIMEOUT_MS)): LivenessState[] {
  return beats.map((beat, index) => live(liveness, beat, (index + 1) * PERIOD_MS));
}

const TABLE: readonly [string, readonly (readonly [Beat, LivenessState])[]][] = [
  ["answers everything", [[WELL, "alive"], [WELL, "alive"], [WELL, "alive"]]],
  ["script frozen, and recovered", [
    [WELL, "alive"],
    [FROZEN, "frozen"],
    [FROZEN, "frozen"],
    [WELL, "alive"],
  ]],
  ["script frozen, recovered by a message alone", [
    [WELL, "alive"],
    [FROZEN, "frozen"],
    [{ pong: true, message: true }, "alive"],
  ]],
  ["script frozen behind a stack that pings by itself", [
    [WELL, "alive"],
    [{ ping: true }, "frozen"],
  ]],
  ["control frames stripped, and recovered", [
    [WELL, "alive"],
    [STRIPPED, "alive"],
    [STRIPPED, "alive"],
    [STRIPPED, "stripped"],
    [STRIPPED, "stripped"],
    [WELL, "alive"],
    [STRIPPED, "alive"],
  ]],
  ["a control pong now and then is not stripped", [
    [STRIPPED, "alive"],
    [STRIPPED, "alive"],
    [WELL, "alive"],
    [STRIPPED, "alive"],
    [STRIPPED, "alive"],
    [WELL, "alive"],
  ]],
  ["both cut, and recovered", [
    [WELL, "alive"],
    [CUT, "silent"],
    [CUT, "silent"],
    [WELL, "alive"],
  ]],
  ["silence is no stripping, however long", [
    [CUT, "silent"],
    [CUT, "silent"],
    [CUT, "silent"],
    [CUT, "silent"],
    [STRIPPED, "alive"],
  ]],
  ["stripped, then cut, then stripped as before", [
    [STRIPPED, "alive"],
    [STRIPPED, "alive"],
    [STRIPPED, "stripped"],
    [CUT, "silent"],
    [STRIPPED, "stripped"],
  ]],
  ["frozen, then cut", [[WELL, "alive"], [FROZEN, "frozen"], [CUT, "silent"]]],
  ["a plain ws library never answers app pings", [
    [PLAIN, "alive"],
    [PLAIN, "alive"],
    [PLAIN, "alive"],
    [PLAIN, "alive"],
  ]],
  ["a plain ws library that is cut", [[PLAIN, "alive"], [CUT, "silent"], [PLAIN, "alive"]]],
  ["only sends messages, with its stack's pongs", [
    [{ pong: true, message: true }, "alive"],
    [{ pong: true, message: true }, "alive"],
    [{ pong: true }, "alive"], // says nothing for a while: that was never an answer
  ]],
  ["only sends messages, without pongs", [
    [{ message: true }, "alive"],
    [{ message: true }, "alive"],
    [{ message: true }, "stripped"],
  ]],
];

for (const [name, rows] of TABLE) {
  Deno.test(`Liveness: ${name}`, () => {
    assertEquals(lived(rows.map(([beat]) => beat)), rows.map(([, state]) => state));
  });
}

Deno.test("Liveness is frozen or silent only when the heartbeat timeout is over", () => {
  for (const [beat, state] of [[FROZEN, "frozen"], [CUT, "silent"]] as const) {
    const liveness = new Liveness(0, TIMEOUT_MS);
    live(liveness, WELL, 1_000);
    liveness.controlPinged(10_000);
    liveness.appPinged(10_000);
    if (beat.pong) liveness.controlPong(10_040);
    assertEquals(liveness.evaluate(12_999), "alive");
    assertEquals(liveness.dueMs(12_999), 13_000);
    assertEquals(liveness.evaluate(13_000), state);
    assertEquals(liveness.dueMs(13_000), Infinity, "nothing more can come of time alone");
  }
});

Deno.test("Liveness with pings faster than the timeout is judged by the oldest without an answer", () => {
  for (const [beat, state] of [[FROZEN, "frozen"], [CUT, "silent"]] as const) {
    const liveness = new Liveness(0, TIMEOUT_MS);
    live(liveness, WELL, 1_000);
    let foundMs = 0;
    for (let now = 10_000; foundMs === 0 && now < 60_000; now += 500) {
      if (liveness.evaluate(now) === state) foundMs = now;
      liveness.controlPinged(now);
      liveness.appPinged(now);
      if (beat.pong) liveness.controlPong(now); // within the same ms
    }
    assertEquals(foundMs, 13_000, state);
  }
});

Deno.test("Liveness that nobody pings is never silent, whatever the time", () => {
  const liveness = new Liveness(0, TIMEOUT_MS);
  assertEquals(liveness.dueMs(0), Infinity);
  assertEquals(liveness.evaluate(1e9), "alive");
});

Deno.test("Liveness on a way so short that answers come within the same ms is stripped no less", () => {
  const liveness = new Liveness(0, TIMEOUT_MS);
  for (let now = PERIOD_MS; now <= STRIPPED_AFTER * PERIOD_MS; now += PERIOD_MS) {
    liveness.controlPinged(now);
    liveness.application(now);
    liveness.evaluate(now + TIMEOUT_MS);
  }
  assertEquals(liveness.state, "stripped");
});

Deno.test("countsControlPings is false from stripped until a control pong", () => {
  const liveness = new Liveness(0, TIMEOUT_MS);
  lived(Array(STRIPPED_AFTER - 1).fill(STRIPPED), liveness);
  assert(liveness.countsControlPings);
  live(liveness, STRIPPED, 100_000);
  assert(!liveness.countsControlPings);
  live(liveness, CUT, 110_000);
  assert(!liveness.countsControlPings, "silence taught nothing about control frames");
  liveness.controlPong(120_000);
  assert(liveness.countsControlPings);
});

Deno.test("Liveness: stripping is found without a look between pings, and with pings faster than the timeout", () => {
  for (const periodMs of [500, PERIOD_MS]) {
    const liveness = new Liveness(0, TIMEOUT_MS);
    let strippedMs = 0;
    for (let now = periodMs; strippedMs === 0 && now < 100_000; now += periodMs) {
      liveness.controlPinged(now);
      liveness.application(now + 10);
      if (!liveness.countsControlPings) strippedMs = now;
    }
    // each of the three ran out of time; with slow pings that shows at the next one
    assertEquals(strippedMs, periodMs === 500 ? 500 + 3 * TIMEOUT_MS : 40_000);
  }
});

Deno.test("Liveness: pongs that are late by a backlog, but come, are neither stripped nor frozen", () => {
  const liveness = new Liveness(0, TIMEOUT_MS);
  live(liveness, WELL, 0);
  const delayMs = 12_000; // what lies in the relay comes in order: messages all the while
  for (let now = 1_000; now < 100_000; now += 1_000) {
    if (now % PERIOD_MS === 0) {
      liveness.controlPinged(now);
      liveness.appPinged(now);
    }
    liveness.application(now);
    if (now > delayMs && (now - delayMs) % PERIOD_MS === 0) {
      liveness.controlPong(now);
      liveness.appPong(now);
    }
    assertEquals(liveness.evaluate(now), "alive", `at ${now}`);
  }
});

Deno.test("suspend() keeps the state, resume() forgets what was asked before it", () => {
  const liveness = new Liveness(0, TIMEOUT_MS);
  live(liveness, WELL, 0);
  liveness.controlPinged(10_000);
  liveness.appPinged(10_000);
  liveness.suspend();
  assertEquals(liveness.evaluate(60_000), "alive");
  assertEquals(liveness.dueMs(10_000), Infinity);
  liveness.resume();
  assertEquals(liveness.evaluate(60_000), "alive");
  liveness.transport(60_010);
  assertEquals(liveness.evaluate(60_020), "alive", "the app ping of before is not held against it");
  assertEquals(live(liveness, FROZEN, 61_000), "frozen", "but that it answers them is still known");
});

Deno.test("expire() is final", () => {
  const liveness = new Liveness(0, TIMEOUT_MS);
  liveness.expire(0);
  assertEquals(live(liveness, WELL, 1_000), "dead");
  assertEquals(liveness.state, "dead");
  assertEquals(liveness.dueMs(1_000), Infinity);
});

Deno.test("expire() tells what showed itself after a moment, a ping of ours is no sign of it", () => {
  const rows: [string, (liveness: Liveness) => void, ActiveLayer][] = [
    ["nothing since its birth", () => {}, "nothing"],
    ["only pinged", (liveness) => live(liveness, CUT, 20), "nothing"],
    ["a ping of its own", (liveness) => liveness.transport(20), "transport"],
    ["a control pong", (liveness) => liveness.controlPong(20), "transport"],
    ["a message", (liveness) => liveness.application(20), "application"],
    ["an app pong", (liveness) => liveness.appPong(20), "application"],
    ["a message long ago", (liveness) => liveness.application(10), "nothing"],
  ];
  for (const [name, act, lastActiveLayer] of rows) {
    const liveness = new Liveness(5, TIMEOUT_MS);
    act(liveness);
    assertEquals(liveness.expire(10), lastActiveLayer, name);
  }
});

Deno.test("transportMs moves with whatever arrives", () => {
  const liveness = new Liveness(5, TIMEOUT_MS);
  liveness.controlPinged(10);
  liveness.appPinged(10);
  assertEquals(liveness.transportMs, 5, "only inbound evidence is liveness");
  liveness.transport(20);
  assertEquals(liveness.transportMs, 20);
  liveness.application(30);
  assertEquals(liveness.transportMs, 30);
});

Deno.test("writing(): an app ping's time starts when a look finds the line free", () => {
  const liveness = new Liveness(0, TIMEOUT_MS);
  live(liveness, WELL, 0);
  liveness.controlPinged(10_000);
  liveness.appPinged(10_000);
  liveness.controlPong(10_040);
  for (const [nowMs, writingSinceMs] of [[13_000, 12_900], [16_000, 15_900], [19_000, Infinity]]) {
    liveness.writing(writingSinceMs, nowMs);
    assertEquals(liveness.evaluate(nowMs), "alive");
    assertEquals(liveness.dueMs(nowMs), nowMs + TIMEOUT_MS);
  }
  liveness.writing(Infinity, 22_000);
  assertEquals(liveness.evaluate(22_000), "frozen");
});

Deno.test("writing(): who is frozen stays it whatever is written, and nobody else becomes it", () => {
  const liveness = new Liveness(0, TIMEOUT_MS);
  live(liveness, WELL, 0);
  assertEquals(live(liveness, FROZEN, 10_000), "frozen");
  liveness.writing(13_500, 14_000);
  assertEquals(liveness.evaluate(14_000), "frozen");
  liveness.appPong(14_500);
  liveness.writing(14_900, 15_000);
  assertEquals(liveness.evaluate(30_000), "alive", "no app ping waits");
});
