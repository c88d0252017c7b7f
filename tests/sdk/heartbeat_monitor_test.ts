import { assertEquals } from "@std/assert";
import { HeartbeatMonitor, type MonitorTiming } from "../../server/sdk/heartbeat_monitor.ts";
import { platform } from "../../server/sdk/platform.ts";
import { type VirtualPage, withPage } from "../support/fakes/virtual_page.ts";

/** The times of the article's reference client. */
const TIMING: Omit<MonitorTiming, "openByMs"> = {
  heartbeatInterval: 30_000,
  heartbeatTimeout: 10_000,
  sends: true,
  answers: true,
};

/** A monitor, and a log of its heartbeats and its timeout. */
function monitorOf(timing: Partial<MonitorTiming> = {}) {
  const log: string[] = [];
  const startMs = performance.now();
  const note = (what: string) => log.push(`${(performance.now() - startMs) / 1_000} s: ${what}`);
  const monitor = new HeartbeatMonitor({ ...TIMING, openByMs: startMs + 20_000, ...timing }, {
    after: platform.after,
    send: () => note("heartbeat"),
    timeout: () => note("timeout"),
  });
  return { monitor, log };
}

Deno.test("HeartbeatMonitor sends at every interval, and times out an interval and a timeout after the last data", () =>
  withPage(async (page) => {
    const { monitor, log } = monitorOf();
    monitor.opened();
    await page.pass(5_000);
    monitor.received();
    await page.pass(100_000);
    assertEquals(log, ["0 s: heartbeat", "30 s: heartbeat", "45 s: timeout"]);
  }));

Deno.test("HeartbeatMonitor sends no heartbeat before the connection opens, and times the attempt out", () =>
  withPage(async (page) => {
    const { log } = monitorOf();
    await page.pass(100_000);
    assertEquals(log, ["20 s: timeout"]);
  }));

Deno.test("HeartbeatMonitor does nothing after stop()", () =>
  withPage(async (page) => {
    const { monitor, log } = monitorOf();
    monitor.opened();
    monitor.stop();
    await page.pass(100_000);
    assertEquals(log, ["0 s: heartbeat"]);
  }));

Deno.test("HeartbeatMonitor probes at once, with a short deadline, one probe at a time", () =>
  withPage(async (page) => {
    const { monitor, log } = monitorOf();
    monitor.opened();
    await page.pass(10_000);
    monitor.probe();
    await page.pass(4_000);
    monitor.probe();
    await page.pass(10_000);
    assertEquals(log, ["0 s: heartbeat", "10 s: heartbeat", "15 s: timeout"]);
  }));

Deno.test("HeartbeatMonitor takes any received data as the answer to a probe", () =>
  withPage(async (page) => {
    const { monitor, log } = monitorOf();
    monitor.opened();
    await page.pass(10_000);
    monitor.probe();
    await page.pass(4_999);
    monitor.received();
    await page.pass(30_000);
    assertEquals(log, ["0 s: heartbeat", "10 s: heartbeat", "40 s: heartbeat"]);
    monitor.stop();
  }));

Deno.test("HeartbeatMonitor waits for the server's own heartbeat where the server answers none", () =>
  withPage(async (page) => {
    const { monitor, log } = monitorOf({ heartbeatInterval: 5_000, answers: false });
    monitor.opened();
    await page.pass(1_000);
    monitor.received(); // the server's next heartbeat is due at 6 s
    monitor.probe();
    await page.pass(5_000);
    monitor.received();
    await page.pass(100_000);
    assertEquals(log, [
      ...[
        "0 s: heartbeat",
        "1 s: heartbeat",
        "6 s: heartbeat",
        "11 s: heartbeat",
        "16 s: heartbeat",
        "21 s: timeout",
      ],
    ]);
  }));

/** The two ways in which a timer can be late by a minute. */
const DELAYS: Record<string, (page: VirtualPage) => Promise<void>> = {
  "a throttled or blocked page": (page) => page.block(60_000),
  "a sleeping machine": (page) => {
    page.sleep(60_000);
    return page.pass(30_000); // the rest of the timer's wait
  },
};

for (const [what, delay] of Object.entries(DELAYS)) {
  Deno.test(`HeartbeatMonitor probes after ${what} instead of timing out`, () =>
    withPage(async (page) => {
      const { monitor, log } = monitorOf();
      monitor.opened();
      monitor.received();
      await delay(page);
      const [, late] = log;
      assertEquals(log.map((entry) => entry.split(": ")[1]), ["heartbeat", "heartbeat"]);
      await page.pass(1_000);
      monitor.received();
      await page.pass(20_000);
      assertEquals(log.at(-1), late, "the connection is alive and no heartbeat is due");
      monitor.stop();
    }));

  Deno.test(`HeartbeatMonitor times out soon when the server was lost during ${what}`, () =>
    withPage(async (page) => {
      const { monitor, log } = monitorOf();
      monitor.opened();
      await delay(page);
      const lateMs = performance.now();
      await page.pass(5_000);
      assertEquals(log.at(-1)?.endsWith("timeout"), true);
      assertEquals(performance.now() - lateMs, 5_000);
    }));
}

Deno.test("HeartbeatMonitor in a tab with one timer a minute times out at the third", () =>
  withPage(async (page) => {
    const { monitor, log } = monitorOf();
    monitor.opened();
    for (let minute = 0; minute < 5; minute++) await page.block(60_000);
    assertEquals(log, ["0 s: heartbeat", "60 s: heartbeat", "120 s: heartbeat", "180 s: timeout"]);
    monitor.stop();
  }));

Deno.test("HeartbeatMonitor in a tab with one timer a minute keeps a server that answers", () =>
  withPage(async (page) => {
    const { monitor, log } = monitorOf();
    monitor.opened();
    for (let minute = 0; minute < 20; minute++) {
      await page.block(60_000);
      monitor.received(); // sockets are not throttled
    }
    assertEquals(log.filter((entry) => entry.endsWith("timeout")), []);
    assertEquals(log.length, 21);
    monitor.stop();
  }));

Deno.test("HeartbeatMonitor without a network sends heartbeats and does not time out before a probe", () =>
  withPage(async (page) => {
    const { monitor, log } = monitorOf();
    monitor.opened();
    monitor.suspend();
    await page.pass(100_000);
    const heartbeats = [
      "0 s: heartbeat",
      "0 s: heartbeat",
      "30 s: heartbeat",
      "60 s: heartbeat",
      "90 s: heartbeat",
    ];
    assertEquals(log, heartbeats);
    monitor.probe();
    await page.pass(10_000);
    assertEquals(log.slice(heartbeats.length), ["100 s: heartbeat", "105 s: timeout"]);
  }));
