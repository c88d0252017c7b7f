import { assertEquals } from "@std/assert";
import { MemoryBroker } from "../../server/brokers/memory.ts";
import { QueueBudget } from "../../server/hub/load_shedder.ts";
import { Hub } from "../../server/hub.ts";
import { detectionBoundMs } from "../../server/liveness/heartbeat.ts";
import { STALL_MS, Wheel, WheelEntry } from "../../server/liveness/wheel.ts";
import { MailboxProbe } from "../../server/hub/mailbox_probe.ts";
import { Metrics } from "../../server/metrics/metrics.ts";
import { CredentialExpiry } from "../../server/client/credential_expiry.ts";
import { HeartbeatTimer } from "../../server/client/heartbeat_timer.ts";
import { taloProfile } from "../../server/profiles/talo/talo.ts";
import { externalValues } from "../support/external_values.ts";
import { Exposition } from "../support/server/exposition.ts";
import { VirtualClock } from "../support/fakes/virtual_clock.ts";
import { RULES, withWorld, type World } from "../support/fakes/world.ts";

/** A timeout of two seconds, a ping each second. */
const SHORT = { ...RULES, pingPeriodMs: 1_000, pongWaitMs: 2_000, heartbeatTimeoutMs: 900 };
/** The deadline alone decides. */
const FOUR_SECONDS = { ...SHORT, pongWaitMs: 4_000, missedHeartbeats: 0 };

const exposed = async ({ metrics }: World) => new Exposition(await metrics.text());
const counts = ({ metrics }: World) => metrics.of("json");

Deno.test("A silent client's pings are all missed, an answering one's are not", () =>
  withWorld({ rules: RULES }, async (world) => {
    const talker = world.connect();
    world.connect();
    for (let second = 0; second < 61; second++) {
      await world.clock.pass(1_000);
      talker.socket.answer();
    }
    // Both: a ping at once. Of the silent one: 54 s: ping; 57 s: missed, ping; 60 s: dead, and that ping with it.
    assertEquals([counts(world).controlPings, counts(world).heartbeatsMissed], [5, 2]);
    assertEquals(world.closed("stale"), 1);
  }));

Deno.test("Where misses end no connection, the unanswered ping counts as missed", () =>
  withWorld({}, async (world) => {
    const timing = { ...RULES, pingPeriodMs: 30_000, pongWaitMs: 30_000 };
    const limits = { messagesPerMinute: 0, messagesPerMinuteIdentified: 0, isKey: () => true };
    const profile = taloProfile({ timing, ...limits });
    world.connect({ profile });
    await world.clock.pass(60_100); // 0 and 30 s: ping; 60 s: dead
    const { controlPings, heartbeatsMissed, detectionsLate } = world.metrics.of("talo");
    assertEquals([controlPings, heartbeatsMissed, detectionsLate], [2, 1, 0]);
  }));

Deno.test("A peer that answers after a stall and would have timed out by it counts as averted, once a stall", () =>
  withWorld({ rules: SHORT }, async (world) => {
    const [frequent, young, silent] = [world.connect(), world.connect(), world.connect()];
    await world.clock.pass(1_500);
    frequent.socket.answer();
    young.socket.answer();
    world.clock.block(1_700);
    await world.clock.pass(60);
    frequent.socket.say({ type: "anything" }); // silent for 1.8 s with the stall: no timeout was due
    assertEquals(counts(world).timeoutsAverted, 0);
    await world.clock.pass(300);
    young.socket.peerPing(); // 2.1 s
    assertEquals(counts(world).timeoutsAverted, 1);
    young.socket.peerPing();
    await world.clock.pass(500);
    assertEquals(silent.socket.closedWith, { how: "terminate" });
    assertEquals(counts(world).timeoutsAverted, 1, "those that timed out do not count as averted");

    frequent.socket.peerPing();
    world.clock.block(10_000);
    await world.clock.pass(60);
    frequent.socket.peerPing();
    young.socket.peerPing();
    assertEquals(counts(world).timeoutsAverted, 3);
    assertEquals((await exposed(world)).value("systole_timeouts_averted_total"), 3);
  }));

Deno.test("A sign that is read before the wheel notices a stall averts nothing, then or later", () =>
  withWorld({ rules: SHORT }, async (world) => {
    const peer = world.connect();
    await world.clock.pass(1_000);
    world.clock.block(10_000);
    peer.socket.peerPing();
    await world.clock.pass(60); // now the wheel knows
    peer.socket.peerPing();
    assertEquals(counts(world).timeoutsAverted, 0);
  }));

Deno.test("A timeout later than the published bound is counted, unless stalls delayed it", async () => {
  const rows = [[60_100, 0, 0], [60_101, 0, 1], [60_350, 60_350, 0], [60_350, 60_325, 1]];
  for (const [silentMs, judgingAfterMs, late] of rows) {
    await withWorld({ rules: RULES }, async (world) => {
      const { client } = world.connect();
      await world.clock.turnOver(); // its first frames have left
      const nowMs = world.wheel.now();
      const wheel = {
        now: () => nowMs,
        schedule: () => new WheelEntry(undefined),
        cancel() {},
        mayExpireSinceMs: nowMs + judgingAfterMs,
      };
      const never = new CredentialExpiry({ keyId: undefined }, world.clock.wall());
      const timer = new HeartbeatTimer(client, never, {
        ...world.context,
        wheel: wheel as unknown as Wheel,
      });
      timer.onDue(nowMs + silentMs, true);
      assertEquals(
        counts(world).detectionsLate,
        late,
        `${silentMs} ms, judging after ${judgingAfterMs}`,
      );
    });
  }
});

Deno.test("Stalls around a deadline, one after the other, make no timeout late", async () => {
  for (const gapMs of [100, 150, 200, 250, 300]) {
    for (let fromMs = 3_700; fromMs <= 4_100; fromMs += 25) {
      await withWorld({ rules: FOUR_SECONDS }, async (world) => {
        const { socket } = world.connect();
        await world.clock.pass(fromMs);
        for (let stalls = 0; stalls < 3; stalls++) {
          world.clock.block(100);
          await world.clock.pass(gapMs);
        }
        await world.clock.pass(1_000);
        assertEquals(socket.closedWith, { how: "terminate" });
        assertEquals(counts(world).detectionsLate, 0, `from ${fromMs} ms, each ${gapMs} ms`);
      });
    }
  }
});

Deno.test("Endless short stalls delay no timeout beyond the published bound and the next ticks", () =>
  withWorld({ rules: FOUR_SECONDS }, async (world) => {
    const { socket } = world.connect();
    for (let freeMs = 0; freeMs < 4_000; freeMs += 200) {
      assertEquals(socket.closedWith, undefined, `${freeMs} ms`);
      await world.clock.pass(200);
      world.clock.block(80);
    }
    await world.clock.pass(200);
    assertEquals(socket.closedWith, { how: "terminate" });
    assertEquals(counts(world).detectionsLate, 0);
  }));

Deno.test("detectionBoundMs() is pongWait and 100 ms, after a period where silence counts from a ping", () => {
  assertEquals(detectionBoundMs(RULES), 60_100);
  assertEquals(
    detectionBoundMs({ silenceFrom: "ping", pingPeriodMs: 30_000, pongWaitMs: 20_000 }),
    50_200,
  );
});

Deno.test("Every series of a closed set of labels is there before anything happens", async () => {
  const metrics = new Metrics([{ profile: "tank", pongWaitMs: 15_000, boundMs: 15_100 }]);
  const text = new Exposition(await metrics.text());
  const tank = { profile: "tank" };
  for (const cause of ["network", "frozen", "server stall", "proxy idle cut"]) {
    assertEquals(text.value("systole_disconnects_total", { cause }), 0);
  }
  assertEquals(text.value("systole_connections_by_health", { status: "critical" }), 0);
  assertEquals(text.value("systole_detection_bound_seconds", tank), 15.1);
  assertEquals(text.value("systole_dead_peer_detection_seconds_count", tank), 0);
  assertEquals(text.value("systole_detections_late_total", tank), 0);
  assertEquals(text.value("systole_connections_closed_total", tank), 0);
});

Deno.test("Open connections are counted by how they live, from the first moment to the last", () =>
  withWorld({ rules: SHORT }, async (world) => {
    const counted = async () => {
      const text = await exposed(world);
      return (["alive", "frozen", "stripped", "silent", "dead"] as const)
        .map((liveness) => text.value("systole_connections_by_liveness", { liveness }));
    };
    assertEquals(await counted(), [0, 0, 0, 0, 0]);
    const [frozen, silent] = [world.connect(), world.connect()];
    assertEquals(await counted(), [2, 0, 0, 0, 0]);
    await world.clock.pass(1_050); // 1 s: ping
    for (const { socket } of [frozen, silent]) {
      socket.say({ type: "pong", id: socket.messages.findLast(({ type }) => type === "ping").id });
      socket.answer();
    }
    await world.clock.pass(1_000); // 2.05 s: ping
    frozen.socket.answer(); // the script does not
    await world.clock.pass(950); // 2.95 s: both heartbeats time out
    assertEquals(await counted(), [0, 1, 0, 1, 0]);
    frozen.socket.say({ type: "anything" });
    await world.clock.pass(200); // 3.05 s: dead
    assertEquals(silent.socket.closedWith, { how: "terminate" });
    assertEquals(await counted(), [1, 0, 0, 0, 0]);
    frozen.socket.leave();
    await world.clock.turnOver();
    assertEquals(await counted(), [0, 0, 0, 0, 0]);
  }));

Deno.test("Quantiles of detection are exact at each profile's wait and bound, whatever they are", async () => {
  const metrics = new Metrics([
    { profile: "json", pongWaitMs: 20_000, boundMs: 20_100 },
    { profile: "tank", pongWaitMs: 15_000, boundMs: 15_100 },
  ]);
  for (let dead = 0; dead < 100; dead++) metrics.detected("json", 20_050);
  metrics.detected("json", 20_200);
  const text = new Exposition(await metrics.text());
  const upTo = (le: string, profile = "json") =>
    text.value("systole_dead_peer_detection_seconds_bucket", { profile, le });
  assertEquals([upTo("20"), upTo("20.1"), upTo("21.1"), upTo("30")], [0, 100, 101, 101]);
  assertEquals(upTo("20.1", "tank"), 0, "only like buckets can be summed");
});

Deno.test("Ticks are told apart where a stall begins", async () => {
  const metrics = new Metrics();
  for (const lateMs of [STALL_MS, STALL_MS + 1]) metrics.tick(lateMs);
  assertEquals(new Exposition(await metrics.text()).ticksLaterThan(STALL_MS / 1_000), 1);
});

Deno.test("Jitter is observed from the second answer on", () =>
  withWorld({ rules: { ...RULES, pingPeriodMs: 10_000 } }, async (world) => {
    const peer = world.connect();
    for (const rttMs of [0, 160]) {
      const before = peer.socket.pings.length;
      while (peer.socket.pings.length === before) await world.clock.pass(50);
      await world.clock.pass(rttMs);
      peer.socket.answer();
    }
    const text = await exposed(world);
    assertEquals(text.value("systole_rtt_seconds_count", { kind: "wire" }), 2);
    assertEquals(text.value("systole_jitter_seconds_count", { kind: "wire" }), 1);
    // RFC 3550: a sixteenth of the difference
    assertEquals(text.value("systole_jitter_seconds_sum", { kind: "wire" }), 0.01);
  }));

Deno.test("MailboxProbe measures once a second how long a message waits, one message at a time", () =>
  withWorld({}, async (world) => {
    const wait = async () => {
      const text = await exposed(world);
      return ["count", "sum"].map((it) => text.value(`systole_mailbox_wait_seconds_${it}`));
    };
    world.wheel.schedule(new MailboxProbe(world), world.wheel.now());
    await world.clock.pass(10_010);
    assertEquals(await wait(), [10, 0]);
  }));

Deno.test("MailboxProbe sends no second message before the hub has handled the first", async () => {
  const clock = new VirtualClock();
  const metrics = new Metrics();
  const wheel = new Wheel(clock, metrics);
  const hub = new Hub({
    clock,
    wheel,
    budget: new QueueBudget(1),
    broker: new MemoryBroker(),
    onResumed() {},
    maxSubscriptions: 1,
    presenceGraceMs: 0,
    onError: () => {},
    onRefused: () => {},
  });
  wheel.start();
  wheel.schedule(new MailboxProbe({ hub, clock, metrics }), wheel.now());
  await clock.pass(25); // the probe's first beat; the hub does not handle messages yet
  await clock.pass(3_525);
  assertEquals(hub.backlog, 1);
  const run = hub.run();
  await clock.pass(500);
  const text = new Exposition(await metrics.text());
  assertEquals(text.value("systole_mailbox_wait_seconds_count"), 2); // that one, and the next
  assertEquals(text.value("systole_mailbox_wait_seconds_sum"), 3.525);
  wheel.stop();
  hub.stop();
  await run;
});

Deno.test("Connections that known idle timeouts have cut are a counter", async () => {
  const metrics = new Metrics();
  let cuts = 3;
  metrics.read({ ...externalValues(0), idleTimeoutCuts: () => cuts });
  const value = async () =>
    new Exposition(await metrics.text()).value("systole_idle_timeout_cuts_total");
  assertEquals(await value(), 3);
  cuts = 5;
  assertEquals(await value(), 5);
});
