import { assertEquals } from "@std/assert";
import { TICK_MS } from "../../server/liveness/wheel.ts";
import { infowayProfile } from "../../server/profiles/infoway/infoway.ts";
import { tankProfile } from "../../server/profiles/tank/tank.ts";
import { RULES, type TestPeer, withWorld } from "../support/fakes/world.ts";

/** What the recorder has of a connection, without the pings and pongs in between. */
function story({ client }: TestPeer): [string, number | undefined][] {
  const chatter = new Set(["ping", "pong", "app_ping", "app_pong"]);
  return client.health.recorder.events().filter(({ kind }) => !chatter.has(kind))
    .map(({ kind, value }) => [kind, value]);
}

const CALM = { ...RULES, pingPeriodMs: 54_000 };

Deno.test("The recorder has a stall of the server, for all connections that were open then", () =>
  withWorld({ rules: CALM }, async (world) => {
    const peers = [world.connect(), world.connect()];
    await world.clock.pass(1);
    for (const { socket } of peers) socket.answerFirst();
    await world.clock.pass(4_999);
    world.clock.block(3_000);
    await world.clock.pass(1_000);
    const later = world.connect();
    peers[0].socket.leave();
    await world.clock.pass(100);
    for (const peer of peers) {
      const [kind, value] = story(peer)[2];
      assertEquals([kind, Math.round(value! / 100)], ["stall", 30]);
    }
    assertEquals(story(later), [["opened", undefined]]);
    assertEquals(story(peers[0]).at(-1)?.[0], "ended");
  }));

Deno.test("The recorder's times are the machine's, stalls included, as the connection's seconds are", () =>
  withWorld({ rules: CALM }, async (world) => {
    world.wheel.schedule({ onDue: (nowMs) => nowMs + TICK_MS }, 0); // it does not sleep
    const peer = world.connect();
    await world.clock.pass(2_500);
    world.clock.block(6_000);
    peer.socket.peerPong(); // read before the wheel notices
    const newcomer = world.connect();
    await world.clock.pass(1_500);
    world.clock.block(200);
    await world.clock.pass(300);
    for (const { socket } of [peer, newcomer]) socket.leave();
    await world.clock.turnOver();
    const times = ({ client }: TestPeer) =>
      client.health.recorder.events().map(({ kind, atMs }) => [kind, atMs]);
    assertEquals(times(peer), [
      ["opened", 0],
      ["ping", 0],
      ["pong_unmatched", 8_525],
      ["stall", 8_525],
      ["stall", 10_225],
      ["ended", 10_500],
    ]);
    // Its birth was stamped before the wheel had noticed: 95 ms late at most.
    assertEquals(times(newcomer), [["opened", 0], ["ping", 0], ["stall", 1_630], ["ended", 1_905]]);
  }));

Deno.test("The recorder has a write that did not drain", () =>
  withWorld({ rules: CALM, writeWaitMs: 10_000 }, async (world) => {
    const peer = world.connect();
    await world.clock.pass(1_000);
    peer.socket.stuck = true;
    peer.socket.say({ type: "ping" });
    await world.clock.pass(10_100);
    const [, [kind, value]] = story(peer);
    assertEquals([kind, Math.round(value! / 100)], ["write_stuck", 100]);
  }));

Deno.test("The recorder has a queue that was full", () =>
  withWorld({ rules: CALM, queueMessages: 3 }, async (world) => {
    const peer = world.connect();
    await world.clock.pass(1_000);
    peer.socket.stuck = true;
    peer.socket.say({ type: "ping" }); // in flight
    await world.clock.pass(200);
    for (let i = 0; i < 4; i++) peer.socket.say({ type: "ping" });
    await world.clock.turnOver();
    assertEquals(story(peer).slice(1, 3), [["queue_full", 3], ["closing", 1013]]);
  }));

Deno.test("A peer that reads no pongs is closed without a record of a full queue: the queue is empty", () =>
  withWorld({ rules: CALM, queueBytes: 1_000 }, async (world) => {
    const peer = world.connect();
    peer.socket.bufferedBytes = 1_001;
    peer.socket.peerPing();
    await world.clock.turnOver();
    assertEquals(story(peer).map(([kind]) => kind), ["opened", "closing", "ended"]);
    assertEquals(story(peer)[1], ["closing", 1013]);
  }));

Deno.test("The recorder has the advice to reconnect", () =>
  withWorld({ rules: CALM }, async (world) => {
    const peer = world.connect();
    peer.client.close("drain", { afterMs: 2_500 });
    await world.clock.turnOver();
    assertEquals(story(peer).slice(1, 3), [["closing", 1012], ["advised", 2_500]]);
  }));

Deno.test("The recorder has no advice that was not given", () =>
  withWorld({ rules: CALM, queueMessages: 1 }, async (world) => {
    const wordless = world.connect({ profile: tankProfile({ timing: RULES }) });
    const stuck = world.connect();
    await world.clock.pass(1_000);
    stuck.socket.stuck = true;
    stuck.socket.say({ type: "ping" }); // in flight
    await world.clock.pass(200);
    stuck.socket.say({ type: "ping" }); // fills the queue of one
    await world.clock.turnOver();
    for (const peer of [wordless, stuck]) {
      peer.client.close("drain");
      await world.clock.turnOver();
      assertEquals(story(peer).map(([kind]) => kind), ["opened", "closing", "ended"]);
    }
  }));

Deno.test("The recorder has the close code that the peer gets", () =>
  withWorld({ rules: CALM }, async (world) => {
    const profile = infowayProfile({ timing: RULES, maxMessagesPerMinute: 0 });
    const framed = world.connect({ profile, url: "/ws?business=crypto" });
    const [dead, garbled] = [world.connect(), world.connect()];
    framed.client.close("stale"); // its profile has a close frame even then
    dead.client.close("stale");
    garbled.socket.fault("bad_frame", 1007); // reported by the socket itself
    await world.clock.turnOver();
    const codes = [framed, dead, garbled].map((peer) => story(peer)[1]);
    assertEquals(codes, [["closing", 1008], ["closing", 1006], ["closing", 1007]]);
    assertEquals(framed.socket.closedWith?.code, 1008);
  }));
