/**
 * Publishers that send more than the readers' lines carry: the publishers are held, no reader is lost.
 *
 * @module
 */

import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { integrationTest } from "../support/integration_test_case.ts";
import { RawPeer } from "../support/peers/raw_peer.ts";
import { PacedReaders } from "../support/peers/paced_readers.ts";
import { postJson } from "../support/peers/post_json.ts";
import { ServerProcess } from "../support/server/server_process.ts";
import { sideBySide, until } from "../support/until.ts";

const CHANNEL = "flood";
const FILLING = "x".repeat(60_000);

function readersOf(server: ServerProcess, count: number, bytesPerSecond = Infinity) {
  return PacedReaders.start({ port: server.port, channel: CHANNEL, count, bytesPerSecond });
}

/** Many publications at once. @returns how many were accepted; the others were told when to come back */
async function burst(server: ServerProcess, count: number): Promise<number> {
  let accepted = 0;
  const publish = async () => {
    const answer = await postJson(server, "/api/v1/publish", {
      body: { channel: CHANNEL, data: FILLING },
    });
    if (answer.status === 200) accepted++;
    else {
      assertEquals([answer.status, answer.headers.get("retry-after")], [429, "1"], answer.body);
    }
  };
  await sideBySide(...Array.from({ length: count }, publish));
  return accepted;
}

integrationTest("400 publications of 60 KB at once reach 20 quick readers, twice", async () => {
  await using server = await ServerProcess.start();
  await using readers = await readersOf(server, 20);
  let accepted = 0;
  for (let round = 0; round < 2; round++) accepted += await burst(server, 400);
  await until(
    "all have all",
    async () => (await readers.bytesRead()).every((bytes) => bytes > accepted * FILLING.length),
    { withinMs: 60_000 },
  );
  assertEquals((await server.metrics()).value("systole_connections_closed_total"), 0);
  assertGreater(accepted, 0);
  console.log(`${accepted} of 800 accepted`);
});

for (const megabytes of [1, 10, 100]) {
  integrationTest(`Readers of ${megabytes} MB/s are not evicted for a flood`, async () => {
    await using server = await ServerProcess.start();
    await using _readers = await readersOf(server, 3, megabytes * 1_000_000);
    const accepted = await burst(server, 400); // 24 MB, of which a kernel may hold all
    const metrics = await server.metrics();
    assertEquals(metrics.value("systole_connections_closed_total"), 0);
    const refused = metrics.value("systole_publications_refused_total");
    assertEquals(refused, 400 - accepted);
    assertGreater(accepted, 0);
    console.log(`${megabytes} MB/s: ${accepted} of 400 accepted, ${refused} refused`);
  });
}

/** Publishes one after the other. @returns times until each was confirmed, ms, ascending */
async function latencies(publisher: RawPeer, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const startMs = performance.now();
    const data = "x".repeat(20_000);
    await publisher.send({ type: "publish", channel: CHANNEL, data, id: crypto.randomUUID() });
    await publisher.message("published");
    times.push(performance.now() - startMs);
  }
  return times.sort((a, b) => a - b);
}

integrationTest("One stuck reader beside 99 quick ones holds no publisher", async () => {
  await using server = await ServerProcess.start();
  await using _readers = await readersOf(server, 99);
  using publisher = await RawPeer.connect(server.dial);
  const without = await latencies(publisher, 200);
  using stuck = await RawPeer.connect(server.dial);
  await stuck.send({ type: "subscribe", channel: CHANNEL });
  await stuck.message("subscribed");
  const beside = await latencies(publisher, 400);
  const p99 = (times: number[]) => times[Math.floor(times.length * 0.99)];
  console.log(`p99 ${p99(without).toFixed(1)} ms without, ${p99(beside).toFixed(1)} ms beside it`);
  assertLess(p99(beside), 4 * p99(without) + 100);
  const metrics = await server.metrics();
  // On a busy machine the quick ones may be behind for a moment.
  assertLess(metrics.value("systole_publications_held_total"), 400 / 10);
  assert(metrics.closed("slow_consumer") <= 1);
});
