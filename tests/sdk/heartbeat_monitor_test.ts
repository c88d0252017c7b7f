import { assertEquals } from "@std/assert";
import { HeartbeatMonitor, type Timing } from "../../server/sdk/heartbeat_monitor.ts";
import { PAGE_TIMERS } from "../../server/sdk/timers.ts";
import { type VirtualPage, withPage } from "../support/fakes/virtual_page.ts";

/** The reference client's. */
const RHYTHM: Omit<Timing, "openByMs"> = {
  heartbeatInterval: 30_000,
  heartbeatTimeout: 10_000,
  answers: true,
};

/** A monitor that writes down when it beats and when it finds its peer dead. */
function monitor(timing: Partial<Timing> = {}) {
  const log: string[] = [];
  const startMs = performance.now();
  const note = (what: string) => log.push(`${(performance.now() - startMs) / 1_000} s: ${what}`);
  const line = new HeartbeatMonitor({ ...RHYTHM, openByMs: startMs + 20_000, ...timing }, {
    after: PAGE_TIMERS.after,
    send: () => note("heartbeat"),
    dead: () => note("dead"),
  });
  return { line, log };
}

Deno.test("HeartbeatMonitor beats at every interval, and silence is death an interval and a timeout later", () =>
  withPage(async (page) => {
    const { line, log } = monitor();
    line.opened();
    await page.pass(5_000);
    line.touch();
    await page.pass(100_000);
    assertEquals(log, ["0 s: heartbeat", "30 s: heartbeat", "45 s: dead"]);
  }));

Deno.test("HeartbeatMonitor gives an attempt its time, and no beats", () =>
  withPage(async (page) => {
    const { log } = monitor();
    await page.pass(100_000);
    assertEquals(log, ["20 s: dead"]);
  }));

Deno.test("HeartbeatMonitor stops for good", () =>
  withPage(async (page) => {
    const { line, log } = monitor();
    line.opened();
    line.stop();
    await page.pass(100_000);
    assertEquals(log, ["0 s: heartbeat"]);
  }));

Deno.test("HeartbeatMonitor probes at once, with a short deadline, one probe at a time", () =>
  withPage(async (page) => {
    const { line, log } = monitor();
    line.opened();
    await page.pass(10_000);
    line.probe();
    await page.pass(4_000);
    line.probe();
    await page.pass(10_000);
    assertEquals(log, ["0 s: heartbeat", "10 s: heartbeat", "15 s: dead"]);
  }));

Deno.test("HeartbeatMonitor lets anything received answer a probe", () =>
  withPage(async (page) => {
    const { line, log } = monitor();
    line.opened();
    await page.pass(10_000);
    line.probe();
    await page.pass(4_999);
    line.touch();
    await page.pass(30_000);
    assertEquals(log, ["0 s: heartbeat", "10 s: heartbeat", "40 s: heartbeat"]);
    line.stop();
  }));

Deno.test("HeartbeatMonitor waits for a peer that does not answer but beats by itself", () =>
  withPage(async (page) => {
    const { line, log } = monitor({ heartbeatInterval: 5_000, answers: false });
    line.opened();
    await page.pass(1_000);
    line.touch(); // the peer's next beat is due at 6 s
    line.probe();
    await page.pass(5_000);
    line.touch();
    await page.pass(100_000);
    assertEquals(log, [
      ...[
        "0 s: heartbeat",
        "1 s: heartbeat",
        "6 s: heartbeat",
        "11 s: heartbeat",
        "16 s: heartbeat",
        "21 s: dead",
      ],
    ]);
  }));

/** Both ways a timer can be late, and how long the page then is without it. */
const HOLD_UPS: Record<string, (page: VirtualPage) => Promise<void>> = {
  "a throttled or blocked page": (page) => page.block(60_000),
  "a sleeping machine": (page) => {
    page.sleep(60_000);
    return page.pass(30_000); // what was left of the timer's wait
  },
};

for (const [what, holdUp] of Object.entries(HOLD_UPS)) {
  Deno.test(`HeartbeatMonitor times nothing out after ${what}: it sends one more heartbeat`, () =>
    withPage(async (page) => {
      const { line, log } = monitor();
      line.opened();
      line.touch();
      await holdUp(page);
      const [, late] = log;
      assertEquals(log.map((entry) => entry.split(": ")[1]), ["heartbeat", "heartbeat"]);
      await page.pass(1_000);
      line.touch();
      await page.pass(20_000);
      assertEquals(log.at(-1), late, "alive, and nothing due yet");
      line.stop();
    }));

  Deno.test(`HeartbeatMonitor does not wait long for a peer that died during ${what}`, () =>
    withPage(async (page) => {
      const { line, log } = monitor();
      line.opened();
      await holdUp(page);
      const lateMs = performance.now();
      await page.pass(5_000);
      assertEquals(log.at(-1)?.endsWith("dead"), true);
      assertEquals(performance.now() - lateMs, 5_000);
    }));
}

Deno.test("HeartbeatMonitor in a tab with one timer a minute finds a dead peer at the third", () =>
  withPage(async (page) => {
    const { line, log } = monitor();
    line.opened();
    for (let minute = 0; minute < 5; minute++) await page.block(60_000);
    assertEquals(log, ["0 s: heartbeat", "60 s: heartbeat", "120 s: heartbeat", "180 s: dead"]);
    line.stop();
  }));

Deno.test("HeartbeatMonitor in a tab with one timer a minute keeps a peer that answers", () =>
  withPage(async (page) => {
    const { line, log } = monitor();
    line.opened();
    for (let minute = 0; minute < 20; minute++) {
      await page.block(60_000);
      line.touch(); // sockets are not throttled
    }
    assertEquals(log.filter((entry) => entry.endsWith("dead")), []);
    assertEquals(log.length, 21);
    line.stop();
  }));

Deno.test("HeartbeatMonitor without a network beats on and judges nobody until a probe", () =>
  withPage(async (page) => {
    const { line, log } = monitor();
    line.opened();
    line.hold();
    await page.pass(100_000);
    const beats = [
      "0 s: heartbeat",
      "0 s: heartbeat",
      "30 s: heartbeat",
      "60 s: heartbeat",
      "90 s: heartbeat",
    ];
    assertEquals(log, beats);
    line.probe();
    await page.pass(10_000);
    assertEquals(log.slice(beats.length), ["100 s: heartbeat", "105 s: dead"]);
  }));
