import { assertEquals } from "@std/assert";
import {
  type ClosedConnection,
  CloseHistory,
  logFieldsOf,
} from "../../server/client/close_history.ts";
import type { CloseReason } from "../../server/close_codes.ts";
import { ConnectionHealth } from "../../server/liveness/connection_health.ts";
import { NO_LISTENER } from "../../server/liveness/connection_health.ts";
import { RULES, withWorld } from "../support/fakes/world.ts";

const newConnectionHealth = () =>
  new ConnectionHealth({
    clientId: "00000000",
    nowMs: 0,
    random: 0,
    rules: RULES,
    listener: NO_LISTENER,
  });
const VITALS = newConnectionHealth();

const end = (id: number, reason: CloseReason = "stale"): ClosedConnection => ({
  id: `${id}`,
  profile: "json",
  key: undefined,
  address: "192.0.2.1",
  reason,
  cause: "network",
  openedMs: 0,
  closedMs: id,
  seconds: id / 1_000,
  silentSeconds: 0,
  messagesIn: 0,
  messagesOut: 0,
  health: VITALS,
});

const ids = (closed: readonly ClosedConnection[]) => closed.map(({ id }) => Number(id));

Deno.test("CloseHistory.latest() returns the newest first, no more than asked for", () => {
  const log = new CloseHistory(5);
  assertEquals(log.latest(3), []);
  for (const id of [1, 2, 3]) log.add(end(id));
  assertEquals(ids(log.latest(10)), [3, 2, 1]);
  assertEquals(ids(log.latest(2)), [3, 2]);
  assertEquals(ids(log.latest(0)), []);
});

Deno.test("CloseHistory keeps the last ones only, in order, however often it goes round", () => {
  const log = new CloseHistory(5);
  for (let id = 1; id <= 23; id++) {
    log.add(end(id));
    const kept = Array.from({ length: Math.min(id, 5) }, (_, back) => id - back);
    assertEquals(ids(log.latest(100)), kept);
  }
});

const by = (reason: string) => (closed: ClosedConnection) => closed.reason === reason;

Deno.test("CloseHistory.latest() filters before it counts", () => {
  const log = new CloseHistory(5);
  for (let id = 1; id <= 8; id++) log.add(end(id, id % 2 === 0 ? "admin" : "stale"));
  assertEquals(ids(log.latest(10, by("admin"))), [8, 6, 4]);
  assertEquals(ids(log.latest(1, by("stale"))), [7]);
  assertEquals(ids(log.latest(10, by("drain"))), []);
});

Deno.test("Client adds its end to the close history, with the messages that it sent and got", () =>
  withWorld({}, async (world) => {
    const { client, socket } = world.connect({ grant: { keyId: "k1" } });
    const openedMs = world.clock.wall();
    await world.clock.pass(1_000);
    socket.say({ type: "ping" });
    socket.say("not JSON");
    await world.clock.pass(500);
    client.close("admin");
    await world.clock.turnOver();
    assertEquals(world.closeHistory.latest(10), [{
      id: client.id,
      profile: "json",
      key: "k1",
      address: "192.0.2.1",
      reason: "admin",
      cause: "admin",
      openedMs,
      closedMs: openedMs + 1_500,
      seconds: 1.5,
      silentSeconds: 0.5,
      messagesIn: 2,
      messagesOut: 3, // welcome, pong, error
      health: client.health,
    }]);
  }));

Deno.test("Client's stats are its own, not those of its profile", () =>
  withWorld({}, async (world) => {
    const [a, b] = [world.connect(), world.connect()];
    a.socket.say({ type: "subscribe", channel: "c" });
    for (let i = 0; i < 3; i++) b.socket.say({ type: "publish", channel: "c", data: i });
    await world.clock.turnOver();
    const counts = ({ client }: typeof a) => {
      const { messagesIn, messagesOut } = client.stats();
      return [messagesIn, messagesOut];
    };
    assertEquals([counts(a), counts(b)], [[1, 5], [3, 1]]);
    assertEquals(world.metrics.of("json").messagesIn, 4);
    assertEquals(world.metrics.of("json").messagesOut, 6);
  }));

Deno.test("A log line has round trips to the hundredth of a ms, none where none is known", () => {
  const health = newConnectionHealth();
  assertEquals(logFieldsOf({ ...end(1), health }).rttMs, undefined);
  for (const ms of [1, 1, 2]) health.wire.sample(ms);
  assertEquals(logFieldsOf({ ...end(1), health }).rttMs, 1.33);
});

Deno.test("CloseHistory lists the last hundred lost nodes, without those that are there again", () => {
  const history = new CloseHistory();
  for (let n = 1; n <= 101; n++) {
    history.addLost({ node: `n${n}`, connections: n, closedMs: n });
  }
  history.removeLost("n101");
  const nodes = history.lostNodes.map(({ node }) => node);
  assertEquals([nodes.length, nodes[0], nodes.at(-1)], [99, "n100", "n2"]);
});
