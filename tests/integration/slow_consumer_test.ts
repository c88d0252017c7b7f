import { assertEquals, assertLess, assertMatch } from "@std/assert";
import { OPCODE, textOf } from "../support/peers/frames.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import { RawPeer } from "../support/peers/raw_peer.ts";
import { ServerProcess } from "../support/server/server_process.ts";
import { LoopWatch, until } from "../support/until.ts";

const CHANNEL = "firehose";
const FILLING = "x".repeat(32_768);
/** Not yet confirmed: keeps the publisher from outrunning a subscriber that does read. */
const IN_FLIGHT = 4;
/**
 * The longest wait for the next delivery that still counts as undisturbed: a collection of garbage
 * on a busy machine, far from the write and close waits of a peer that blocks the hub.
 */
const UNDISTURBED_MS = 400;

async function subscriber(server: ServerProcess): Promise<RawPeer> {
  const peer = await RawPeer.connect(server.dial);
  await peer.send({ type: "subscribe", channel: CHANNEL });
  await peer.message("subscribed");
  return peer;
}

/** Publishes numbers from `from` on, each with its filling. */
async function publish(publisher: RawPeer, { from, count }: { from: number; count: number }) {
  for (let i = 0; i < count; i++) {
    const number = from + i;
    const data = { number, filling: FILLING };
    await publisher.send({ type: "publish", channel: CHANNEL, data, id: String(number) });
    if (i >= IN_FLIGHT) await publisher.message("published");
  }
  for (let i = 0; i < Math.min(IN_FLIGHT, count); i++) await publisher.message("published");
}

/** Reads until a number has come; all before it must come first. @returns the longest wait, ms */
async function readUpTo(peer: RawPeer, { from, to }: { from: number; to: number }) {
  let longestMs = 0;
  for (let number = from; number < to;) {
    const askedMs = performance.now();
    const frame = await peer.read();
    longestMs = Math.max(longestMs, performance.now() - askedMs);
    if (frame === undefined) throw new Error(`a reading subscriber was closed at ${number}`);
    if (frame.opcode !== OPCODE.text) continue;
    const message = JSON.parse(textOf(frame));
    if (message.type === "message") assertEquals(message.data.number, number++);
  }
  return longestMs;
}

/** Asserts that a wave left nothing behind. */
async function waitUntilGone(
  server: ServerProcess,
  { reason, count, descriptors }: { reason: string; count: number; descriptors: number },
) {
  await until(`${count} closed for ${reason}`, async () => {
    return (await server.metrics()).closed(reason) === count;
  });
  await until("the send queues are empty", async () => {
    return (await server.metrics()).value("systole_send_queue_bytes") === 0;
  });
  await until("the descriptors are back", () => server.openDescriptors <= descriptors);
}

integrationTest(
  "Peers that stop reading are closed for slow_consumer, nobody else is",
  async () => {
    const [waves, stuckPeers, messages] = [6, 20, 300]; // 10 MB for each of them in each wave
    await using server = await ServerProcess.start({ env: { CLOSE_WAIT_MS: "300" } });
    using healthy = await subscriber(server);
    using publisher = await RawPeer.connect(server.dial);
    const descriptors = server.openDescriptors;
    const residentMb: number[] = [];
    let longestMs = 0;
    for (let wave = 0; wave < waves; wave++) {
      const stuck = await Promise.all(Array.from({ length: stuckPeers }, () => subscriber(server)));
      const from = wave * messages;
      const [waitedMs] = await Promise.all([
        readUpTo(healthy, { from, to: from + messages }),
        publish(publisher, { from, count: messages }),
      ]);
      longestMs = Math.max(longestMs, waitedMs);
      const count = (wave + 1) * stuckPeers;
      await waitUntilGone(server, { reason: "slow_consumer", count, descriptors });
      residentMb.push(server.residentBytes / 2 ** 20);
      for (const peer of stuck) peer.close();
    }
    const ends = await until("the log line of each end", () => {
      const lines = server.lines("connection closed");
      return lines.length >= waves * stuckPeers && lines;
    });
    assertEquals(ends.length, waves * stuckPeers);
    assertEquals([...new Set(ends.map(({ reason }) => reason))], ["slow_consumer"]);
    assertLess(longestMs, UNDISTURBED_MS, "a subscriber that reads had to wait");
    // Each of them had its full queue of 1 MiB: had it not come back, all of that would be here. The
    // heap itself grows, too, up to a plateau (90 MiB above the first wave after 1600 peers).
    const grownMb = residentMb[waves - 1] - residentMb[0];
    const queuedMb = (waves - 1) * stuckPeers;
    assertLess(grownMb, queuedMb / 2, `resident memory grew: ${residentMb.map(Math.round)} MiB`);
    console.log(
      `resident after each wave: ${residentMb.map(Math.round).join(", ")} MiB; ` +
        `the reading subscriber waited at most ${longestMs.toFixed(0)} ms`,
    );
  },
);

integrationTest("A peer that stops reading is closed for write_timeout, in time", async () => {
  const [writeWaitMs, messages] = [1_000, 500]; // 16 MB: more than the kernel takes for one peer
  const env = {
    WRITE_WAIT_MS: String(writeWaitMs),
    SEND_QUEUE_MESSAGES: "100000",
    SEND_QUEUE_BYTES: "200000000",
  };
  await using server = await ServerProcess.start({ env });
  using watch = new LoopWatch();
  using healthy = await subscriber(server);
  using publisher = await RawPeer.connect(server.dial);
  const descriptors = server.openDescriptors;
  using stuck = await subscriber(server);
  const startedMs = performance.now();
  const [longestMs] = await Promise.all([
    readUpTo(healthy, { from: 0, to: messages }),
    publish(publisher, { from: 0, count: messages }),
  ]);
  const publishedMs = performance.now();
  const { reason, cause } = await server.line("connection closed");
  const closedMs = performance.now();
  assertEquals([reason, cause], ["write_timeout", "slow consumer"]);
  // The batch that got stuck was written between the first and the last publication.
  const lateMs = closedMs - publishedMs;
  assertLess(lateMs, writeWaitMs + 100 + watch.worstMs() + 20, "closed too late");
  assertLess(writeWaitMs - 10, closedMs - startedMs, "closed too early");
  await waitUntilGone(server, { reason: "write_timeout", count: 1, descriptors });
  assertLess(longestMs, UNDISTURBED_MS, "a subscriber that reads had to wait");
  const { code, tcp } = await stuck.ending(); // it reads what the kernel had for it, then the end
  assertEquals(code, 1006);
  console.log(
    `closed ${lateMs.toFixed(0)} ms after the last publication, TCP ended by ${tcp}; ` +
      `the reading subscriber waited at most ${longestMs.toFixed(0)} ms`,
  );
});

integrationTest(
  "A slow consumer that reads on in time is told 1013 and when to come back",
  async () => {
    await using server = await ServerProcess.start({ env: { CLOSE_WAIT_MS: "3000" } });
    using publisher = await RawPeer.connect(server.dial);
    using slow = await subscriber(server);
    // A kernel may hold 32 MiB for one peer: so until its queue is given up.
    let from = 0;
    while ((await server.metrics()).value("systole_messages_dropped_total") === 0) {
      assertLess(from, 4_000, "130 MB, and no slow consumer");
      await publish(publisher, { from, count: 200 });
      from += 200;
    }
    const { code, text, tcp } = await slow.ending();
    assertEquals(code, 1013);
    assertMatch(text, /^slow_consumer: .*; afterMs=1000$/);
    assertEquals(tcp, "fin");
    assertEquals((await server.line("connection closed")).reason, "slow_consumer");
  },
);
