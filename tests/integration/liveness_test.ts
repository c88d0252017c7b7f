import { assert, assertEquals, assertGreaterOrEqual, assertLessOrEqual } from "@std/assert";
import { Crowd } from "../support/peers/crowd.ts";
import { clientFrame, OPCODE } from "../support/peers/frames.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import { RawPeer } from "../support/peers/raw_peer.ts";
import { ServerProcess } from "../support/server/server_process.ts";
import { at, LoopWatch, sideBySide, until } from "../support/until.ts";
import { WsClient } from "../support/peers/ws_client.ts";

const PONG_WAIT_MS = 2_000;
const PERIOD_MS = 1_800;
/** The published bound. */
const BOUND_MS = PONG_WAIT_MS + 100;
/** Four periods and the longest first one: 0.9 to 1.8 s, then 1.8 s each. */
const WATCHED_MS = 7_500;
/** Clients that speak once, at a phase of their own. */
const SILENT = 20;
/** Clients that never speak. */
const CROWD = 300;

/**
 * How much later than the server's act this process may see it. The server's own stalls are part of
 * the published bound; our lateness is measured on our own loop, since both share the machine.
 */
async function excuseMs(server: ServerProcess, watch: LoopWatch, sinceMs: number): Promise<number> {
  const metrics = await server.metrics();
  const stalls = metrics.value("systole_stalls_total");
  const stalledMs = metrics.value("systole_stalled_seconds_total") * 1_000 + stalls * 250;
  return stalledMs + watch.worstMs(sinceMs) + 5;
}

interface Scene {
  readonly server: ServerProcess;
  readonly watch: LoopWatch;
}

/** It answers control pings (and app pings, if it has learnt to) and is watched for four periods. */
async function answeringClientLivesOn({ server, watch }: Scene, answersAppPings: boolean) {
  using client = await WsClient.connect(server.url);
  if (answersAppPings) client.on("ping", ({ id }) => client.send({ type: "pong", id }));
  await at(client.bornMs.to + WATCHED_MS);
  assert(client.open, "a client that answers was closed");
  const slackMs = 150 + watch.worstMs();
  const appPingsMs = client.of("ping").map(({ atMs }) => atMs);
  const [welcomePingMs, ...pingsMs] = client.pingsMs;
  assertLessOrEqual(welcomePingMs - client.bornMs.to, slackMs, "the ping behind the welcome");
  assertGreaterOrEqual(pingsMs.length, 4);
  assertEquals(appPingsMs.length, pingsMs.length, "an app ping with each of the schedule");
  for (const pings of [pingsMs, appPingsMs]) {
    assertGreaterOrEqual(pings[0] - client.bornMs.from, PERIOD_MS / 2, "first ping");
    assertLessOrEqual(pings[0] - client.bornMs.to, PERIOD_MS + slackMs, "first ping");
    for (let i = 1; i < pings.length; i++) {
      const offMs = Math.abs(pings[i] - pings[i - 1] - PERIOD_MS);
      assertLessOrEqual(offMs, slackMs, `ping ${i} is ${offMs} ms off its period`);
    }
  }
  await client.roundTrip();
}

/** It speaks once, at a phase of the wheel of its own, and is then silent. */
async function silentClientIsTerminated(scene: Scene, phaseMs: number): Promise<number> {
  using client = await WsClient.connect(scene.server.url, { autoPong: false });
  await at(client.bornMs.to + phaseMs);
  // Its last frame reached the server between these two moments: neither is the exact one, so the
  // lower bound counts from the first and the upper bound from the second.
  const spoke = phaseMs === 0 ? client.bornMs : await client.roundTrip();
  const { code, atMs } = await client.end();
  assertEquals(code, 1006);
  assertGreaterOrEqual(atMs - spoke.from, PONG_WAIT_MS - 10, "terminated too early");
  const silentMs = atMs - spoke.to;
  const boundMs = BOUND_MS + await excuseMs(scene.server, scene.watch, spoke.from);
  assertLessOrEqual(silentMs, boundMs, "terminated too late");
  return silentMs;
}

/** It never answers a control ping, but says something each second. */
async function talkativeClientLives({ server }: Scene, speak: (client: WsClient) => void) {
  using client = await WsClient.connect(server.url, { autoPong: false });
  for (let second = 1; second * 1_000 <= WATCHED_MS; second++) {
    await at(client.bornMs.to + second * 1_000);
    assert(client.open, `closed in second ${second} although it spoke: ${speak}`);
    speak(client);
  }
  assertGreaterOrEqual(client.pingsMs.length, 4, "it was never pinged: nothing is shown");
  await client.roundTrip();
}

/** It answers app pings and nothing else: a browser's page can do no more. */
async function appPongsAloneAreLife({ server }: Scene) {
  using client = await WsClient.connect(server.url, { autoPong: false });
  client.on("ping", ({ id }) => client.send({ type: "pong", id }));
  await at(client.bornMs.to + WATCHED_MS);
  assert(client.open, "closed although it answered every app ping");
  assertGreaterOrEqual(client.of("ping").length, 4);
}

/** A crowd that comes over half a second meets the wheel at every phase of its ticks and slots. */
async function silentCrowdIsTerminated({ server, watch }: Scene): Promise<void> {
  await using crowd = new Crowd(server.dial);
  const startMs = performance.now();
  await crowd.join(CROWD, { overMs: 500 });
  for (const member of crowd.members) member.answers = false; // no ping comes before 0.9 s
  await Promise.all(crowd.members.map(({ life }) => life));
  const boundMs = BOUND_MS + await excuseMs(server, watch, startMs);
  for (const { bornMs, endedMs } of crowd.members) {
    assertGreaterOrEqual(endedMs! - bornMs.from, PONG_WAIT_MS - 10, "terminated too early");
    assertLessOrEqual(endedMs! - bornMs.to, boundMs, "terminated too late");
  }
}

/** Bytes of a frame that never becomes whole are no frame, hence no sign of life. */
async function dribblingPeerIsTerminated({ server, watch }: Scene) {
  const bornMs = performance.now();
  using peer = await RawPeer.connect(server.dial);
  const openMs = performance.now();
  const ending = peer.ending().then(({ code }) => ({ code, atMs: performance.now() }));
  let ended = false;
  ending.then(() => ended = true);
  const frame = clientFrame(OPCODE.text, "a message that is never finished");
  for (let i = 0; i < frame.length - 1 && !ended; i++) {
    await peer.write(frame.subarray(i, i + 1)).catch(() => ended = true);
    await at(openMs + i * 100);
  }
  const { code, atMs } = await ending;
  assertEquals(code, 1006);
  assertGreaterOrEqual(atMs - bornMs, PONG_WAIT_MS - 10);
  assertLessOrEqual(atMs - openMs, BOUND_MS + await excuseMs(server, watch, openMs));
}

integrationTest("A connection lives by what it sends, with PONG_WAIT_MS=2000", async () => {
  await using server = await ServerProcess.start({ env: { PONG_WAIT_MS: String(PONG_WAIT_MS) } });
  using watch = new LoopWatch();
  const scene = { server, watch };
  const silentMs: number[] = [];
  const silent = Array.from({ length: SILENT }, async (_, i) => {
    silentMs.push(await silentClientIsTerminated(scene, i * 77)); // spread over the wheel's 50 ms
  });
  const talkers: ((client: WsClient) => void)[] = [
    (client) => client.send("hello"),
    (client) => client.send({ type: "ping" }),
    (client) => client.send(Uint8Array.of(0xff, 0x00, 0xfe)),
    (client) => client.ping(),
    (client) => client.pong(),
  ];
  await sideBySide(
    answeringClientLivesOn(scene, true),
    answeringClientLivesOn(scene, false),
    appPongsAloneAreLife(scene),
    dribblingPeerIsTerminated(scene),
    silentCrowdIsTerminated(scene),
    ...talkers.map((speak) => talkativeClientLives(scene, speak)),
    ...silent,
  );
  const dead = SILENT + CROWD + 1; // the dribbler
  const metrics = await until("all ends counted", async () => {
    const metrics = await server.metrics();
    return metrics.closed("stale") === dead && metrics;
  });
  assertEquals(metrics.value("systole_dead_peer_detection_seconds_count"), dead);
  // The server's own measure knows nothing of our lateness.
  const ends = server.lines("connection closed").filter(({ reason }) => reason === "stale");
  const longestMs = Math.max(...ends.map(({ silentSeconds }) => silentSeconds * 1_000));
  assertLessOrEqual(longestMs, BOUND_MS + metrics.value("systole_stalls_total") * 250);
  console.log(
    `silent clients were gone after ${Math.min(...silentMs).toFixed(0)} to ` +
      `${Math.max(...silentMs).toFixed(0)} ms; of all ${dead} dead the last was found after ` +
      `${longestMs.toFixed(0)} ms; this loop was at most ${watch.worstMs().toFixed(0)} ms late`,
  );
});
