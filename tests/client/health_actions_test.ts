import { assert, assertEquals } from "@std/assert";
import { tankProfile } from "../../server/profiles/tank/tank.ts";
import type { FakeSocket } from "../support/fakes/fake_socket.ts";
import { seeded } from "../support/fakes/seeded.ts";
import { RULES, type TestPeer, withWorld, type World } from "../support/fakes/world.ts";

/** A minute between pings, so that delays of a second fit in. */
const CALM = { ...RULES, pingPeriodMs: 20_000, pongWaitMs: 60_000, heartbeatTimeoutMs: 10_000 };

const TROUBLE = "connection unhealthy";

const told = ({ socket }: { socket: FakeSocket }, type: string) =>
  socket.messages.filter((message) => message.type === type);

/** Waits for the next ping and answers it so late. */
async function answerAfter(world: World, { socket }: TestPeer, rttMs: number): Promise<void> {
  const before = socket.pings.length;
  while (socket.pings.length === before) await world.clock.pass(50);
  await world.clock.pass(rttMs);
  socket.answer();
  await world.clock.turnOver();
}

Deno.test("A change of health is told to the client, with average and deviation", () =>
  withWorld({ rules: CALM }, async (world) => {
    const peer = world.connect();
    await answerAfter(world, peer, 40);
    await answerAfter(world, peer, 60);
    assertEquals(told(peer, "health_status"), [
      { type: "health_status", status: "healthy", latency: 40, jitter: 0 },
    ]);
    const { averageMs, deviationMs } = peer.client.health.wire; // 40 and 60 to 110
    assert(averageMs !== null && averageMs >= 50 && averageMs <= 75, `${averageMs}`);
    assertEquals(deviationMs, averageMs - 40);
  }));

Deno.test("A degraded connection is pinged twice as often until it is healthy again", () =>
  withWorld({ rules: CALM }, async (world) => {
    const peer = world.connect();
    await answerAfter(world, peer, 300);
    assertEquals(peer.client.health.status, "degraded");
    assert(world.log.some(({ level, message }) => level === "warning" && /degraded/.test(message)));
    const slow = peer.socket.pings.length;
    for (let second = 0; second < 21; second++) {
      await world.clock.pass(1_000);
      peer.socket.answer();
    }
    assertEquals(peer.socket.pings.length - slow, 2); // one each 10 s
    assertEquals(peer.client.health.status, "degraded");
    for (let i = 0; i < 8; i++) await answerAfter(world, peer, 10); // the window forgets
    assertEquals(peer.client.health.status, "healthy");
    const healthy = peer.socket.pings.length;
    for (let second = 0; second < 60; second++) {
      await world.clock.pass(1_000);
      peer.socket.answer();
    }
    assertEquals(peer.socket.pings.length - healthy, 3);
    assertEquals(told(peer, "health_status").map(({ status }) => status), [
      "degraded",
      "healthy",
    ]);
  }));

for (const [rttMs, status] of [[700, "poor"], [1_500, "critical"]] as const) {
  Deno.test(`A ${status} connection is advised to come back, and counted as an alert`, () =>
    withWorld({ rules: CALM }, async (world) => {
      const peer = world.connect();
      await answerAfter(world, peer, rttMs);
      assertEquals(told(peer, "reconnect"), [
        { type: "reconnect", afterMs: 1_000, reason: status },
      ]);
      assertEquals(world.metrics.of("json").healthAlerts, 1);
      assert(world.log.some(({ message }) => message === TROUBLE + ": advised to reconnect"));
      assertEquals(peer.socket.closedWith, undefined);
    }));
}

Deno.test("Who has no word for it is not said to be advised", () =>
  withWorld({}, async (world) => {
    const peer = world.connect({ profile: tankProfile({ timing: CALM }) });
    await answerAfter(world, peer, 700);
    assertEquals(world.metrics.of("tank").healthAlerts, 1);
    const { message } = world.log.findLast(({ level }) => level === "warning")!;
    assertEquals(message, TROUBLE);
  }));

Deno.test("Getting better is no alert, and a connection is advised once, however it recovers", () =>
  withWorld({ rules: CALM }, async (world) => {
    const peer = world.connect();
    const { client, socket } = peer;
    const warnings = () => world.log.filter(({ level }) => level === "warning").length;
    const courseTo = async (status: string, rttMs: number) => {
      for (let i = 0; i < 20 && client.health.status !== status; i++) {
        await answerAfter(world, peer, rttMs);
      }
      assertEquals(client.health.status, status);
    };
    await courseTo("healthy", 10);
    await courseTo("critical", 4_000);
    assertEquals([client.counts.healthAlerts, warnings()], [1, 1]);
    await courseTo("poor", 10);
    await courseTo("degraded", 10);
    await world.clock.pass(45_000); // a ping unanswered for 10 s
    assertEquals(client.health.status, "timeout");
    socket.say("hello");
    assertEquals(client.health.status, "degraded");
    await courseTo("poor", 1_500); // not as bad as it has been
    assertEquals([client.counts.healthAlerts, warnings()], [1, 1]);
    assertEquals(told(peer, "reconnect").length, 1);
    await courseTo("healthy", 10);
    await courseTo("poor", 1_500);
    assertEquals([client.counts.healthAlerts, told(peer, "reconnect").length], [2, 2]);
  }));

Deno.test("Health is judged by the thresholds of the profile", () =>
  withWorld(
    { rules: { ...CALM, health: { healthyMs: 80, degradedMs: 160, poorMs: 240 } } },
    async (world) => {
      const rows = [[20, "healthy"], [100, "degraded"], [180, "poor"], [250, "critical"]] as const;
      for (const [rttMs, status] of rows) {
        const peer = world.connect();
        await answerAfter(world, peer, rttMs);
        assertEquals(peer.client.health.status, status);
      }
    },
  ));

Deno.test("Missed heartbeats are a timeout, an answer ends it, and death is final and told once", () =>
  withWorld({ rules: CALM }, async (world) => {
    const peer = world.connect();
    await answerAfter(world, peer, 20);
    await world.clock.pass(31_000); // pinged, unanswered for 10 s
    assertEquals(peer.client.health.status, "timeout");
    peer.socket.answer(); // the ping that followed the miss, a second late: 20 and 1000 ms
    assertEquals(peer.client.health.status, "poor");
    await world.clock.pass(120_000);
    assertEquals(peer.client.health.status, "dead");
    assertEquals(peer.socket.closedWith, { how: "terminate" });
    const kinds = peer.client.health.recorder.events().map(({ kind }) => kind);
    assertEquals(kinds.filter((kind) => kind === "status_dead").length, 1);
    assertEquals(kinds.slice(-2), ["closing", "ended"]);
  }));

Deno.test("A pong that answers none of our pings changes nothing and is counted", () => {
  const random = seeded(1);
  return withWorld({ rules: CALM, random }, async (world) => {
    const [a, b] = [world.connect(), world.connect()];
    await world.clock.pass(20_100);
    a.socket.peerPong(new Uint8Array(8)); // wrong
    a.socket.peerPong(b.socket.pings[0]); // foreign
    a.socket.peerPong(new Uint8Array()); // unsolicited
    assertEquals(a.client.health.wire.samples, 0);
    a.socket.answer();
    a.socket.answer(); // doubled
    assertEquals(a.client.health.wire.samples, 1);
    a.socket.say({ type: "pong", id: `${b.client.id.slice(0, 8)}-1` }); // another's
    assertEquals(a.client.health.app.samples, 0);
    assertEquals(world.metrics.of("json").pongsUnmatched, 5);
  });
});

Deno.test("A client whose script freezes is told apart from one whose control frames are stripped", () =>
  withWorld({ rules: CALM }, async (world) => {
    const [frozen, stripped] = [world.connect(), world.connect()];
    const appPong = ({ socket }: TestPeer) => {
      const ping = told({ socket }, "ping").at(-1);
      socket.say({ type: "pong", id: ping.id });
    };
    for (let i = 0; i < 6; i++) {
      await world.clock.pass(i === 0 ? 20_100 : 20_000);
      frozen.socket.answer();
      if (i === 0) appPong(frozen); // its script answered once, then hangs
      appPong(stripped);
    }
    await world.clock.pass(11_000);
    frozen.socket.peerPing();
    await world.clock.pass(100);
    assertEquals([frozen.client.health.liveness, stripped.client.health.liveness], [
      "frozen",
      "stripped",
    ]);
    assertEquals([frozen.socket.closedWith, stripped.socket.closedWith], [undefined, undefined]);
    const lines = world.log.filter(({ message }) => /frozen|stripped/.test(message));
    assertEquals(
      lines.map(({ level, properties }) => [level, properties.id, properties.liveness]),
      [
        ["info", frozen.client.id, "frozen"],
        ["info", stripped.client.id, "stripped"],
      ],
    );
  }));

Deno.test("The health of all connections is counted, and nobody is left when they have gone", async () => {
  const statuses = async (world: World) =>
    (await world.metrics.text()).split("\n")
      .filter((line) => line.startsWith("systole_connections_by_health{") && !line.endsWith(" 0"));
  await withWorld({ rules: CALM }, async (world) => {
    const [a, b] = [world.connect(), world.connect()];
    await answerAfter(world, a, 20);
    assertEquals(await statuses(world), [
      'systole_connections_by_health{status="unknown"} 1',
      'systole_connections_by_health{status="healthy"} 1',
    ]);
    a.socket.leave();
    b.socket.leave();
    await world.clock.turnOver();
    assertEquals(await statuses(world), []);
  });
});
