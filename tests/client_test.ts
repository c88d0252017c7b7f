import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { infowayProfile } from "../server/profiles/infoway/infoway.ts";
import type { Profile } from "../server/profiles/profile.ts";
import { framesOf } from "./support/fakes/fake_socket.ts";
import { seeded } from "./support/fakes/seeded.ts";
import { RULES, withWorld } from "./support/fakes/world.ts";
import { OPCODE } from "./support/peers/frames.ts";

const FAST = { ...RULES, pingPeriodMs: 1_800, pongWaitMs: 2_000, heartbeatTimeoutMs: 100 };

Deno.test("Client is welcomed first, with the timing it is held to", () =>
  withWorld({}, async (world) => {
    const { client, socket } = world.connect();
    await world.clock.turnOver();
    assertEquals(socket.messages, [
      { type: "welcome", clientId: client.id, pingPeriodMs: 54_000, pongWaitMs: 60_000 },
    ]);
  }));

Deno.test("Client that answers gets a control ping and an app ping each period and lives", () =>
  withWorld({ rules: FAST }, async (world) => {
    const { socket } = world.connect();
    // 1.8 s, 3.6 s, … 18 s: ping; answered at once
    for (let i = 0; i < 10; i++) {
      await world.clock.pass(1_800);
      socket.answer();
    }
    await world.clock.pass(50);
    assertEquals(socket.pings.length, 10);
    const pings = socket.messages.filter(({ type }) => type === "ping");
    assertEquals(pings.length, 10);
    assertEquals(new Set(pings.map(({ id }) => id)).size, 10);
    assertEquals(socket.closedWith, undefined);
  }));

Deno.test("Client that says nothing is terminated at pongWait, within the bound", () =>
  withWorld({ rules: FAST }, async (world) => {
    const { socket } = world.connect();
    await world.clock.pass(500);
    socket.say({ type: "ping" });
    await world.clock.pass(1_999);
    assertEquals(socket.closedWith, undefined); // 2.499 s
    await world.clock.pass(101);
    assertEquals(socket.closedWith, { how: "terminate" }); // by 2.6 s: 0.5 + 2.0 + 0.1
    assertEquals(world.closed("stale"), 1);
  }));

for (
  const [what, speak] of [
    ["any text", "hello"],
    ["an app pong alone", { type: "pong" }],
    ["not even JSON", "{"],
  ] as const
) {
  Deno.test(`Client that never pongs but says ${what} each second lives`, () =>
    withWorld({ rules: FAST }, async (world) => {
      const { socket } = world.connect();
      for (let i = 0; i < 30; i++) {
        await world.clock.pass(1_000);
        socket.say(speak);
      }
      assertEquals(socket.closedWith, undefined);
    }));
}

Deno.test("Client is terminated for missed heartbeats before a distant deadline", () =>
  withWorld({ rules: { ...RULES, pingPeriodMs: 10_000 } }, async (world) => {
    const { socket } = world.connect();
    await world.clock.pass(18_900);
    assertEquals(socket.closedWith, undefined);
    await world.clock.pass(200); // 10 s: ping; 13 s, 16 s, 19 s: missed
    assertEquals(socket.closedWith, { how: "terminate" });
    assertEquals([socket.pings.length, world.closed("missed_heartbeats")], [3, 1]);
  }));

Deno.test("A stall of the server times out no client that answers afterwards", () =>
  withWorld({ rules: FAST }, async (world) => {
    const healthy = Array.from({ length: 100 }, () => world.connect());
    const silent = world.connect();
    await world.clock.pass(1_000);
    world.clock.block(6_000);
    await world.clock.pass(100); // the wheel notices
    const newcomer = world.connect();
    await world.clock.pass(850); // 1.8 s of their time: pings
    for (const { socket } of healthy) socket.answer();
    await world.clock.pass(500);
    assert(healthy.every(({ socket }) => socket.closedWith === undefined));
    assertEquals(silent.socket.closedWith, { how: "terminate" });
    assertEquals(newcomer.socket.closedWith, undefined); // its own clock: 1.35 s of 2 s
    await world.clock.pass(750);
    assertEquals(newcomer.socket.closedWith, { how: "terminate" });
  }));

Deno.test("Clients that come together are not pinged together", () => {
  const random = seeded(1);
  return withWorld({ random }, async (world) => {
    const peers = Array.from({ length: 1_000 }, () => world.connect());
    const pinged = () => peers.filter(({ socket }) => socket.pings.length > 0).length;
    let before = 0, most = 0;
    for (let at = 0; at < 54_100; at += 100) {
      await world.clock.pass(100);
      most = Math.max(most, pinged() - before);
      before = pinged();
    }
    assertEquals(before, 1_000);
    assert(most < 20, `${most} clients were pinged in the same 100 ms`);
  });
});

Deno.test("Client whose batch is not drained within writeWait is terminated", () =>
  withWorld({ writeWaitMs: 10_000 }, async (world) => {
    const { socket } = world.connect();
    await world.clock.pass(7_000);
    socket.stuck = true;
    socket.say({ type: "ping" }); // 7 s: the answer is written and stays
    for (let i = 0; i < 9; i++) {
      await world.clock.pass(1_000);
      socket.peerPong(); // alive by all other signs
    }
    assertEquals(socket.closedWith, undefined); // 16 s
    await world.clock.pass(1_100);
    assertEquals(socket.closedWith, { how: "terminate" }); // 17.1 s
    assertEquals(world.closed("write_timeout"), 1);
  }));

Deno.test("Client that floods is closed for rate_limited, with the code and a time to come back", () =>
  withWorld({ maxMessagesPerSecond: 10 }, async (world) => {
    const { socket } = world.connect();
    for (let i = 0; i < 10; i++) socket.say({ type: "ping" });
    for (let i = 0; i < 10; i++) socket.peerPing(); // control frames are counted, too
    assertEquals(socket.closedWith, undefined);
    for (let i = 0; i < 100; i++) socket.say({ type: "ping" });
    assertEquals(socket.closedWith?.how, "abort");
    assertEquals(socket.closedWith?.code, 1008);
    assertMatch(socket.closedWith?.text ?? "", /^rate_limited: .*; afterMs=60000$/);
    await world.clock.turnOver();
    assertEquals(world.closed("rate_limited"), 1);
    assertEquals(world.metrics.of("json").messagesIn, 10);
  }));

Deno.test("Client that floods with the frames of few messages is closed as any that floods", () =>
  withWorld({ maxMessagesPerSecond: 1_000 }, async (world) => {
    const { socket } = world.connect();
    const message = ["v1.heartbeat", ...new Array(16).fill("")];
    for (let i = 0; i < 117; i++) socket.sayInPieces(message); // 1989 frames of a burst of 2000
    assertEquals(socket.closedWith, undefined);
    socket.sayInPieces(message);
    assertMatch(socket.closedWith?.text ?? "", /^rate_limited: /);
    await world.clock.turnOver();
  }));

Deno.test("Client within the flood limit in the long run is left alone", () =>
  withWorld({ maxMessagesPerSecond: 10 }, async (world) => {
    const { socket } = world.connect();
    for (let second = 0; second < 100; second++) {
      for (let i = 0; i < 10; i++) socket.say({ type: "ping" });
      await world.clock.pass(1_000);
    }
    assertEquals(socket.closedWith, undefined);
  }));

Deno.test("Client that talks nonsense exceeds the limit four times as soon", () =>
  withWorld({ maxMessagesPerSecond: 10 }, async (world) => {
    const { socket } = world.connect();
    for (let i = 0; i < 5; i++) socket.say("{}}");
    assertEquals(socket.closedWith, undefined);
    socket.say("{}}");
    assertEquals(socket.closedWith?.code, 1008);
    await world.clock.turnOver();
    assertEquals(world.metrics.of("json").malformed, 5);
  }));

Deno.test("pong() answers control pings with their payload, until the peer reads none of them", () =>
  withWorld({ queueBytes: 1_000 }, async (world) => {
    const { socket } = world.connect();
    socket.peerPing(new Uint8Array([1, 2, 3]));
    assertEquals(socket.pongs, [new Uint8Array([1, 2, 3])]);
    socket.bufferedBytes = 1_001;
    socket.peerPing(new Uint8Array([4]));
    assertEquals(socket.pongs.length, 1);
    await world.clock.turnOver();
    assertEquals(world.closed("slow_consumer"), 1);
  }));

Deno.test("A heartbeat is one write: the control ping, and the app ping behind it", () =>
  withWorld({ rules: FAST }, async (world) => {
    const { socket } = world.connect();
    await world.clock.pass(10);
    const before = socket.batches.length;
    while (socket.pings.length < 5) {
      await world.clock.pass(100);
      socket.answer();
    }
    const heartbeats = socket.batches.slice(before).filter((batch) =>
      framesOf(batch).some(({ opcode }) => opcode === OPCODE.ping)
    );
    assertEquals(heartbeats.length, 5);
    for (const batch of heartbeats) {
      const [ping, appPing, ...more] = framesOf(batch);
      assertEquals([ping.opcode, appPing.opcode, more], [OPCODE.ping, OPCODE.text, []]);
    }
  }));

Deno.test("A control ping goes around what waits, and the app ping behind it", () =>
  withWorld({ rules: FAST }, async (world) => {
    const { socket } = world.connect();
    await world.clock.pass(10);
    socket.stuck = true;
    socket.say({ type: "ping", id: "in flight" });
    await world.clock.pass(10);
    const before = socket.journal.length;
    await world.clock.pass(1_800);
    assertEquals(socket.journal.slice(before), ["ping 8"]);
    socket.drain();
    await world.clock.pass(10);
    assertMatch(socket.journal.slice(before).join(), /^ping 8,\{"type":"ping"/);
  }));

Deno.test("A pause of the server that ends 10 to 400 ms before the deadlines of answered peers ends none", async () => {
  // They come together and are pinged together, so that the wheel may sleep in between.
  const rules = { ...RULES, pingPeriodMs: 9_000, pongWaitMs: 10_000, heartbeatTimeoutMs: 900 };
  for (const pauseMs of [100, 200, 300, 400, 900, 5_000]) {
    for (let beforeMs = 10; beforeMs <= 400; beforeMs += 30) {
      await withWorld({ rules, random: () => 0 }, async (world) => {
        const { clock } = world;
        const peers = Array.from({ length: 8 }, () => world.connect());
        await clock.pass(9_900); // pinged at 4.5 s, each lives by its answer
        for (const { socket } of peers) socket.answer();
        await clock.pass(10_000 - beforeMs - pauseMs);
        clock.stop(pauseMs);
        // What they sent meanwhile is read in turns of a thousand sockets, less after a short pause.
        for (const { socket } of peers) {
          await clock.pass(Math.min(25, pauseMs / 16));
          socket.say({ type: "ping" });
        }
        assertEquals(peers.filter(({ client }) => client.closing).length, 0);
        assertEquals(world.closed("stale"), 0, `${pauseMs} ms, ${beforeMs} ms before`);
      });
    }
  }
});

Deno.test("App ping that finds the queue full is skipped and counted, and evicts nobody", () =>
  withWorld({ rules: FAST, queueMessages: 1, writeWaitMs: 60_000 }, async (world) => {
    const { socket } = world.connect();
    await world.clock.turnOver();
    socket.stuck = true;
    socket.say({ type: "ping" }); // in flight
    await world.clock.pass(1_000);
    socket.say({ type: "ping" }); // fills the queue of one
    for (let i = 0; i < 4; i++) {
      await world.clock.pass(1_000);
      socket.peerPong();
    }
    assertEquals(socket.closedWith, undefined);
    assertEquals(world.metrics.of("json").appPingsSkipped, socket.pings.length);
    assertNotEquals(socket.pings.length, 0);
  }));

Deno.test("Client ends for one reason only, whatever comes later", () =>
  withWorld({}, async (world) => {
    const { client, socket } = world.connect();
    client.close("admin");
    client.close("stale");
    socket.leave();
    await world.clock.pass(200_000);
    assertEquals([world.closed("admin"), world.closed("stale"), world.closed("client_close")], [
      1,
      0,
      0,
    ]);
    const closed = world.log.filter(({ message }) => message === "connection closed");
    assertEquals(closed.length, 1);
    assertEquals([closed[0].properties.reason, closed[0].properties.cause], ["admin", "admin"]);
  }));

for (const [byPeer, reason] of [[true, "client_close"], [false, "network_error"]] as const) {
  Deno.test(`Client that goes ${byPeer ? "with" : "without"} a close frame ended by ${reason}`, () =>
    withWorld({}, async (world) => {
      world.connect().socket.leave({ byPeer });
      await world.clock.turnOver();
      assertEquals(world.closed(reason), 1);
    }));
}

Deno.test("close(drain) sends what is queued and the advice to come back, then the close frame", () =>
  withWorld({}, async (world) => {
    const { client, socket } = world.connect();
    socket.say({ type: "ping", timestamp: 1 });
    await Promise.resolve(); // the hub has answered, the turn has not ended
    client.close("drain", { afterMs: 2_500 });
    assertEquals(socket.messages.map(({ type }) => type), ["welcome", "pong", "reconnect"]);
    assertEquals(socket.messages[2], { type: "reconnect", afterMs: 2_500, reason: "drain" });
    assertEquals([socket.closedWith?.how, socket.closedWith?.code], ["close", 1012]);
    assertMatch(socket.closedWith?.text ?? "", /afterMs=2500$/);
  }));

Deno.test("fault() closes with the fault's own reason", () =>
  withWorld({}, async (world) => {
    world.connect().socket.fault("message_too_big", 1009);
    world.connect().socket.fault("bad_frame", 1002);
    await world.clock.turnOver();
    assertEquals([world.closed("message_too_big"), world.closed("bad_frame")], [1, 1]);
  }));

Deno.test("A session that throws is its own client's trouble: logged, and the server goes on", () =>
  withWorld({}, async (world) => {
    const faulty: Profile = {
      ...world.profile,
      open: (visit) =>
        Object.assign(world.profile.open(visit), {
          decode() {
            throw new RangeError("boom");
          },
        }),
    };
    const [bad, good] = [world.connect({ profile: faulty }), world.connect()];
    bad.socket.say("anything");
    good.socket.say({ type: "ping" });
    await world.clock.turnOver();
    assertEquals(good.socket.messages.at(-1).type, "pong");
    assertEquals(bad.socket.closedWith, undefined);
    assert(world.log.some(({ level, message }) => level === "error" && /decoded/.test(message)));
  }));

Deno.test("Answers given before a policy violation reach the client before the profile's last frame", () =>
  withWorld({}, async (world) => {
    const profile = infowayProfile({ timing: RULES, maxMessagesPerMinute: 2 });
    const { socket } = world.connect({ profile, url: "/ws?business=crypto" });
    for (const trace of ["a", "b", "c", "d"]) {
      socket.say({ code: 10000, trace, data: { codes: "X" } }); // in one read
    }
    await world.clock.turnOver();
    assertEquals(socket.messages.map(({ code, trace, traceId }) => [code, trace ?? traceId]), [
      [200, undefined],
      [10001, "a"],
      [10001, "b"],
      [501, "c"],
    ]);
    assertEquals(socket.closedWith?.code, 1008);
  }));

Deno.test("The profile's last frame finds room in a full queue", () =>
  withWorld({ queueMessages: 2 }, async (world) => {
    const profile = infowayProfile({ timing: RULES, maxMessagesPerMinute: 0 });
    const { client, socket } = world.connect({ profile, url: "/ws?business=crypto" });
    await world.clock.turnOver();
    socket.stuck = true;
    const ask = () => socket.say({ code: 10000, trace: "t", data: { codes: "X" } });
    ask(); // in flight
    await world.clock.pass(200);
    ask();
    ask();
    await world.clock.turnOver();
    client.close("key_suspended");
    assertEquals(socket.messages.map(({ code }) => code), [200, 10001, 10001, 10001, 511]);
    assertEquals(client.stats().messagesOut, 5);
    assertEquals(client.writePump.pendingBytes, world.budget.usedBytes);
  }));

Deno.test("A binary frame on json is JSON as well, or is told that it is not supported", () =>
  withWorld({}, async (world) => {
    const { socket, client } = world.connect();
    socket.sayBinary(new TextEncoder().encode('{"type":"ping","id":"b"}'));
    socket.sayBinary(Uint8Array.of(1, 2, 3));
    socket.say("no JSON");
    await world.clock.turnOver();
    const [, pong, ...errors] = socket.messages;
    assertEquals([pong.type, pong.id], ["pong", "b"]);
    assertEquals(errors.map(({ code }) => code), ["binary_not_supported", "bad_json"]);
    assertEquals([client.counts.malformed, client.closing], [2, false]);
  }));
