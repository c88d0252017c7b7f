import {
  assert,
  assertEquals,
  assertGreaterOrEqual,
  assertLessOrEqual,
  assertMatch,
} from "@std/assert";
import { integrationTest } from "../support/integration_test_case.ts";
import { ServerProcess } from "../support/server/server_process.ts";
import { aliasForm, channelForm } from "../support/peers/talo_forms.ts";
import { patternOf } from "../support/peers/transcript.ts";
import { TextClient } from "../support/peers/text_client.ts";
import { at, LoopWatch, sideBySide } from "../support/until.ts";

/** Talo's own 30 s, scaled down 60 times; so the 30 to 60 s of its rule become 0.5 to 1 s. */
const PERIOD_MS = 500;
const ENV = { TALO_PING_PERIOD_MS: `${PERIOD_MS}`, TALO_PONG_WAIT_MS: `${PERIOD_MS}` };
/** Six periods: a client that is not heard is gone after two. */
const WATCHED_MS = 6 * PERIOD_MS;
/** What the wheel adds to any deadline (DESIGN section 4). */
const WHEEL_MS = 100;

const HEARTBEAT = "v1.heartbeat";
const IDENTIFY = '{"req":"v1.players.identify","data":{"playerAliasId":7,"socketToken":"any"}}';
const SAY = '{"req":"v1.channels.message","data":{"channel":{"id":1},"message":"hi"}}';

interface Scene {
  readonly server: ServerProcess;
  readonly watch: LoopWatch;
}

async function connect({ server }: Scene, autoPong: boolean): Promise<TextClient> {
  const url = new URL("/game?ticket=any", server.url);
  const client = await TextClient.connect(url, { autoPong });
  assertEquals(await client.next(), '{"res":"v1.connected","data":{}}');
  return client;
}

async function livesOn(client: TextClient): Promise<void> {
  await at(client.bornMs + WATCHED_MS);
  assert(client.open, `ended with ${client.ended?.code}`);
  assertGreaterOrEqual(client.pings, WATCHED_MS / PERIOD_MS - 1);
}

/** How late the server itself, or this process, may have been. */
async function excuseMs({ server, watch }: Scene, sinceMs: number): Promise<number> {
  const metrics = await server.metrics();
  const stalls = metrics.value("systole_stalls_total");
  const stalledMs = metrics.value("systole_stalled_seconds_total") * 1_000 + stalls * 250;
  return stalledMs + watch.worstMs(sinceMs) + 50;
}

async function isTerminated(client: TextClient, scene: Scene): Promise<void> {
  const { code, atMs } = await client.end();
  const livedMs = atMs - client.bornMs;
  assertEquals(code, 1006, "terminated without a close frame");
  assertGreaterOrEqual(livedMs, PERIOD_MS);
  assertLessOrEqual(
    livedMs,
    2 * PERIOD_MS + WHEEL_MS + await excuseMs(scene, client.bornMs),
  );
  assertGreaterOrEqual(client.pings, 1);
}

async function answersPings(scene: Scene) {
  using client = await connect(scene, true);
  await livesOn(client);
  assertEquals(client.texts.length, 1, "nothing comes unasked");
}

async function saysHeartbeatOnly(scene: Scene) {
  using client = await connect(scene, false);
  using _beat = client.repeat(HEARTBEAT, PERIOD_MS * 0.4);
  await livesOn(client);
  const [, ...echoes] = client.texts;
  assertGreaterOrEqual(echoes.length, 6);
  assertEquals(new Set(echoes), new Set([HEARTBEAT]));
}

async function answersNothing(scene: Scene) {
  using client = await connect(scene, false);
  await isTerminated(client, scene);
}

async function talksAllTheTime(scene: Scene) {
  using client = await connect(scene, false);
  client.send(IDENTIFY);
  using _talk = client.repeat(SAY, PERIOD_MS * 0.1);
  await isTerminated(client, scene);
  const form = `{"res":"v1.channels.message","data":{"channel":${channelForm(1)},"message":"hi",` +
    `"playerAlias":${aliasForm(7)}}}`;
  assertMatch(client.texts.at(-1) ?? "", patternOf(form));
}

integrationTest("talo keeps who pongs or says v1.heartbeat, and no one else", async () => {
  await using server = await ServerProcess.start({ env: ENV });
  using watch = new LoopWatch();
  const scene = { server, watch };
  await sideBySide(
    answersPings(scene),
    saysHeartbeatOnly(scene),
    answersNothing(scene),
    talksAllTheTime(scene),
  );
});
