import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { tankProfile } from "../../server/profiles/tank/tank.ts";
import { FakeSocket } from "../support/fakes/fake_socket.ts";
import { seeded } from "../support/fakes/seeded.ts";
import {
  type ConnectOptions,
  RULES,
  type TestPeer,
  withWorld,
  type World,
} from "../support/fakes/world.ts";

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

/** A connection whose round trips were short. */
async function fastPeer(world: World, options?: ConnectOptions): Promise<TestPeer> {
  const peer = world.connect(options);
  for (let answers = 0; answers < 3; answers++) await answerAfter(world, peer, 40);
  return peer;
}

for (const [rttMs, status] of [[2_500, "poor"], [4_000, "critical"]] as const) {
  Deno.test(`A connection that becomes ${status} is advised to come back, and counted as an alert`, () =>
    withWorld({ rules: CALM }, async (world) => {
      const peer = await fastPeer(world);
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
    const peer = await fastPeer(world, { profile: tankProfile({ timing: CALM }) });
    await answerAfter(world, peer, 2_500);
    assertEquals(world.metrics.of("tank").healthAlerts, 1);
    const { message } = world.log.findLast(({ level }) => level === "warning")!;
    assertEquals(message, TROUBLE);
  }));

Deno.test("Getting better is no alert, and a connection is advised once, however it recovers", () =>
  withWorld({ rules: CALM }, async (world) => {
    const peer = await fastPeer(world);
    const { client, socket } = peer;
    const warnings = () => world.log.filter(({ level }) => level === "warning").length;
    const courseTo = async (status: string, rttMs: number) => {
      for (let i = 0; i < 20 && client.health.status !== status; i++) {
        await answerAfter(world, peer, rttMs);
      }
      assertEquals(client.health.status, status);
    };
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

/** A path with a round trip of its own, which may change; each pong takes half to one and a half of it. */
class FarSocket extends FakeSocket {
  readonly #world: World;
  readonly #random = seeded(7);
  rttMs: number;

  constructor(world: World, rttMs: number) {
    super();
    this.#world = world;
    this.rttMs = rttMs;
  }

  override ping(payload: Uint8Array): void {
    super.ping(payload);
    const delayMs = this.rttMs * (0.5 + this.#random());
    this.#world.clock.after(delayMs, () => this.peerPong(payload));
  }
}

const MINUTE_MS = 60_000;

Deno.test("A far client is never advised to reconnect: relays of 150 to 1200 ms each way, ten hours", () =>
  withWorld({ rules: { ...CALM, pingPeriodMs: 24_000 } }, async (world) => {
    const far = [150, 300, 600, 1_200].map((oneWayMs) =>
      world.connect({ socket: new FarSocket(world, 2 * oneWayMs) })
    );
    for (let hours = 0; hours < 10; hours++) await world.clock.pass(60 * MINUTE_MS);
    assertEquals(far.map((peer) => told(peer, "reconnect")), [[], [], [], []]);
    assertEquals(far.map(({ socket }) => socket.closedWith), Array(4).fill(undefined));
    assertEquals(far.map(({ client }) => client.health.status).slice(1), [
      "poor",
      "critical",
      "critical",
    ]);
  }));

Deno.test("A client whose path turns bad is advised once, within three pings, until it has been healthy", () =>
  withWorld({ rules: CALM }, async (world) => {
    const bad = new FarSocket(world, 40);
    const peer = world.connect({ socket: bad });
    await world.clock.pass(10 * MINUTE_MS);
    bad.rttMs = 3_000;
    const pings = bad.pings.length;
    while (told(peer, "reconnect").length === 0) await world.clock.pass(1_000);
    assertLessOrEqual(bad.pings.length - pings, 3);
    await world.clock.pass(10 * MINUTE_MS);
    assertEquals(told(peer, "reconnect").length, 1);
    const other = new FarSocket(world, 250); // better, but not healthy
    const moved = world.connect({ socket: other });
    peer.client.terminate();
    await world.clock.pass(10 * MINUTE_MS);
    other.rttMs = 3_000;
    await world.clock.pass(10 * MINUTE_MS);
    assertEquals([moved.client.health.status, told(moved, "reconnect")], ["critical", []]);
    other.rttMs = 40;
    await world.clock.pass(10 * MINUTE_MS);
    assertEquals(moved.client.health.status, "healthy");
    other.rttMs = 3_000;
    await world.clock.pass(10 * MINUTE_MS);
    assertEquals(told(moved, "reconnect").length, 1);
  }));

Deno.test("Each change of health is a log line: for the worse at info, else at debug", () =>
  withWorld({ rules: CALM }, async (world) => {
    const peer = await fastPeer(world);
    await answerAfter(world, peer, 4_000);
    for (let answers = 0; answers < 20; answers++) await answerAfter(world, peer, 40);
    const changes = world.log
      .filter(({ message }) => message === "connection health changed")
      .map(({ level, properties }) => [level, properties.previous, properties.status]);
    assertEquals(changes, [
      ["debug", "unknown", "healthy"],
      ["info", "healthy", "critical"],
      ["debug", "critical", "poor"],
      ["debug", "poor", "healthy"],
    ]);
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

Deno.test("FROZEN_WAIT_MS ends whose script has answered nothing for so long, and nobody else", () =>
  withWorld({ rules: CALM, frozenWaitMs: 45_000 }, async (world) => {
    const [frozen, recovered, plain, silent] = [1, 2, 3, 4].map(() => world.connect());
    const appPong = ({ socket }: TestPeer) =>
      socket.say({ type: "pong", id: told({ socket }, "ping").at(-1).id });
    await world.clock.pass(20_100);
    for (const { socket } of [frozen, recovered, plain, silent]) socket.answer();
    for (const peer of [frozen, recovered, silent]) appPong(peer); // plain never answers app pings
    for (let pings = 0; pings < 2; pings++) {
      await world.clock.pass(20_000);
      for (const { socket } of [frozen, recovered, plain]) socket.answer();
    }
    appPong(recovered);
    await world.clock.pass(4_800); // 44.8 s without an app pong
    assertEquals(frozen.socket.closedWith, undefined);
    await world.clock.pass(300);
    const { how, code } = frozen.socket.closedWith!;
    assertEquals([how, code], ["abort", 4000]);
    frozen.socket.leave();
    await world.clock.turnOver();
    const closed = world.closeHistory.find(frozen.client.id);
    assertEquals([closed?.reason, closed?.cause], ["frozen", "frozen"]);
    const others = [recovered, plain, silent];
    assertEquals(others.map(({ socket }) => socket.closedWith), [undefined, undefined, undefined]);
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
