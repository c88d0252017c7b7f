/**
 * Who does not get in: bounded before anything is checked, counted, and told in the log.
 *
 * @module
 */

import { assert, assertEquals, assertLess } from "@std/assert";
import { testKey } from "../support/server/credentials.ts";
import { TALO_SCHEME } from "../support/server/credential_places.ts";
import { Exposition } from "../support/server/exposition.ts";
import { bearer, GuardedServer, type RoutedUpgrade } from "../support/server/guarded_server.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import { ServerProcess } from "../support/server/server_process.ts";
import { until } from "../support/until.ts";

const KEY = testKey("key");
const ALONE = testKey("alone", { maxConnections: 1 });
const SPARE = testKey("spare", { maxMessagesPerMinute: 3 });

async function metricsOf(server: GuardedServer): Promise<Exposition> {
  return new Exposition((await server.asOperator("/metrics")).body);
}

async function refusedFor(server: GuardedServer, reason: string): Promise<number> {
  return (await metricsOf(server)).value("systole_upgrades_refused_total", { reason });
}

/** The log's first lines of refusals, each as reason, profile, key; waits for so many. */
async function told(server: GuardedServer, count: number): Promise<unknown[][]> {
  const lines = () => server.process.lines("upgrade refused");
  await until(`${count} refusals in the log`, () => lines().length >= count);
  return lines().map(({ reason, profile, key }) => [reason, profile, key]);
}

integrationTest("MAX_UPGRADES_PER_SECOND bounds guesses: most are not even looked at", async () => {
  const env = { MAX_UPGRADES_PER_SECOND: "1" };
  await using server = await GuardedServer.start({ keys: [KEY], env });
  const guess = { path: "/ws", headers: bearer(`${KEY.id}.${testKey("wrong").secret}`) };
  const startMs = performance.now();
  const answers = await Promise.all(Array.from({ length: 50 }, () => server.refusal(guess)));
  const seconds = (performance.now() - startMs) / 1_000;
  const looked = answers.filter(({ status }) => status === 401).length;
  assert(looked >= 2, "the burst is twice the rate");
  assertLess(looked, 2 + seconds + 1);
  const turnedAway = answers.filter(({ status }) => status === 503);
  assertEquals(looked + turnedAway.length, 50);
  for (const { headers } of turnedAway) assertEquals(headers.get("retry-after"), "1");
  assertEquals(await refusedFor(server, "unauthorized"), looked);
  assertEquals(await refusedFor(server, "too_many_at_once"), 50 - looked);
  assertEquals((await told(server, 50)).length, 50);
});

integrationTest("Whoever is turned away for want of room still has its ticket", async () => {
  const env = { MAX_CONNECTIONS: "1" };
  await using server = await GuardedServer.start({ keys: [KEY], env });
  const arrival = TALO_SCHEME.ways.ticket(await server.ticket(KEY.credential));
  {
    using guest = await server.enter({ path: "/ws", headers: bearer(KEY.credential) });
    await guest.next();
    for (let each = 0; each < 3; each++) {
      assertEquals((await server.refusal(arrival)).status, 503);
    }
  }
  await until(
    "room",
    async () => (await server.asOperator("/api/v1/connections")).body.includes('"total":0'),
  );
  using guest = await server.enter(arrival);
  assertEquals(await guest.next(), TALO_SCHEME.welcome);
});

integrationTest("Each refusal is counted by its reason and told in the log", async () => {
  await using server = await GuardedServer.start({ keys: [KEY, ALONE] });
  using alone = await server.enter({ path: "/ws", headers: bearer(ALONE.credential) });
  await alone.next();
  const good = bearer(KEY.credential);
  const cases: readonly (readonly [RoutedUpgrade, number, readonly unknown[]])[] = [
    [{ path: "/nowhere", headers: good }, 404, ["not_found", undefined, undefined]],
    [
      { path: "/ws", headers: { ...good, Origin: "https://evil.example" } },
      403,
      ["foreign_origin", "json", undefined],
    ],
    [{ path: "/ws" }, 401, ["unauthorized", "json", undefined]],
    [
      { path: `/ws?token=${ALONE.credential}` },
      429,
      ["too_many_for_key", "tank", ALONE.id],
    ],
    [
      { path: "/ws", headers: { ...good, "Sec-WebSocket-Key": "short" } },
      400,
      ["bad_handshake", "json", undefined],
    ],
  ];
  for (const [arrival, status] of cases) {
    assertEquals([arrival.path, (await server.refusal(arrival)).status], [arrival.path, status]);
  }
  {
    using guest = await server.enter({ path: "/ws/talo" });
    assertEquals(await guest.close(), [3000, ""]);
  }
  const expected = [...cases.map(([, , line]) => line), ["unauthorized", "talo", undefined]];
  assertEquals(await told(server, expected.length), expected);
  const counted = await Promise.all(cases.map(([, , [reason]]) => refusedFor(server, `${reason}`)));
  assertEquals(counted, [1, 1, 2, 1, 1]);
  const metrics = await metricsOf(server);
  const talo = { profile: "talo" };
  assertEquals([
    metrics.value("systole_connections_closed_total", { ...talo, reason: "unauthorized" }),
    metrics.value("systole_connections", talo),
    metrics.value("systole_disconnects_total", { cause: "auth" }),
  ], [1, 0, 1]);
  const [{ address, detail, level }] = server.process.lines("upgrade refused").slice(2);
  assertEquals([address, detail, level], ["127.0.0.1", "no credential", "info"]);
});

integrationTest("A rebound name is counted and told", async () => {
  await using server = await ServerProcess.start();
  const headers = { Connection: "Upgrade", Upgrade: "websocket", Host: "evil.example" };
  assertEquals((await server.ask({ path: "/ws", headers })).status, 403);
  const labels = { reason: "foreign_host" };
  assertEquals((await server.metrics()).value("systole_upgrades_refused_total", labels), 1);
});

integrationTest("A key's messages a minute are those of all its connections together", async () => {
  await using server = await GuardedServer.start({ keys: [SPARE, KEY] });
  const enter = async (key: typeof KEY) => {
    const guest = await server.enter({ path: "/ws", headers: bearer(key.credential) });
    await guest.next();
    return guest;
  };
  using loud = await enter(SPARE);
  using sister = await enter(SPARE);
  using other = await enter(KEY);
  for (let i = 0; i < 10; i++) await sister.say({ type: "pong", id: "1" }); // beats cost nothing
  for (const guest of [loud, loud, sister, other]) {
    await guest.say({ type: "ping" });
    assertEquals((await guest.nextJson()).type, "pong");
  }
  await loud.say({ type: "ping" });
  assertEquals((await loud.close())[0], 1008);
  using again = await enter(SPARE); // coming again does not help
  await again.say({ type: "ping" });
  assertEquals((await again.close())[0], 1008);
  await other.say({ type: "ping" });
  assertEquals((await other.nextJson()).type, "pong");
});
