import { assertEquals, assertLess, assertLessOrEqual, assertMatch } from "@std/assert";
import { Flooder, FLOODS } from "../support/peers/flooder.ts";
import { clientFrame, closeOf, join, OPCODE, textFrame, textOf } from "../support/peers/frames.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import { RawPeer } from "../support/peers/raw_peer.ts";
import { ServerProcess, starvedMs } from "../support/server/server_process.ts";
import { at, until } from "../support/until.ts";
import { WsClient } from "../support/peers/ws_client.ts";

const FLOODERS = 64;
/** How long the wheel is watched after the floods. */
const WATCHED_MS = 3_000;

async function subscriber(server: ServerProcess, channel: string): Promise<WsClient> {
  const client = await WsClient.connect(server.url);
  client.send({ type: "subscribe", channel });
  await until("a subscription", () => client.of("subscribed").length > 0);
  return client;
}

/** What a subscriber got, in order. */
function numbersOf(client: WsClient): number[] {
  return client.of("message").map(({ message }) => message.data);
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

for (const [what, flood] of Object.entries(FLOODS)) {
  integrationTest(
    `64 flooders of ${what} are closed for rate_limited, and the wheel turns on time`,
    () => withstands(flood),
  );
}

async function withstands(flood: Uint8Array): Promise<void> {
  // A second to answer: the clients share this process with the flooders.
  const env = { PONG_WAIT_MS: "2000", PING_PERIOD_MS: "1000" };
  await using server = await ServerProcess.start({ env });
  using publisher = await WsClient.connect(server.url);
  await using stack = new AsyncDisposableStack();
  const healthy = await Promise.all(range(10).map(() => subscriber(server, "news")));
  healthy.forEach((client) => stack.use(client));
  let sent = 0;
  const publishing = setInterval(() => {
    publisher.send({ type: "publish", channel: "news", data: sent++ });
  }, 10);
  stack.defer(() => clearInterval(publishing));

  // Both ends need a core to be on time: what others took of it is not the server's.
  const starved = () => server.starvedMs + starvedMs(Deno.pid);
  const starvedBeforeMs = starved();
  const flooders = await Promise.all(range(FLOODERS).map(() => Flooder.start(server.dial, flood)));
  flooders.forEach((flooder) => stack.use(flooder));
  const ends = await Promise.all(flooders.map(({ end }) => end));
  const floodStarvedMs = starved() - starvedBeforeMs;
  assertEquals(ends.map(({ code }) => code), ends.map(() => 1008));
  const slowestMs = Math.max(...ends.map(({ afterMs }) => afterMs));
  assertLess(slowestMs - floodStarvedMs, 1_000, "closed too late");

  const before = await server.metrics();
  const calmBeforeMs = server.starvedMs;
  await at(performance.now() + WATCHED_MS);
  const after = await server.metrics();
  const calmStarvedMs = server.starvedMs - calmBeforeMs;
  const late = (seconds: number) => after.ticksLaterThan(seconds) - before.ticksLaterThan(seconds);
  const bound = [0.25, 0.5, 1, 5].find((seconds) => seconds * 1_000 - 250 >= calmStarvedMs);
  if (bound !== undefined) assertEquals(late(bound), 0, `ticks more than ${bound} s late`);
  assertEquals(after.closed("rate_limited"), FLOODERS);

  clearInterval(publishing);
  const others = server.lines("connection closed").filter((it) => it.reason !== "rate_limited");
  assertEquals(others, [], "somebody else was closed, too");
  for (const client of healthy) {
    await until("all publications", () => numbersOf(client).length === sent);
    assertEquals(numbersOf(client), range(sent));
  }
  console.log(
    `closed after at most ${slowestMs.toFixed(0)} ms, of them without a core ` +
      `${floodStarvedMs.toFixed(0)}; ticks more than 250 ms late during the flood ` +
      `${before.ticksLaterThan(0.25)}, in the ${WATCHED_MS} ms afterwards ${late(0.25)} ` +
      `(${calmStarvedMs.toFixed(0)} ms without a core); ${sent} publications each`,
  );
}

integrationTest("1000 subscribe frames in one write are all answered", async () => {
  await using server = await ServerProcess.start();
  using peer = await RawPeer.connect(server.dial);
  const channels = range(1_000).map((i) => `channel ${i}`);
  await peer.write(join(channels.map((channel) => textFrame({ type: "subscribe", channel }))));
  for (const channel of channels) assertEquals((await peer.message("subscribed")).channel, channel);
  const metrics = await server.metrics();
  assertEquals(metrics.value("systole_channels"), 1_000);
  assertEquals(metrics.value("systole_connections_closed_total"), 0);
});

integrationTest("300 publications in one write all reach a healthy subscriber", async () => {
  await using server = await ServerProcess.start();
  using publisher = await RawPeer.connect(server.dial);
  using other = await subscriber(server, "burst");
  await publisher.send({ type: "subscribe", channel: "burst" });
  await publisher.message("subscribed");
  for (let round = 1; round <= 5; round++) {
    const frames = range(300).map((i) =>
      textFrame({ type: "publish", channel: "burst", data: i, id: `${round} ${i}` })
    );
    await publisher.write(join(frames));
    for (let i = 0; i < 300; i++) assertEquals((await publisher.message("message")).data, i);
    await until("the burst", () => numbersOf(other).length === 300 * round);
    assertEquals(numbersOf(other).slice(-300), range(300));
  }
  assertEquals((await server.metrics()).value("systole_connections_closed_total"), 0);
});

integrationTest(
  "500 control pings in one write get 500 pongs, or a close that says why",
  async () => {
    await using server = await ServerProcess.start();
    using peer = await RawPeer.connect(server.dial);
    await peer.write(join(range(500).map((i) => clientFrame(OPCODE.ping, `ping ${i}`))));
    const pongs: string[] = [];
    while (pongs.length < 500) {
      const frame = await peer.read();
      if (frame === undefined) throw new Error(`lost without a word after ${pongs.length} pongs`);
      if (frame.opcode === OPCODE.pong) pongs.push(textOf(frame));
      if (frame.opcode === OPCODE.close) {
        assertMatch(closeOf(frame).text, /^(rate_limited|slow_consumer): /);
        return;
      }
    }
    assertEquals(pongs, range(500).map((i) => `ping ${i}`));
    await peer.send({ type: "ping" });
    await peer.message("pong"); // alive
  },
);

integrationTest(
  "Control pings without end from a peer that does not read are bounded",
  async () => {
    const env = { MAX_MESSAGES_PER_SECOND: "0", CLOSE_WAIT_MS: "300" };
    await using server = await ServerProcess.start({ env });
    using healthy = await subscriber(server, "calm");
    using peer = await RawPeer.connect(server.dial);
    const block = join(range(490).map(() => clientFrame(OPCODE.ping, "p".repeat(125))));
    const flood = (async () => {
      for (;;) await peer.write(block);
    })().catch(() => "refused");
    const { reason } = await server.line("connection closed", 10_000);
    assertEquals(reason, "slow_consumer");
    assertEquals(await flood, "refused");
    await healthy.roundTrip();
    assertLessOrEqual(server.residentBytes, 300 * 2 ** 20);
  },
);
