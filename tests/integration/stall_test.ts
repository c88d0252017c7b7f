import { assertEquals, assertGreaterOrEqual, assertLess, assertLessOrEqual } from "@std/assert";
import { Crowd, type CrowdMember } from "../support/peers/crowd.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import { ServerProcess } from "../support/server/server_process.ts";
import { at, LoopWatch, sideBySide, until, within } from "../support/until.ts";

const PONG_WAIT_MS = 2_000;
/** Leaves everybody a second to answer: 4000 clients share two cores with the server. */
const PERIOD_MS = 1_000;
const ENV = {
  PONG_WAIT_MS: String(PONG_WAIT_MS),
  PING_PERIOD_MS: String(PERIOD_MS),
  ADMISSION_PER_SECOND: "0",
};
const PAUSE_MS = 3 * PONG_WAIT_MS;
/** Two periods on a machine that has nothing else to do. */
const PINGED_MS = 30_000;
/** The most that the published bound grants after a stall of the server. */
const GRACE_MS = 250;
/**
 * Beyond the bound, for the machine: the server and its crowd share two cores, and what the server
 * does is seen only when this process gets its turn (its own lateness comes on top).
 */
const GENEROUS_MS = 150;

/** How often and how long the event loop has stalled so far, as the server measured. */
async function stalls(server: ServerProcess): Promise<{ count: number; ms: number }> {
  const metrics = await server.metrics();
  return {
    count: metrics.value("systole_stalls_total"),
    ms: metrics.value("systole_stalled_seconds_total") * 1_000,
  };
}

/** Waits for its end. @returns the silence it was granted, ms */
async function silenceOf(member: CrowdMember): Promise<number> {
  await within("the end of a silent client", 3 * PAUSE_MS, member.life);
  return member.endedMs! - member.lastSentMs;
}

/** A client that never says anything. */
async function silentClient(crowd: Crowd): Promise<CrowdMember> {
  await crowd.join(1);
  const member = crowd.members.at(-1)!;
  member.answers = false;
  return member;
}

/**
 * Time in seconds: 0: SIGSTOP, five clients die; 6: SIGCONT, a silent one comes; soon after: the
 * wheel has noticed, another silent one comes; 6.2 to 8.4: the silent ones are found one after the
 * other; until 10: nobody else is.
 */
async function pauseServer(count: number): Promise<void> {
  await using server = await ServerProcess.start({ env: ENV });
  using watch = new LoopWatch();
  await using crowd = new Crowd(server.dial);
  await using late = new Crowd(server.dial);
  await crowd.join(count);
  await until("everybody was pinged", () => crowd.members.every((it) => it.firstPingMs), {
    withinMs: PINGED_MS,
  });
  assertEquals(crowd.ended.length, 0, "some were lost before the pause");

  const before = await stalls(server);
  const stoppedMs = performance.now();
  Deno.kill(server.pid, "SIGSTOP");
  const dying = crowd.members.filter((_, i) => i % Math.floor(count / 5) === 0).slice(0, 5);
  for (const member of dying) member.answers = false;
  await at(stoppedMs + PAUSE_MS);
  const resumedMs = performance.now();
  Deno.kill(server.pid, "SIGCONT");

  const atOnce = await silentClient(late);
  await server.line("event loop stalled; no connection was timed out for it");
  const noticed = await stalls(server);
  const afterwards = await silentClient(late);
  await at(resumedMs + 2 * PONG_WAIT_MS);
  const silences = await Promise.all(dying.map(silenceOf));
  const newcomers = [atOnce, afterwards];
  const ownTimes = await Promise.all(newcomers.map(silenceOf));

  const alive = crowd.members.filter((member) => member.answers);
  const lost = alive.filter(({ endedMs }) => endedMs !== undefined);
  assertEquals(lost.length, 0, `${lost.length} of ${alive.length} that answer were lost`);
  const metrics = await server.metrics();
  assertEquals(metrics.value("systole_connections"), alive.length);
  assertEquals(metrics.closed("stale"), dying.length + 2);
  assertEquals(
    metrics.value("systole_detection_bound_seconds", { profile: "json" }),
    (PONG_WAIT_MS + 100) / 1_000,
  );
  assertGreaterOrEqual(metrics.value("systole_mailbox_wait_seconds_count"), 2);
  // Each of them answered after the pause, later than its deadline, but for those (if any) whose
  // answer had been on its way before.
  const averted = metrics.value("systole_timeouts_averted_total");
  assertGreaterOrEqual(averted, alive.length * 0.9, "too few timeouts averted");

  const after = await stalls(server);
  const stalledMs = after.ms - before.ms;
  assertGreaterOrEqual(stalledMs, resumedMs - stoppedMs - 100, "the server did not notice");
  const graceMs = GRACE_MS * (after.count - before.count);
  const excuseMs = GENEROUS_MS + watch.worstMs(stoppedMs);
  const boundMs = PONG_WAIT_MS + 100 + stalledMs + graceMs + excuseMs;
  for (const silentMs of silences) assertLessOrEqual(silentMs, boundMs, "found too late");
  // What the pause took from everybody else is none of their business who came after it.
  const sinceMs = after.ms - noticed.ms + GRACE_MS * (after.count - noticed.count);
  for (const { bornMs, endedMs } of newcomers) {
    assertGreaterOrEqual(endedMs! - bornMs.from, PONG_WAIT_MS - 10, "not given its own time");
  }
  const ownBoundMs = PONG_WAIT_MS + 100 + sinceMs + excuseMs;
  assertLessOrEqual(ownTimes[0], ownBoundMs + GRACE_MS); // born before the wheel had noticed
  assertLessOrEqual(ownTimes[1], ownBoundMs);
  console.log(
    `${count} clients, ${averted} timeouts averted: stalls of ${stalledMs.toFixed(0)} ms in all (${
      after.count - before.count
    }); ` +
      `the dead were found ${Math.max(...silences.map((ms) => ms - stalledMs)).toFixed(0)} ms of ` +
      `server time after their last frame, newcomers after ${
        ownTimes.map(Math.round).join(" and ")
      } ` +
      `ms; this loop was at most ${watch.worstMs(stoppedMs).toFixed(0)} ms late`,
  );
}

integrationTest("A pause times out none of 100 and none of 4000 clients that answer", () => {
  return sideBySide(...[100, 4_000].map(pauseServer)); // a server of its own for each
});

/** Nothing is missed before the deadline, so that a peer may be silent until then. */
const SILENT_ENV = {
  PONG_WAIT_MS: "2200",
  PING_PERIOD_MS: "1500",
  HEARTBEAT_TIMEOUT_MS: "2100",
  ADMISSION_PER_SECOND: "0",
};
const SILENT_WAIT_MS = Number(SILENT_ENV.PONG_WAIT_MS);
/** From the end of the pause to the first deadline, and from the first to the last, ms. */
const [FIRST_MS, SPREAD_MS] = [10, 390];
/** Clients whose deadlines are the same, one after the other over the spread. */
const GROUPS = 39;
/** Pauses, of which three must show something. */
const MAX_TRIES = 12;

/**
 * Time in ms: 0 to 390: everybody sends its last frame; 2190 - pause: SIGSTOP, and those that answer
 * do, unread; 2190: SIGCONT; 2200 to 2590: the deadlines, if the server had not stopped.
 *
 * @param answering the others say nothing any more
 * @returns whether all answers were sent within the pause: if not, nothing is shown
 */
async function pauseBeforeDeadlines(
  server: ServerProcess,
  { everybody, answering, pauseMs }: {
    everybody: readonly CrowdMember[];
    answering: readonly CrowdMember[];
    pauseMs: number;
  },
): Promise<boolean> {
  const startMs = performance.now();
  for (const member of everybody) member.answers = false;
  for (let group = 0; group < GROUPS; group++) {
    await at(startMs + group * SPREAD_MS / GROUPS);
    await Promise.all(everybody.filter((_, i) => i % GROUPS === group).map((it) => it.pong()));
  }
  const resumeMs = startMs + SILENT_WAIT_MS - FIRST_MS;
  await at(resumeMs - pauseMs);
  Deno.kill(server.pid, "SIGSTOP");
  await Promise.all(answering.map((member) => member.pong()));
  const isInTime = performance.now() < resumeMs;
  await at(resumeMs);
  Deno.kill(server.pid, "SIGCONT");
  for (const member of answering) member.answers = true;
  return isInTime;
}

/** A few stay silent in each pause and are found, which shows that there were these deadlines. */
integrationTest(
  "A pause just before 4000 deadlines ends nobody that has answered in it",
  async () => {
    await using server = await ServerProcess.start({ env: SILENT_ENV });
    await using crowd = new Crowd(server.dial);
    await crowd.join(4_000);
    let everybody = crowd.members;
    const pauses = [1_600, 500, 300];
    for (let tries = 0; pauses.length > 0; tries++) {
      assertLess(tries, MAX_TRIES, "this process is too slow to show anything");
      const [pauseMs] = pauses;
      assertEquals(everybody.length + crowd.ended.length, 4_000, "some were lost before the pause");
      const [silent, answering] = [everybody.slice(0, 5), everybody.slice(5)];
      const isInTime = await pauseBeforeDeadlines(server, { everybody, answering, pauseMs });
      const resumedMs = performance.now();
      await Promise.all(silent.map(silenceOf));
      await at(resumedMs + FIRST_MS + SPREAD_MS + GRACE_MS + GENEROUS_MS);
      const lost = answering.filter(({ endedMs }) => endedMs !== undefined);
      if (isInTime) {
        assertEquals(lost.length, 0, `${lost.length} were lost in a pause of ${pauseMs} ms`);
        pauses.shift();
      }
      everybody = answering.filter(({ endedMs }) => endedMs === undefined);
    }
    const metrics = await server.metrics();
    assertEquals(metrics.value("systole_connections"), everybody.length);
    assertEquals(metrics.closed("stale"), 4_000 - everybody.length);
  },
);
