import { assert, assertEquals } from "@std/assert";
import { infowayProfile } from "../../server/profiles/infoway/infoway.ts";
import { taloProfile } from "../../server/profiles/talo/talo.ts";
import { seeded } from "../support/fakes/seeded.ts";
import { RULES, type TestPeer, withWorld, type World } from "../support/fakes/world.ts";

const TIMES = 50;
const SLOW_PINGS = { ...RULES, pingPeriodMs: 20_000, heartbeatTimeoutMs: 5_000 };

/** Lets time pass while the client answers pings. */
async function answerFor(world: World, { socket }: TestPeer, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 1_000) {
    await world.clock.pass(Math.min(1_000, ms - passed));
    if (socket.pings.length > 0) socket.answer();
  }
}

/** How one connection ends, by the expected cause. */
const SCENARIOS: Record<string, (world: World, random: () => number) => Promise<void>> = {
  "client close": async (world, random) => {
    const peer = world.connect();
    await answerFor(world, peer, random() * 90_000);
    peer.socket.leave();
  },
  "network": async (world, random) => {
    const peer = world.connect();
    await answerFor(world, peer, random() * 90_000);
    if (random() < 0.5) peer.socket.leave({ byPeer: false }); // cut
    else await world.clock.pass(70_000); // silent
  },
  "frozen": async (world) => {
    const profile = infowayProfile({ timing: SLOW_PINGS, maxMessagesPerMinute: 0 });
    const peer = world.connect({ profile, url: "/ws?business=crypto" });
    await answerFor(world, peer, 61_000); // its transport answers, its script sends no heartbeat
  },
  "slow consumer": async (world, random) => {
    const peer = world.connect();
    await world.clock.turnOver();
    peer.socket.stuck = true;
    peer.socket.say({ type: "ping" });
    await world.clock.pass(200);
    if (random() < 0.5) return await world.clock.pass(11_000); // a write does not complete
    for (let i = 0; i < 300; i++) peer.socket.say({ type: "ping" }); // the queue becomes full
  },
  "drain": (world) => Promise.resolve(world.connect().client.close("drain")),
  "rate": (world) => {
    const { socket } = world.connect();
    for (let i = 0; i < 2_100; i++) socket.say("x");
    return Promise.resolve();
  },
  "auth": async (world, random) => {
    const expiresAtMs = world.clock.wall() + 1_000 + random() * 60_000;
    await answerFor(world, world.connect({ grant: { expiresAtMs } }), 62_000);
  },
  "server stall": async (world, random) => {
    const peer = world.connect();
    await answerFor(world, peer, 1_000 + random() * 30_000);
    world.clock.block(3_000);
    await world.clock.pass(100 + random() * 9_000);
    peer.socket.leave({ byPeer: random() < 0.5 });
    await world.clock.pass(20_000); // so that the next scenario is not attributed to this stall
  },
  "admin": (world) => Promise.resolve(world.connect().client.close("admin")),
};

Deno.test("A stall too short for clients to notice is not the cause of a disconnect", () =>
  withWorld({ rules: SLOW_PINGS }, async (world) => {
    const peer = world.connect();
    await answerFor(world, peer, 5_000);
    world.clock.block(500);
    await world.clock.pass(1_000);
    peer.socket.leave({ byPeer: false });
    await world.clock.turnOver();
    assertEquals(world.closeHistory.find(peer.client.id)?.cause, "network");
  }));

Deno.test("A client that sends to the end, but never the heartbeat of its system, has the cause client fault", () =>
  withWorld({}, async (world) => {
    const talo = taloProfile({
      timing: SLOW_PINGS,
      messagesPerMinute: 0,
      messagesPerMinuteIdentified: 0,
      isKey: () => true,
    });
    const infoway = infowayProfile({ timing: SLOW_PINGS, maxMessagesPerMinute: 0 });
    const chatty = world.connect({ profile: talo, url: "/?ticket=t" });
    const quiet = world.connect({ profile: infoway, url: "/ws?business=crypto" });
    for (let ms = 0; ms < 90_000; ms += 500) {
      await world.clock.pass(500);
      chatty.socket.say({ req: "v1.players.identify" }); // neither pong nor heartbeat
      quiet.socket.say({ code: 10_000, trace: "t", data: { codes: "BTCUSDT" } }); // no 10010
    }
    for (const { client } of [chatty, quiet]) {
      const end = world.closeHistory.find(client.id);
      assertEquals([end?.reason, end?.cause], ["stale", "client fault"]);
    }
  }));

Deno.test("lastActiveLayer of a client that never sent anything is nothing, however short pongWaitMs is", () =>
  withWorld({ random: () => 0 }, async (world) => {
    const timing = { ...SLOW_PINGS, pingPeriodMs: 120_000, pongWaitMs: 10_000 };
    const profile = taloProfile({
      timing,
      messagesPerMinute: 0,
      messagesPerMinuteIdentified: 0,
      isKey: () => true,
    });
    const { client } = world.connect({ profile, url: "/?ticket=t" });
    await world.clock.pass(71_000);
    const end = world.closeHistory.find(client.id);
    assertEquals([end?.reason, end?.cause, end?.seconds], ["stale", "network", 70]);
  }));

Deno.test("Each cause is recognised in 95 of 100 disconnects", async () => {
  const table: string[] = [];
  for (const [cause, disconnect] of Object.entries(SCENARIOS)) {
    const random = seeded(cause.length + 1);
    await withWorld({ rules: SLOW_PINGS, maxMessagesPerSecond: 1_000, random }, async (world) => {
      for (let i = 0; i < TIMES; i++) {
        await disconnect(world, random);
        await world.clock.turnOver();
      }
      const causes = world.closeHistory.latest(TIMES).map((end) => end.cause);
      const right = causes.filter((each) => each === cause).length;
      table.push(`${cause.padEnd(14)} ${right} of ${causes.length}`);
      assertEquals(causes.length, TIMES, cause);
      assert(right >= 0.95 * TIMES, `${cause}: ${right} of ${TIMES}, ${[...new Set(causes)]}`);
    });
  }
  console.log(table.join("\n"));
});

Deno.test("A proxy that cuts idle connections is the cause from the third one on, and is logged", () =>
  withWorld({ rules: { ...RULES, pingPeriodMs: 90_000, pongWaitMs: 100_000 } }, async (world) => {
    for (let i = 0; i < TIMES; i++) {
      const { socket } = world.connect();
      await world.clock.pass(3_000);
      socket.say({ type: "ping" });
      await world.clock.pass(30_000 + i); // cut 30 s after the last byte, by a timer of its own
      socket.leave({ byPeer: false });
      await world.clock.turnOver();
    }
    const causes = world.closeHistory.latest(TIMES).map((end) => end.cause);
    assertEquals(causes.filter((cause) => cause === "proxy idle cut").length, TIMES - 2);
    const [line] = world.log.filter(({ message }) => /closes idle connections/.test(message));
    assertEquals(line.properties.network, "192.0.2.0/24");
    assertEquals(line.properties.count, 3);
    assertEquals(world.idleTimeouts.list().length, 1);
  }));

Deno.test("Disconnects at random idle ages show no proxy", () => {
  const random = seeded(7);
  return withWorld({ rules: SLOW_PINGS, random }, async (world) => {
    for (let i = 0; i < 200; i++) {
      const peer = world.connect();
      await answerFor(world, peer, random() * 60_000);
      await world.clock.pass(random() * 15_000);
      peer.socket.leave({ byPeer: false });
    }
    await world.clock.turnOver();
    assertEquals(world.idleTimeouts.list(), []);
  });
});
