/**
 * Every published example of the five systems, as it stands and at the URL path it uses, against an
 * open server: only host and port are ours, and the intervals where half a minute would be waited.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { integrationTest } from "../support/integration_test_case.ts";
import { ServerProcess } from "../support/server/server_process.ts";
import { TextClient } from "../support/peers/text_client.ts";
import { until, within } from "../support/until.ts";
import { Wscat } from "../support/peers/wscat.ts";

/** Half a second from ping to ping, so that the examples are pinged while we look. */
const FAST = { PING_PERIOD_MS: "500", PONG_WAIT_MS: "2000" };

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

// The four command lines of the events-hub documentation, each with its own way to authenticate.
const SUBSCRIBE = "/api/v1/ws/subscribe?event_types=pdfm,health";
const WSCAT_COMMANDS: readonly (readonly [string, string, ...string[]])[] = [
  ["the Authorization header", SUBSCRIBE, "-H", "Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.e30.x"],
  ["access_token", `${SUBSCRIBE}&access_token=eyJhbGciOiJIUzI1NiJ9.e30.x`],
  ["authorization in the query", `${SUBSCRIBE}&authorization=Bearer%20eyJhbGciOiJIUzI1NiJ9.e30.x`],
  ["the X-Api-Key header", SUBSCRIBE, "-H", `X-Api-Key: ${btoa("mykey:mysecret")}`],
];

for (const [way, path, ...flags] of WSCAT_COMMANDS) {
  integrationTest(`events-hub's wscat connects by ${way} and gets a pong`, async () => {
    await using server = await ServerProcess.start();
    await using wscat = new Wscat("-c", new URL(path, server.url).href, ...flags);
    const welcome = await wscat.nextJson();
    assertEquals(welcome.event_type, "global");
    assertEquals(welcome.body.subscriptions, ["pdfm", "health", "global"]);
    assertMatch(welcome.body.client_id, UUID);
    await wscat.type('{"event_type":"health","message":"ping","id":"hc-1"}');
    const pong = await wscat.nextJson();
    assertEquals([pong.message, pong.ref_id], ["pong", "hc-1"]);
    assertEquals(pong.client_id, welcome.body.client_id);
  });
}

integrationTest("Infoway's subscription example gets its ack and its pushes", async () => {
  await using server = await ServerProcess.start();
  const url = new URL("/ws?business=crypto&apikey=yourApikey", server.url);
  using client = await TextClient.connect(url);
  assertEquals(await client.next(), '{"code":200,"msg":"ws connect success"}');
  const trace = "423afec425004bd8a5e02e1ba5f9b2b0";
  client.send({ code: 10000, trace, data: { codes: "BTCUSDT,ETHUSDT" } });
  assertEquals(await client.next(), `{"code":10001,"trace":"${trace}","msg":"ok"}`);
  client.send({ code: 10010, trace }); // the heartbeat gets no reply: the next frame is the push
  using publisher = await TextClient.connect(new URL("/ws", server.url));
  const trade = { s: "BTCUSDT", t: 1747550648097, p: "104131.15", v: "0.01", vw: "1041.3", td: 1 };
  publisher.send({ type: "publish", channel: "trade/BTCUSDT", data: trade });
  assertEquals(await client.nextJson(), { code: 10002, data: trade });
});

integrationTest(
  "tank's new SocketClient('ws://localhost:8080/ws') works by DEFAULT_PROFILE=tank",
  async () => {
    const env = { DEFAULT_PROFILE: "tank", TANK_PING_PERIOD_MS: "500", TANK_PONG_WAIT_MS: "1500" };
    await using server = await ServerProcess.start({ env });
    await using socket = new SocketClient(localhost(server, "/ws"));
    const news: unknown[] = [];
    socket.subscribe("news", (data) => news.push(data));
    const [hello] = await until("a welcome", () => socket.texts.length > 0 && socket.texts);
    assertMatch(hello, /^Hello, client_\d+! Welcome to WebSocket server\.$/);
    using publisher = await TextClient.connect(new URL("/ws/json", server.url));
    const publish = (data: unknown) => publisher.send({ type: "publish", channel: "news", data });
    publish("first");
    await until("a publication", () => news.length === 1);
    // It never answers the text heartbeat, and lives on beyond the deadline by its control pongs.
    await until(
      "heartbeats",
      () => socket.texts.filter((text) => text === "heartbeat").length >= 4,
    );
    assertEquals(socket.connections, 1);
    publish({ second: 2 });
    await until("another publication", () => news.length === 2);
    assertEquals(news, ["first", '{"second":2}']);
  },
);

integrationTest(
  "talo's browser example without a ticket gets its heartbeat back on /",
  async () => {
    await using server = await ServerProcess.start();
    const socket = new WebSocket(localhost(server, "/"));
    const closed = closeOf(socket);
    let echoes = 0;
    socket.onopen = () => socket.send("v1.heartbeat");
    socket.onmessage = ({ data }) => {
      if (data !== "v1.heartbeat") return void JSON.parse(data);
      if (++echoes < 3) socket.send("v1.heartbeat");
    };
    await until("the echoes", () => echoes === 3);
    socket.close();
    await closed;
  },
);

integrationTest("The article's browser class pings and is pinged on /ws", async () => {
  await using server = await ServerProcess.start({ env: FAST });
  const socket = new WebSocket(localhost(server, "/ws"));
  const closed = closeOf(socket);
  const sentAt = Date.now();
  const pongs: { id?: string; timestamp: number; serverTime: number }[] = [];
  const answered: string[] = [];
  socket.onopen = () => {
    socket.send(JSON.stringify({ type: "ping", timestamp: sentAt }));
    socket.send(JSON.stringify({ type: "ping", id: "ping-2", timestamp: sentAt + 1 }));
  };
  socket.onmessage = (event) => {
    const message = JSON.parse(event.data);
    if (message.type === "pong") pongs.push(message);
    if (message.type !== "ping") return;
    const { id, timestamp } = message;
    answered.push(id);
    socket.send(JSON.stringify({ type: "pong", id, timestamp, clientTime: Date.now() }));
  };
  await until("pings both ways", () => pongs.length === 2 && answered.length >= 3);
  assertEquals(pongs.map(({ id, timestamp }) => [id, timestamp]), [
    [undefined, sentAt],
    ["ping-2", sentAt + 1],
  ]);
  assert(pongs.every(({ serverTime }) => Math.abs(serverTime - Date.now()) < 60_000));
  assertEquals(new Set(answered).size, answered.length, "every ping has an id of its own");
  await pongsCounted(server, answered.length);
  socket.close();
  await closed;
});

// The Go client answers by the ping's timestamp, the Python client by nothing at all.
for (
  const [language, pongTo] of [
    ["Go", ({ timestamp }: { timestamp: number }) => ({ type: "pong", timestamp })],
    ["Python", () => ({ type: "pong" })],
  ] as const
) {
  integrationTest(
    `The article's ${language} client's pong, without id and clientTime, counts`,
    async () => {
      await using server = await ServerProcess.start({ env: FAST });
      // Without control pongs, as behind a proxy that strips them: the app pongs alone keep it.
      using client = await TextClient.connect(new URL("/ws", server.url), { autoPong: false });
      assertEquals((await client.nextJson()).type, "welcome");
      client.send({ type: "ping", timestamp: 1_700_000_000_000 });
      assertEquals((await client.nextJson()).timestamp, 1_700_000_000_000);
      for (let i = 1; i <= 6; i++) { // 3 s, beyond the 2 s after which it would be dead
        let ping = await client.nextJson();
        while (ping.type === "health_status") ping = await client.nextJson(); // told on change
        assertEquals(ping.type, "ping");
        client.send(pongTo(ping));
      }
      await pongsCounted(server, 6);
      assert(client.open);
    },
  );
}

/** Waits until the server has counted the app pongs, none of them as malformed. */
async function pongsCounted(server: ServerProcess, atLeast: number): Promise<void> {
  await until("app pongs in the metrics", async () => {
    const metrics = await server.metrics();
    return metrics.value("systole_pongs_received_total", { profile: "json", kind: "app" }) >=
      atLeast;
  });
}

/** The examples all say localhost. */
function localhost(server: ServerProcess, path: string): string {
  return `ws://localhost:${server.port}${path}`;
}

function closeOf(socket: WebSocket): Promise<void> {
  return within("the end", 5_000, new Promise((resolve) => socket.onclose = () => resolve()));
}

/**
 * Tank's client as its documentation has it: it never answers the text heartbeat, subscribes again
 * on every connection, and polls once a second whether it has to reconnect.
 */
class SocketClient implements AsyncDisposable {
  readonly texts: string[] = [];
  connections = 0;
  readonly #url: string;
  readonly #listeners = new Map<string, (data: unknown) => void>();
  readonly #poll: ReturnType<typeof setInterval>;
  #socket: WebSocket;

  constructor(url: string) {
    this.#url = url;
    this.#socket = this.#connect();
    this.#poll = setInterval(() => {
      if (this.#socket.readyState === WebSocket.CLOSED) this.#socket = this.#connect();
    }, 1_000);
  }

  subscribe(topic: string, listener: (data: unknown) => void): void {
    this.#listeners.set(topic, listener);
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(`sub:${topic}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#poll);
    const closed = closeOf(this.#socket);
    this.#socket.close();
    await closed;
  }

  #connect(): WebSocket {
    const socket = new WebSocket(this.#url);
    socket.onopen = () => {
      this.connections++;
      for (const topic of this.#listeners.keys()) socket.send(`sub:${topic}`);
    };
    socket.onmessage = ({ data }) => {
      this.texts.push(data);
      if (!data.startsWith("{")) return;
      const { topic, data: published } = JSON.parse(data);
      this.#listeners.get(topic)?.(published);
    };
    return socket;
  }
}
