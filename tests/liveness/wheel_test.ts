import { assert, assertEquals, assertGreaterOrEqual, assertLess } from "@std/assert";
import { TICK_MS, type TimerTask, Wheel } from "../../server/liveness/wheel.ts";
import { seeded } from "../support/fakes/seeded.ts";
import { VirtualClock } from "../support/fakes/virtual_clock.ts";

interface Call {
  readonly nowMs: number;
  readonly mayExpire: boolean;
}

class Recorder implements TimerTask {
  readonly calls: Call[] = [];
  constructor(readonly next: (nowMs: number) => number = () => Infinity) {}
  onDue(nowMs: number, mayExpire: boolean): number {
    this.calls.push({ nowMs, mayExpire });
    return this.next(nowMs);
  }
}

/** Keeps a wheel awake. */
const EACH_TICK: TimerTask = { onDue: (nowMs) => nowMs + TICK_MS };

function newWheel() {
  const clock = new VirtualClock();
  const lateness: number[] = [];
  const stalls: number[] = [];
  const wheel = new Wheel(clock, {
    tick: (lateMs) => void lateness.push(lateMs),
    stall: (lateMs) => void stalls.push(lateMs),
  });
  wheel.start();
  return { clock, wheel, lateness, stalls };
}

Deno.test("Wheel calls a task when it is due, never before, at most a tick after", async () => {
  const { clock, wheel } = newWheel();
  const tasks = [10, 50, 51, 999, 1_000, 60_000, 200_000].map((due) => {
    const task = new Recorder();
    wheel.schedule(task, due);
    return { due, task };
  });
  await clock.pass(201_000);
  for (const { due, task } of tasks) {
    assertEquals(task.calls.length, 1, `due at ${due}`);
    assertGreaterOrEqual(task.calls[0].nowMs, due);
    assertLess(task.calls[0].nowMs, due + 51);
  }
  wheel.stop();
});

Deno.test("Wheel calls a task again at the time it returns", async () => {
  const { clock, wheel } = newWheel();
  const task = new Recorder((nowMs) => nowMs + 1_000);
  wheel.schedule(task, 1_000);
  await clock.pass(10_000);
  assertEquals(task.calls.map(({ nowMs }) => nowMs), [
    1_000,
    2_000,
    3_000,
    4_000,
    5_000,
    6_000,
    7_000,
    8_000,
    9_000,
    10_000,
  ]);
  wheel.stop();
});

Deno.test("cancel() removes a task, also from within another task's onDue()", async () => {
  const { clock, wheel } = newWheel();
  const cancelled = new Recorder();
  const entry = wheel.schedule(cancelled, 3_000);
  wheel.cancel(entry);
  wheel.cancel(entry);
  const neighbour = new Recorder();
  const first = new Recorder(() => {
    wheel.cancel(second);
    return Infinity;
  });
  wheel.schedule(first, 3_000);
  const second = wheel.schedule(neighbour, 3_000);
  await clock.pass(10_000);
  assertEquals([cancelled.calls.length, first.calls.length, neighbour.calls.length], [0, 1, 0]);
  wheel.stop();
});

Deno.test("A stall is excluded from the wheel's time: deadlines are as far away as before", async () => {
  const { clock, wheel, stalls } = newWheel();
  const task = new Recorder();
  wheel.schedule(task, 5_000);
  await clock.pass(1_000);
  clock.block(60_000);
  await clock.pass(3_900);
  assertEquals(task.calls.length, 0);
  assertEquals(Math.round(stalls[0]), 60_000);
  await clock.pass(200);
  assertEquals(task.calls.length, 1);
  wheel.stop();
});

Deno.test("A stall is reported to all tasks: when it began and how long it was", async () => {
  const { clock, wheel } = newWheel();
  const reports: number[][] = [];
  const task: TimerTask = {
    onDue: () => Infinity,
    stalled: (sinceMs, stalledMs) => void reports.push([sinceMs, stalledMs]),
  };
  wheel.schedule(task, 2_000);
  wheel.cancel(wheel.schedule(task, 3_000));
  wheel.schedule(new Recorder(), 4_000); // has no stalled()
  wheel.schedule(task, 200_000);
  wheel.schedule(EACH_TICK, 0);
  await clock.pass(1_000);
  clock.block(60_000);
  await clock.pass(1_000);
  clock.block(500);
  await clock.pass(50);
  assertEquals(reports, [[1_025, 60_000], [1_025, 60_000], [2_025, 500]]);
  wheel.stop();
});

Deno.test("now() does not advance during a stall that is still going on", async () => {
  const { clock, wheel } = newWheel();
  await clock.pass(1_000);
  clock.block(60_000);
  assertLess(wheel.now(), 1_151);
  await clock.pass(100);
  assertLess(wheel.now(), 1_151);
  await clock.pass(1_000);
  assertLess(wheel.now(), 2_151);
  wheel.stop();
});

Deno.test("After a stall mayExpire is false until 250 ms of on-time ticks have passed", async () => {
  const { clock, wheel } = newWheel();
  const task = new Recorder((nowMs) => nowMs + 1);
  wheel.schedule(task, 0);
  await clock.pass(100);
  clock.block(500);
  await clock.pass(400);
  // ticks until 100: on time; the one after the stall and those of 225 ms more: mayExpire is false
  const mayExpire = task.calls.map((call) => call.mayExpire);
  assertEquals(mayExpire.slice(0, 15), [
    ...Array(4).fill(true),
    ...Array(10).fill(false),
    true,
  ]);
  wheel.stop();
});

Deno.test("After a short stall mayExpire is false for as long as it lasted, in on-time ticks", async () => {
  for (const [stalledMs, withheld] of [[71, 3], [100, 4], [101, 5], [249, 10], [9_999, 10]]) {
    const { clock, wheel } = newWheel();
    const task = new Recorder((nowMs) => nowMs + 1);
    wheel.schedule(task, 0);
    await clock.pass(100);
    clock.block(stalledMs);
    await clock.pass(400);
    const without = task.calls.filter(({ mayExpire }) => !mayExpire);
    assertEquals(without.length, withheld, `${stalledMs} ms`);
    const first = task.calls.find(({ nowMs, mayExpire }) => nowMs > 100 && mayExpire);
    assertEquals(first?.nowMs, 125 + withheld * 25, "the tick that stalled, and as many more");
    assertEquals(wheel.mayExpireSinceMs, first?.nowMs);
    wheel.stop();
  }
});

Deno.test("mayExpire becomes true whenever the loop runs for more than half of the time, or for 275 ms", async () => {
  for (const freeMs of [100, 125, 200, 275]) {
    for (const stalledMs of [71, 80, 95, 120, 190, 1_000, 10_000]) {
      if (freeMs < 275 && stalledMs + TICK_MS > freeMs) continue; // the tick that stalls is not on time
      const { clock, wheel } = newWheel();
      const task = new Recorder((nowMs) => nowMs + 1);
      wheel.schedule(task, 0);
      for (let round = 0; round < 100; round++) {
        clock.block(stalledMs);
        await clock.pass(freeMs);
      }
      const expiries = task.calls.filter(({ mayExpire }) => mayExpire).map(({ nowMs }) => nowMs);
      const waits = [...expiries, wheel.now()].map((nowMs, i) => nowMs - (expiries[i - 1] ?? 0));
      assertLess(Math.max(...waits), 1_000, `${stalledMs} ms after each ${freeMs} ms`);
      wheel.stop();
    }
  }
});

Deno.test("A stall within the grace period of another extends it, up to 250 ms", async () => {
  const { clock, wheel } = newWheel();
  const task = new Recorder((nowMs) => nowMs + 1);
  wheel.schedule(task, 0);
  await clock.pass(100);
  clock.block(100);
  await clock.pass(50); // 75 ms are left
  clock.block(100);
  await clock.pass(50); // 150 ms
  clock.block(3_000);
  await clock.pass(500);
  const first = task.calls.find(({ nowMs, mayExpire }) => nowMs > 100 && mayExpire);
  assertEquals(first?.nowMs, 100 + 50 + 50 + 25 + 250);
  wheel.stop();
});

Deno.test("A tick up to 70 ms late is no stall", async () => {
  const { clock, wheel, lateness, stalls } = newWheel();
  wheel.schedule(EACH_TICK, 0);
  await clock.pass(50);
  clock.block(69);
  await clock.pass(50);
  assertEquals(stalls, []);
  assert(lateness.some((late) => Math.round(late) === 69), `${lateness}`);
  wheel.stop();
});

Deno.test("However late a tick is, a due task is called within 100 ms, or a stall is reported", async () => {
  for (let lateMs = 0; lateMs <= 150; lateMs++) {
    const { clock, wheel, stalls } = newWheel();
    let calledMs = 0;
    wheel.schedule({ onDue: () => (calledMs = clock.now(), Infinity) }, 501); // just after a tick
    await clock.pass(501);
    clock.block(lateMs);
    await clock.pass(100);
    wheel.stop();
    assert(stalls.length > 0 || calledMs - 501 <= 100, `${calledMs - 501} ms, late by ${lateMs}`);
  }
});

Deno.test("Wheel holds 10 000 tasks in one slot and calls each once a period", async () => {
  const { clock, wheel } = newWheel();
  let calls = 0;
  const task: TimerTask = { onDue: (nowMs) => (calls++, nowMs + 1_000) };
  for (let i = 0; i < 10_000; i++) wheel.schedule(task, 500);
  await clock.pass(3_600);
  assertEquals(calls, 40_000);
  wheel.stop();
});

Deno.test("Wheel ticks at the ends of its slots, even if it starts between two: no task waits for both", async () => {
  for (const startMs of [0, 7, 24, 49]) {
    const clock = new VirtualClock();
    await clock.pass(startMs);
    const wheel = new Wheel(clock, { tick() {}, stall() {} });
    wheel.start();
    const tasks = Array.from({ length: 100 }, (_, i) => {
      const due = startMs + 1_000 + i * 13;
      const task = new Recorder();
      wheel.schedule(task, due);
      return { due, task };
    });
    await clock.pass(3_000);
    for (const { due, task } of tasks) {
      const lateMs = task.calls[0].nowMs - due;
      assert(lateMs >= 0 && lateMs <= 52, `started at ${startMs}: ${lateMs} ms late`);
    }
    wheel.stop();
  }
});

/** The ends of its ticks in a span of time, ms. */
async function ticksWithin({ clock, wheel }: ReturnType<typeof newWheel>, ms: number) {
  const ends: number[] = [];
  let { ticks } = wheel;
  for (const untilMs = clock.now() + ms; clock.now() < untilMs;) {
    await clock.pass(1);
    if (wheel.ticks !== ticks) ends.push(clock.now());
    ticks = wheel.ticks;
  }
  return ends;
}

Deno.test("Wheel ticks four times a second while nothing is due, and a task is called on time", async () => {
  const made = newWheel();
  const task = new Recorder();
  made.wheel.schedule(task, 5_060);
  const ends = await ticksWithin(made, 10_000);
  assert(ends.length <= 42, `${ends.length} ticks in 10 s`);
  assertEquals(task.calls.map(({ nowMs }) => nowMs), [5_075]);
  made.wheel.stop();
});

Deno.test("Wheel ticks from 350 ms before a task that may expire a connection, and after it sleeps", async () => {
  for (const dueMs of [3_000, 3_010, 3_100, 3_190, 3_240]) {
    const made = newWheel();
    const task = new Recorder();
    const expirer = { expires: true, onDue: task.onDue.bind(task) };
    made.wheel.schedule(expirer, dueMs);
    const ends = await ticksWithin(made, 5_000);
    const calledMs = task.calls[0].nowMs;
    assert(calledMs - dueMs < TICK_MS && task.calls[0].mayExpire);
    for (let ms = calledMs; ms > calledMs - 350; ms -= TICK_MS) {
      assert(ends.includes(ms), `due at ${dueMs}: no tick at ${ms}`);
    }
    assert(ends.length < 40, `${ends.length} ticks in 5 s`);
    made.wheel.stop();
  }
});

Deno.test("A task that is scheduled while the wheel sleeps is called on time", async () => {
  for (let afterMs = 0; afterMs < 500; afterMs += 7) {
    const { clock, wheel } = newWheel();
    await clock.pass(1_000 + afterMs);
    const task = new Recorder();
    const dueMs = clock.now() + 30;
    wheel.schedule(task, dueMs);
    await clock.pass(100);
    const lateMs = task.calls[0].nowMs - dueMs;
    assert(lateMs >= 0 && lateMs < TICK_MS, `${lateMs} ms late, scheduled at ${dueMs - 30}`);
    wheel.stop();
  }
});

Deno.test("A stall that begins while the wheel sleeps is noticed, but for what is left of the sleep", async () => {
  for (let afterMs = 0; afterMs < 300; afterMs += 10) {
    for (const isWoken of [false, true]) {
      const { clock, wheel, stalls } = newWheel();
      await clock.pass(1_000 + afterMs);
      clock.stop(6_000);
      // A connection that is accepted before the timer of the wheel is called.
      if (isWoken) wheel.schedule(new Recorder(), 100_000);
      assertLess(wheel.now(), 1_000 + afterMs + 325);
      await clock.pass(100);
      assert(stalls.length === 1 && stalls[0] > 5_750, `${stalls} at ${afterMs}`);
      wheel.stop();
    }
  }
});

Deno.test("Tasks are called at the same ticks whether the wheel sleeps or not", async () => {
  const random = seeded(11);
  for (let round = 0; round < 50; round++) {
    const made = [newWheel(), newWheel()];
    made[1].wheel.schedule(EACH_TICK, 0);
    const plans = Array.from({ length: 6 }, () => ({
      firstMs: random() * 3_000,
      periodMs: 10 + random() * 1_500,
      expires: random() < 0.5,
    }));
    const called = await Promise.all(made.map(async ({ clock, wheel }) => {
      const tasks = plans.map(({ firstMs, periodMs, expires }) => {
        const task = new Recorder((nowMs) => nowMs + periodMs);
        wheel.schedule({ expires, onDue: task.onDue.bind(task) }, firstMs);
        return task;
      });
      await clock.pass(5_000);
      wheel.stop();
      return tasks.map(({ calls }) => calls);
    }));
    assertEquals(called[0], called[1]);
  }
});
