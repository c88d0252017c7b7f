import { assert, assertEquals, assertLess } from "@std/assert";
import type { Clock } from "../../server/base/clock.ts";
import type { HubMessage } from "../../server/hub.ts";
import { TICK_MS, type TimerTask, Wheel, WheelEntry } from "../../server/liveness/wheel.ts";
import { UnlimitedAdmission } from "../../server/brokers/admission_rate.ts";
import { LoadShedder } from "../../server/hub/load_shedder.ts";
import { type Subscriber, SubscriptionRegistry } from "../../server/hub/subscription_registry.ts";
import { VirtualClock } from "../support/fakes/virtual_clock.ts";
import { deliverTo, RULES, type TestPeer, withWorld, type World } from "../support/fakes/world.ts";

/** What has waited for longer is overdue. */
const OVERDUE_MS = 1_000;

/** So that nothing but the budget ends anybody. */
const CALM = { ...RULES, pingPeriodMs: 3_600_000, pongWaitMs: 3_600_000 };
const ADMISSION_RATE = new UnlimitedAdmission(() => 0);
const PATIENT = { writeWaitMs: 3_600_000, rules: CALM };

/** Each subscribes to "c", and to "own <n>" alone; closed, they stay, as until closeWait. */
async function subscribers(world: World, count: number): Promise<TestPeer[]> {
  const peers = Array.from({ length: count }, () => world.connect());
  for (const [n, { socket }] of peers.entries()) {
    socket.say({ type: "subscribe", channel: "c" });
    socket.say({ type: "subscribe", channel: `own ${n}` });
    socket.lingers = true;
  }
  await world.clock.pass(200);
  return peers;
}

/** As what waits at no gate. */
function publish(world: World, channel: string, bytes: number): void {
  deliverTo(world, channel, "x".repeat(bytes));
}

/** Which of them had to go. */
const gone = (peers: TestPeer[]) =>
  peers.flatMap(({ socket }, n) => socket.closedWith === undefined ? [] : [n]);

Deno.test("LoadShedder keeps the wheel at each tick while anything waits, though ticks come late", async () => {
  const clock = new VirtualClock();
  const late: Clock = {
    now: () => clock.now(),
    wall: () => clock.wall(),
    after: (ms, call) => clock.after(ms + 1, call),
    turn: (call) => clock.turn(call),
  };
  const wheel = new Wheel(late, { tick() {}, stall() {} });
  wheel.start();
  const budget = { usedBytes: 1, limitBytes: 2 };
  const hub = { tell: () => "sent" as const };
  new LoadShedder({ wheel, budget, hub, admissionRate: ADMISSION_RATE }).watch();
  await clock.pass(1_050);
  assertEquals(wheel.ticks, 1_050 / TICK_MS - 1); // the last one is late
  wheel.stop();
});

Deno.test("One publication that is beyond the budget while it goes out ends nobody", () =>
  withWorld({ budgetBytes: 6_000_000 }, async (world) => {
    const crowd = await subscribers(world, 15_000);
    for (const { socket } of crowd) socket.stuck = true; // it takes each a few round trips
    publish(world, "c", 60_000);
    await world.clock.pass(OVERDUE_MS - 2 * TICK_MS);
    assertLess(900_000_000, world.budget.usedBytes);
    for (const { socket } of crowd) socket.drain();
    await world.clock.pass(OVERDUE_MS);
    assertEquals([gone(crowd).length, world.budget.usedBytes], [0, 0]);
  }));

Deno.test("Above the budget the worst offenders go for overload, as soon as they are overdue", () =>
  withWorld({ ...PATIENT, budgetBytes: 2_000_000, queueBytes: 1_000_000 }, async (world) => {
    const [worst, ...others] = await subscribers(world, 21);
    for (const { socket } of [worst, ...others]) socket.stuck = true;
    for (let i = 0; i < 14; i++) publish(world, "own 0", 63_000); // 880 KB
    for (let n = 1; n <= 20; n++) {
      for (let i = 0; i < n; i++) publish(world, `own ${n}`, 10_000);
    }
    await world.clock.pass(TICK_MS);
    assertLess(2_000_000, world.budget.usedBytes);
    await world.clock.pass(OVERDUE_MS - 2 * TICK_MS);
    assertEquals(gone([worst, ...others]), []);
    await world.clock.pass(3 * TICK_MS);
    // 2 982 000 in all: without the worst there are 2 100 000 left, without the last 1 900 000
    assertEquals(gone([worst, ...others]), [0, 20]);
    assertEquals(worst.socket.closedWith?.code, 1013);
    assertLess(world.budget.usedBytes, 2_000_000);
    await world.clock.pass(60_000);
    assertEquals(gone([worst, ...others]).length, 2, "others went, though the budget is kept");
  }));

Deno.test("A peer that reads, but lags behind, is overdue as well: no new batch makes it young", () =>
  withWorld({ ...PATIENT, budgetBytes: 400_000 }, async (world) => {
    const [lagging] = await subscribers(world, 1);
    lagging.socket.stuck = true;
    for (let i = 0; i < 10; i++) publish(world, "own 0", 60_000);
    for (let tenth = 0; tenth < 9; tenth++) {
      await world.clock.pass(105);
      assertEquals(gone([lagging]), [], `after ${tenth + 1} tenths of a second`);
      lagging.socket.drain(); // one message in a tenth of a second
      publish(world, "own 0", 60_000);
    }
    await world.clock.pass(2 * 105);
    assertEquals(gone([lagging]), [0]);
  }));

Deno.test("A peer that reads a firehose as it comes is never overdue, however long it lasts", () =>
  withWorld({ budgetBytes: 100_000 }, async (world) => {
    const [reading] = await subscribers(world, 1);
    for (let i = 0; i < 1_000; i++) {
      for (let n = 0; n < 4; n++) publish(world, "c", 60_000);
      await world.clock.pass(10);
    }
    assertEquals([gone([reading]), reading.socket.texts.length], [[], 4_003]);
  }));

Deno.test("A stall of the server makes nobody overdue", () =>
  withWorld({ ...PATIENT, budgetBytes: 100_000 }, async (world) => {
    const [peer] = await subscribers(world, 1);
    peer.socket.stuck = true;
    for (let i = 0; i < 4; i++) publish(world, "c", 60_000);
    await world.clock.turnOver();
    world.clock.block(5_000);
    await world.clock.pass(OVERDUE_MS / 2);
    assertEquals(gone([peer]), []);
    await world.clock.pass(OVERDUE_MS);
    assertEquals(gone([peer]), [0]);
  }));

Deno.test("What leaving clients hold ends nobody else, whoever is overdue beside them", () =>
  withWorld({ ...PATIENT, budgetBytes: 20_000 }, async (world) => {
    const [slow, ...leaving] = await subscribers(world, 20);
    for (const { socket } of [slow, ...leaving]) socket.stuck = true;
    publish(world, "c", 1_000);
    await world.clock.turnOver();
    for (const { client } of leaving) client.close("drain");
    assertLess(20_000, world.budget.usedBytes);
    await world.clock.pass(5 * OVERDUE_MS);
    const late = world.connect();
    late.socket.say({ type: "ping" });
    await world.clock.pass(5 * OVERDUE_MS);
    assert(world.budget.usedBytes > 20_000, "those who leave have held it all the time");
    assertEquals(gone([slow, late]), []);
  }));

Deno.test("LoadShedder asks the hub above the budget only, and not again before it was answered", () => {
  const messages: HubMessage[] = [];
  const hub = { tell: (message: HubMessage) => (messages.push(message), "sent" as const) };
  const budget = { usedBytes: 1_000, limitBytes: 1_000 };
  const scheduled: number[] = [];
  const wheel = {
    now: () => 0,
    schedule: (task: TimerTask, dueMs: number) => (scheduled.push(dueMs), new WheelEntry(task)),
  };
  const shedder = new LoadShedder({ hub, budget, wheel, admissionRate: ADMISSION_RATE });
  shedder.watch();
  shedder.watch();
  assertEquals(scheduled, [TICK_MS]);
  assertEquals([shedder.onDue(0), messages.length], [0, 0], "due at the next tick");
  budget.usedBytes = 1_001;
  for (let i = 0; i < 3; i++) shedder.onDue(i);
  assertEquals(messages.length, 1);
  (messages[0] as HubMessage & { kind: "run" }).run(new SubscriptionRegistry());
  shedder.onDue(3);
  assertEquals(messages.length, 2);
  budget.usedBytes = 0;
  assertEquals(shedder.onDue(4), Infinity, "nothing waits: nothing to look at");
  shedder.watch();
  assertEquals(scheduled, [TICK_MS, TICK_MS]);
});

for (const [when, isLater] of [["at once", false], ["later", true]] as const) {
  Deno.test(`LoadShedder tells who it closes its slot, which it has ${when}`, async () => {
    const messages: HubMessage[] = [];
    const hub = { tell: (message: HubMessage) => (messages.push(message), "sent" as const) };
    const slots = (count: number) => {
      const all = [100, 200, 300].slice(0, count);
      return isLater ? Promise.resolve(all) : all;
    };
    const wheel = { now: () => 0, schedule: (task: TimerTask) => new WheelEntry(task) };
    const budget = { usedBytes: 1_000, limitBytes: 150 };
    const shedder = new LoadShedder({ hub, budget, wheel, admissionRate: { slots } });
    const closed: unknown[] = [];
    const registry = new SubscriptionRegistry();
    for (const overdueBytes of [100, 400, 200]) {
      const close = (...how: unknown[]) => void closed.push([overdueBytes, ...how]);
      registry.add({ writePump: { overdueBytes }, close } as unknown as Subscriber);
    }
    shedder.onDue(0);
    (messages[0] as HubMessage & { kind: "run" }).run(registry);
    assertEquals(closed.length, isLater ? 0 : 2);
    shedder.onDue(1);
    assertEquals(messages.length, isLater ? 1 : 2, "not again before they are closed");
    await Promise.resolve();
    await Promise.resolve();
    assertEquals(closed, [
      [400, "overload", { afterMs: 5_100 }],
      [200, "overload", { afterMs: 5_200 }],
    ]);
    shedder.onDue(2);
    assertEquals(messages.length, 2);
  });
}
