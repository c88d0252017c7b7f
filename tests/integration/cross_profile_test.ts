/**
 * One hub for all systems: what is published on a topic of one of them reaches its own clients and
 * those of the profiles that can subscribe to any topic, each in its own format, on whichever process.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { integrationTest } from "../support/integration_test_case.ts";
import { postJson } from "../support/peers/post_json.ts";
import {
  jsonForm,
  ofEventsHub,
  ofInfoway,
  ofJson,
  ofTalo,
  ofTank,
  type ReceivingClient,
  tankForm,
} from "../support/peers/receiving_client.ts";
import { RedisServer } from "../support/server/redis_server.ts";
import { ServerProcess } from "../support/server/server_process.ts";
import { until } from "../support/until.ts";
import { aliasForm, channelForm } from "../support/peers/talo_forms.ts";

const VM = { vm_id: "7", state: "running", more: ["ä", null, 1e21, { "": false }] };
const TRADE = { s: "BTCUSDT", t: 1747550648097, p: "104131.15", v: "0.01", vw: "1041.3", td: 1 };

/** A hub: where its subscribers are, and where it is published. */
interface Hub extends AsyncDisposable {
  readonly subscribers: ServerProcess;
  readonly publishers: ServerProcess;
}

const HUBS: Readonly<Record<string, () => Promise<Hub>>> = {
  "one process": async () => {
    const server = await ServerProcess.start();
    return {
      subscribers: server,
      publishers: server,
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  },
  "two processes": async () => {
    const all = new AsyncDisposableStack();
    const redis = all.use(await RedisServer.start());
    const start = async () => {
      const server = all.use(await ServerProcess.start({ env: { REDIS_URL: redis.url } }));
      await server.line("connected to Redis");
      return server;
    };
    return {
      subscribers: await start(),
      publishers: await start(),
      [Symbol.asyncDispose]: () => all.disposeAsync(),
    };
  },
};

async function followedBy(server: ServerProcess, channel: string, count: number): Promise<void> {
  await until(`${count} subscribers of ${channel}`, async () => {
    const { channels } = JSON.parse((await server.ask({ path: "/api/v1/channels" })).body);
    return channels.find((it: { channel: string }) => it.channel === channel)?.subscribers ===
      count;
  });
}

/** Publishes over HTTP, once all three are subscribed. */
async function publish(
  { subscribers, publishers }: Hub,
  channel: string,
  data: unknown,
): Promise<void> {
  await followedBy(publishers, channel, 3);
  const answer = await postJson(publishers, "/api/v1/publish", { body: { channel, data } });
  const count = JSON.parse(answer.body).subscribers;
  assertEquals([answer.status, count], [200, subscribers === publishers ? 3 : 0]);
}

/** One publication on a topic of a profile's own client, and its frame there. */
async function reachesAllThree(
  hub: Hub,
  { own, channel, data, form }: {
    own: ReceivingClient;
    channel: string;
    data: unknown;
    form: string;
  },
): Promise<void> {
  using json = await ofJson(hub.subscribers, channel);
  using tank = await ofTank(hub.subscribers, channel);
  await publish(hub, channel, data);
  await own.gets(form);
  await json.gets(jsonForm(channel, data));
  await tank.gets(tankForm(channel, data));
  await hub.subscribers.metrics(); // a round trip, for what should not come
  for (const subscriber of [own, json, tank]) subscriber.gotNothingElse();
}

for (const [name, start] of Object.entries(HUBS)) {
  integrationTest(
    `One publication reaches the system whose topic it is, json and tank, each in its own words: ${name}`,
    async () => {
      await using hub = await start();
      using eventsHub = await ofEventsHub(hub.subscribers);
      using infoway = await ofInfoway(hub.subscribers);
      using talo = await ofTalo(hub.subscribers);
      const frame = `{"res":"v1.channels.message","data":{"channel":${channelForm(1)},"message":`;
      talo.say({ req: "v1.channels.message", data: { channel: { id: 1 }, message: "joins" } });
      await talo.gets(`${frame}"joins","playerAlias":${aliasForm(7)}}}`);
      await reachesAllThree(hub, {
        own: eventsHub,
        channel: "pdfm",
        data: VM,
        form: '{"id":"<hex64>","event_type":"pdfm","timestamp":"<rfc3339>","message":"pdfm",' +
          `"body":${JSON.stringify(VM)}}`,
      });
      await reachesAllThree(hub, {
        own: infoway,
        channel: "trade/BTCUSDT",
        data: TRADE,
        form: `{"code":10002,"data":${JSON.stringify(TRADE)}}`,
      });
      await reachesAllThree(hub, {
        own: talo,
        channel: "channels/1",
        data: "from a backend",
        form: `${frame}"from a backend"}}`,
      });
      for (const subscriber of [eventsHub, infoway, talo]) subscriber.gotNothingElse();
    },
  );

  integrationTest(`What a talo client says reaches json and tank and itself: ${name}`, async () => {
    await using hub = await start();
    const channel = "channels/1";
    using own = await ofTalo(hub.publishers);
    using json = await ofJson(hub.subscribers, channel);
    using tank = await ofTank(hub.subscribers, channel);
    await followedBy(hub.publishers, channel, 2);
    const message = 'hi, "all"';
    own.say({ req: "v1.channels.message", data: { channel: { id: 1 }, message } });
    await own.gets(
      `{"res":"v1.channels.message","data":{"channel":${channelForm(1)},` +
        `"message":"hi, \\"all\\"","playerAlias":${aliasForm(7)}}}`,
    );
    await json.gets(jsonForm(channel, message));
    await tank.gets(tankForm(channel, message));
    await hub.subscribers.metrics();
    for (const subscriber of [own, json, tank]) subscriber.gotNothingElse();
  });
}
