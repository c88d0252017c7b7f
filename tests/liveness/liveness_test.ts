import { assert, assertEquals } from "@std/assert";
import { Life, type LifeState, STRIPPED_AFTER, type Survivor } from "../../server/liveness/liveness.ts";

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
function live(life: Life, beat: Beat, bornMs: number): LifeState {
  life.controlPinged(bornMs);
  life.appPinged(bornMs);
  if (beat.pong) life.controlPong(bornMs + 40);
  if (beat.ping) life.transport(bornMs + 40);
  if (beat.appPong) life.appPong(bornMs + 45);
  if (beat.message) life.application(bornMs + 45);
  return life.look(bornMs + TIMEOUT_MS);
}

function lived(beats: readonly Beat[], life = new Life(0, TIMEOUT_MS)): LifeState[] {
  return beats.map((beat, index) => live(life, beat, (index + 1) * PERIOD_MS));
}

const TABLE: readonly [string, readonly (readonly [Beat, LifeState])[]][] = [
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
  Deno.test(`Life: ${name}`, () => {
    assertEquals(lived(rows.map(([beat]) => beat)), rows.map(([, state]) => state));
  });
}

Deno.test("Life is frozen or silent only when the heartbeat timeout is over", () => {
  for (const [beat, state] of [[FROZEN, "frozen"], [CUT, "silent"]] as const) {
    const life = new Life(0, TIMEOUT_MS);
    live(life, WELL, 1_000);
    life.controlPinged(10_000);
    life.appPinged(10_000);
    if (beat.pong) life.controlPong(10_040);
    assertEquals(life.look(12_999), "alive");
    assertEquals(life.dueMs(12_999), 13_000);
    assertEquals(life.look(13_000), state);
    assertEquals(life.dueMs(13_000), Infinity, "nothing more can come of time alone");
  }
});

Deno.test("Life with pings faster than the timeout is judged by the oldest without an answer", () => {
  for (const [beat, state] of [[FROZEN, "frozen"], [CUT, "silent"]] as const) {
    const life = new Life(0, TIMEOUT_MS);
    live(life, WELL, 1_000);
    let foundMs = 0;
    for (let now = 10_000; foundMs === 0 && now < 60_000; now += 500) {
      if (life.look(now) === state) foundMs = now;
      life.controlPinged(now);
      life.appPinged(now);
      if (beat.pong) life.controlPong(now); // within the same ms
    }
    assertEquals(foundMs, 13_000, state);
  }
});

Deno.test("Life that nobody pings is never silent, whatever the time", () => {
  const life = new Life(0, TIMEOUT_MS);
  assertEquals(life.dueMs(0), Infinity);
  assertEquals(life.look(1e9), "alive");
});

Deno.test("Life on a way so short that answers come within the same ms is stripped no less", () => {
  const life = new Life(0, TIMEOUT_MS);
  for (let now = PERIOD_MS; now <= STRIPPED_AFTER * PERIOD_MS; now += PERIOD_MS) {
    life.controlPinged(now);
    life.application(now);
    life.look(now + TIMEOUT_MS);
  }
  assertEquals(life.state, "stripped");
});

Deno.test("countsControlPings is false from stripped until a control pong", () => {
  const life = new Life(0, TIMEOUT_MS);
  lived(Array(STRIPPED_AFTER - 1).fill(STRIPPED), life);
  assert(life.countsControlPings);
  live(life, STRIPPED, 100_000);
  assert(!life.countsControlPings);
  live(life, CUT, 110_000);
  assert(!life.countsControlPings, "silence taught nothing about control frames");
  life.controlPong(120_000);
  assert(life.countsControlPings);
});

Deno.test("Life: stripping is found without a look between pings, and with pings faster than the timeout", () => {
  for (const periodMs of [500, PERIOD_MS]) {
    const life = new Life(0, TIMEOUT_MS);
    let strippedMs = 0;
    for (let now = periodMs; strippedMs === 0 && now < 100_000; now += periodMs) {
      life.controlPinged(now);
      life.application(now + 10);
      if (!life.countsControlPings) strippedMs = now;
    }
    // each of the three ran out of time; with slow pings that shows at the next one
    assertEquals(strippedMs, periodMs === 500 ? 500 + 3 * TIMEOUT_MS : 40_000);
  }
});

Deno.test("Life: pongs that are late by a backlog, but come, are neither stripped nor frozen", () => {
  const life = new Life(0, TIMEOUT_MS);
  live(life, WELL, 0);
  const delayMs = 12_000; // what lies in the relay comes in order: messages all the while
  for (let now = 1_000; now < 100_000; now += 1_000) {
    if (now % PERIOD_MS === 0) {
      life.controlPinged(now);
      life.appPinged(now);
    }
    life.application(now);
    if (now > delayMs && (now - delayMs) % PERIOD_MS === 0) {
      life.controlPong(now);
      life.appPong(now);
    }
    assertEquals(life.look(now), "alive", `at ${now}`);
  }
});

Deno.test("suspend() keeps the state, resume() forgets what was asked before it", () => {
  const life = new Life(0, TIMEOUT_MS);
  live(life, WELL, 0);
  life.controlPinged(10_000);
  life.appPinged(10_000);
  life.suspend();
  assertEquals(life.look(60_000), "alive");
  assertEquals(life.dueMs(10_000), Infinity);
  life.resume();
  assertEquals(life.look(60_000), "alive");
  life.transport(60_010);
  assertEquals(life.look(60_020), "alive", "the app ping of before is not held against it");
  assertEquals(live(life, FROZEN, 61_000), "frozen", "but that it answers them is still known");
});

Deno.test("convict() is final", () => {
  const life = new Life(0, TIMEOUT_MS);
  life.convict(0);
  assertEquals(live(life, WELL, 1_000), "dead");
  assertEquals(life.state, "dead");
  assertEquals(life.dueMs(1_000), Infinity);
});

Deno.test("convict() tells what showed itself after a moment, a ping of ours is no sign of it", () => {
  const rows: [string, (life: Life) => void, Survivor][] = [
    ["nothing since its birth", () => {}, "nothing"],
    ["only pinged", (life) => live(life, CUT, 20), "nothing"],
    ["a ping of its own", (life) => life.transport(20), "transport"],
    ["a control pong", (life) => life.controlPong(20), "transport"],
    ["a message", (life) => life.application(20), "application"],
    ["an app pong", (life) => life.appPong(20), "application"],
    ["a message long ago", (life) => life.application(10), "nothing"],
  ];
  for (const [name, act, survivor] of rows) {
    const life = new Life(5, TIMEOUT_MS);
    act(life);
    assertEquals(life.convict(10), survivor, name);
  }
});

Deno.test("transportMs moves with whatever arrives", () => {
  const life = new Life(5, TIMEOUT_MS);
  life.controlPinged(10);
  life.appPinged(10);
  assertEquals(life.transportMs, 5, "only inbound evidence is life");
  life.transport(20);
  assertEquals(life.transportMs, 20);
  life.application(30);
  assertEquals(life.transportMs, 30);
});

Deno.test("writing(): an app ping's time starts when a look finds the line free", () => {
  const life = new Life(0, TIMEOUT_MS);
  live(life, WELL, 0);
  life.controlPinged(10_000);
  life.appPinged(10_000);
  life.controlPong(10_040);
  for (const [nowMs, writingSinceMs] of [[13_000, 12_900], [16_000, 15_900], [19_000, Infinity]]) {
    life.writing(writingSinceMs, nowMs);
    assertEquals(life.look(nowMs), "alive");
    assertEquals(life.dueMs(nowMs), nowMs + TIMEOUT_MS);
  }
  life.writing(Infinity, 22_000);
  assertEquals(life.look(22_000), "frozen");
});

Deno.test("writing(): who is frozen stays it whatever is written, and nobody else becomes it", () => {
  const life = new Life(0, TIMEOUT_MS);
  live(life, WELL, 0);
  assertEquals(live(life, FROZEN, 10_000), "frozen");
  life.writing(13_500, 14_000);
  assertEquals(life.look(14_000), "frozen");
  life.appPong(14_500);
  life.writing(14_900, 15_000);
  assertEquals(life.look(30_000), "alive", "no app ping waits");
});
