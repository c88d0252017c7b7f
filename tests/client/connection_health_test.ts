import { assert, assertEquals } from "@std/assert";
import { healthOf, timelineOf } from "../../server/http/connection_health.ts";
import { ConnectionHealth } from "../../server/liveness/connection_health.ts";
import { NO_LISTENER } from "../../server/liveness/connection_health.ts";
import { framesOf } from "../support/fakes/fake_socket.ts";
import { OPCODE } from "../support/peers/frames.ts";
import { RULES, type TestPeer, withWorld, type World } from "../support/fakes/world.ts";

/** Time for answers of some seconds, three pings a minute. */
const CALM = { ...RULES, pingPeriodMs: 20_000, pongWaitMs: 60_000, heartbeatTimeoutMs: 10_000 };

/** Answers the newest ping of each kind; to be called once after each ping. */
function answerApp({ socket }: TestPeer): void {
  const ping = socket.messages.findLast(({ type }) => type === "ping");
  socket.say({ type: "pong", id: ping.id });
}

/** Lets time pass, and does something at regular intervals. */
async function every(world: World, ms: number, { times, act }: { times: number; act: () => void }) {
  for (let i = 0; i < times; i++) {
    await world.clock.pass(ms);
    act();
  }
}

function health(): ConnectionHealth {
  return new ConnectionHealth({
    clientId: "01234567",
    nowMs: 0,
    random: 0,
    rules: CALM,
    listener: NO_LISTENER,
  });
}

Deno.test("missed() counts the misses in a row of a stripped connection as of any other", () =>
  withWorld({ rules: CALM }, async (world) => {
    const peer = world.connect();
    await world.clock.pass(100);
    await every(world, 20_000, { times: 5, act: () => answerApp(peer) });
    assertEquals([peer.client.health.status, peer.client.health.liveness], [
      "healthy",
      "stripped",
    ]);
    await world.clock.pass(31_000); // pinged at 120 s, unanswered for 10 s
    assertEquals(peer.client.health.status, "timeout");
    const notice = peer.socket.messages.findLast(({ type }) => type === "health_status");
    assertEquals(notice.status, "timeout");
    await world.clock.pass(30_000);
    const events = peer.client.health.recorder.events();
    const missed = events.filter(({ kind }) => kind === "missed");
    assertEquals(missed.map(({ value }) => value), [1, 2, 3]);
    assertEquals(peer.client.health.status, "dead");
  }));

for (
  const [name, arrive] of [
    ["unsolicited pongs", ({ socket }: TestPeer) => socket.peerPong()],
    ["pings of its own", ({ socket }: TestPeer) => socket.peerPing()],
    ["messages", ({ socket }: TestPeer) => socket.say("hello")],
  ] as const
) {
  Deno.test(`A timeout is over when ${name} arrive`, () =>
    withWorld({ rules: CALM }, async (world) => {
      const peer = world.connect();
      await world.clock.pass(20_100);
      peer.socket.answer();
      await world.clock.pass(30_000); // pinged at 40 s, unanswered for 10 s
      assertEquals(peer.client.health.status, "timeout");
      arrive(peer);
      assertEquals(peer.client.health.status, "healthy");
      await every(world, 200, { times: 100, act: () => arrive(peer) });
      assertEquals(peer.client.health.status, "healthy");
    }));
}

Deno.test("A pong between a period and the heartbeat timeout is measured: late is not lost", () =>
  withWorld(
    { rules: { ...CALM, pingPeriodMs: 1_000, heartbeatTimeoutMs: 4_500, pongWaitMs: 10_000 } },
    async (world) => {
      const peer = world.connect();
      const { socket, client } = peer;
      world.clock.after(1_500, () => socket.answerFirst());
      let answered = 0;
      for (let ms = 0; ms < 20_000; ms += 50) {
        await world.clock.pass(50);
        if (socket.pings.length === answered) continue;
        const payload = socket.pings[answered++];
        world.clock.after(1_500, () => {
          socket.peerPong(payload);
          socket.say("hello");
        });
      }
      assertEquals([client.health.liveness, client.health.status], ["alive", "critical"]);
      assertEquals([client.health.wire.lossRatio, client.counts.pongsUnmatched], [0, 0]);
      assert(client.health.wire.minMs! >= 1_500);
    },
  ));

Deno.test("A pong of ours that is later than that is lost, but no sign of stripping", () =>
  withWorld({ rules: CALM }, async (world) => {
    const { socket, client } = world.connect();
    for (let second = 1; second <= 200; second++) {
      await world.clock.pass(1_000);
      socket.say("hello");
      if (second % 20 === 5 && second > 40) socket.peerPong(socket.pings.at(-2)!); // 25 s late
    }
    assertEquals(client.health.liveness, "alive");
    assertEquals([client.health.wire.lossRatio, client.health.wire.samples], [1, 0]);
    assertEquals(client.counts.pongsUnmatched, 8);
  }));

Deno.test("Where control frames stop passing, health and its figures go on by app round trips", () =>
  withWorld({ rules: CALM }, async (world) => {
    const peer = world.connect();
    const { socket, client } = peer;
    let [pinged, passes, appMs] = [0, true, 50];
    const live = async (ms: number) => {
      for (let passed = 0; passed < ms; passed += 10) {
        await world.clock.pass(10);
        if (socket.pings.length === pinged) continue;
        pinged = socket.pings.length;
        if (passes) socket.answer();
        world.clock.after(appMs, () => answerApp(peer));
      }
    };
    await live(100_000);
    const { health, liveness, rttMs, queueDelayMs } = healthOf(client.health);
    assertEquals([health, liveness], ["healthy", "alive"]);
    assert(rttMs! < 40 && queueDelayMs === 50, `${rttMs}, ${queueDelayMs}`);
    passes = false;
    appMs = 700;
    await live(400_000);
    const after = healthOf(client.health);
    assertEquals([after.health, after.liveness, after.queueDelayMs], ["poor", "stripped", null]);
    assert(after.rttMs! >= 700 && after.rttMs! < 750, `${after.rttMs}`);
    const notice = socket.messages.findLast(({ type }) => type === "health_status");
    assertEquals(notice.status, "poor");
    assert(notice.latency > 500, `${notice.latency}`);
    socket.answer(); // control frames pass again
    assertEquals(client.health.liveness, "alive");
    assert(healthOf(client.health).queueDelayMs !== null);
  }));

Deno.test("A pong whose round trip is not known is recorded without one", () => {
  const of = health();
  const ping = of.payload();
  of.pinged(1_000);
  of.appPinged({ number: 1, timestamp: 1 }, 1_000);
  of.suspend(1_010);
  of.resume(2_000);
  of.pong(ping, 2_010);
  of.appPong({}, 2_010);
  const next = of.payload();
  of.pinged(3_000);
  of.pong(next, 2_999); // the wheel's time stepped back at the end of a stall
  const answers = of.recorder.events().filter(({ kind }) => /pong/.test(kind));
  assertEquals(answers.map(({ kind, value }) => [kind, value]), [
    ["pong", undefined],
    ["app_pong", undefined],
    ["pong", undefined],
  ]);
  assert(!JSON.stringify(timelineOf(of)).includes("null}"));
});

Deno.test("expired() counts the pings that are open as lost", () =>
  withWorld({ rules: { ...CALM, missedHeartbeats: 1_000 } }, async (world) => {
    const peer = world.connect();
    await world.clock.pass(1);
    peer.socket.answerFirst();
    await every(world, 20_010, {
      times: 4,
      act: () => {
        peer.socket.answer();
        answerApp(peer);
      },
    });
    const { health } = peer.client;
    assertEquals([health.wire.lossRatio, health.app.lossRatio], [0, 0]);
    await world.clock.pass(61_000);
    assertEquals(health.status, "dead");
    const open = peer.socket.pings.length - 4;
    assertEquals([health.wire.lossRatio, health.app.lossRatio], [
      open / (5 + open),
      open / (4 + open),
    ]);
  }));

Deno.test("A new connection is measured at once, by a ping in the write of its first frames", () =>
  withWorld({ rules: CALM }, async (world) => {
    const { socket, client } = world.connect();
    await world.clock.turnOver();
    assertEquals(socket.batches.length, 1);
    assertEquals(framesOf(socket.batches[0]).map(({ opcode }) => opcode), [
      OPCODE.text,
      OPCODE.ping,
    ]);
    assertEquals(client.health.status, "unknown");
    await world.clock.pass(80);
    socket.answerFirst();
    assertEquals([client.health.status, client.health.wire.lastMs], ["healthy", 80]);
    assertEquals(world.metrics.summary().health.healthy, 1);
    assertEquals(client.stats().messagesOut, 1); // a ping is no message
  }));

Deno.test("One round trip of a new connection decides nothing, the first ping of the schedule does", () =>
  withWorld({ rules: CALM }, async (world) => {
    const far = world.connect(), near = world.connect();
    await world.clock.pass(80);
    near.socket.answerFirst();
    await world.clock.pass(620);
    far.socket.answerFirst();
    const told = ({ socket }: TestPeer) =>
      socket.messages.filter(({ type }) => type === "health_status").map(({ status }) => status);
    assertEquals(far.client.health.status, "poor");
    assertEquals([far, near].flatMap(told), []);
    assertEquals(far.client.counts.healthAlerts, 0);
    await world.clock.pass(19_400); // a period, spread by nothing
    assertEquals(far.socket.pings.length, 1);
    near.socket.answer();
    await world.clock.pass(700);
    far.socket.answer();
    await world.clock.turnOver();
    assertEquals([told(far), told(near)], [["poor"], ["healthy"]]);
    assertEquals(far.client.counts.healthAlerts, 1);
  }));

Deno.test("The first ping moves no deadline, and whoever leaves it unanswered is not missed for it", () =>
  withWorld({ rules: { ...CALM, heartbeatTimeoutMs: 3_000 } }, async (world) => {
    const { client } = world.connect();
    await world.clock.pass(19_000);
    assertEquals(client.heartbeat.isAwaitingPong, false);
    assertEquals([client.counts.heartbeatsMissed, client.closing], [0, false]);
  }));
