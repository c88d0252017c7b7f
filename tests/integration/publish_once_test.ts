/**
 * Publications by id over connections that are cut at random: each takes effect exactly once.
 *
 * @module
 */

import { assert, assertEquals, assertGreater } from "@std/assert";
// @ts-types="@types/ws"
import { type ClientOptions, WebSocket } from "ws";
import { delay } from "@std/async";
import { HeartbeatSocket, type WebSocketConstructor } from "../../server/sdk/heartbeat_socket.ts";
import { seeded } from "../support/fakes/seeded.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import { Cutter } from "../support/peers/cutter.ts";
import { TcpRelay } from "../support/peers/tcp_relay.ts";
import { WsClient } from "../support/peers/ws_client.ts";
import { ServerProcess } from "../support/server/server_process.ts";
import { until } from "../support/until.ts";

const PUBLISHERS = 20;
const PUBLICATIONS = 500;
/** Of one publisher, without an answer. */
const IN_FLIGHT = 5;
/** Before each, ms: so that connections are cut all the while. */
const PAUSE_MS = 20;
const LIVES = { minLifeMs: 100, maxLifeMs: 1_100 };
/** A connection that has vanished must be found, on a busy machine, again and again. */
const PATIENCE_MS = 60_000;
const CHANNEL = "orders";

const ENV = {
  PING_PERIOD_MS: "500",
  PONG_WAIT_MS: "1500",
  MAX_MESSAGES_PER_SECOND: "0",
  HISTORY_MESSAGES: "100000",
};

/** The hub's close frame does not come through a connection that has vanished. */
class ShortClose extends WebSocket {
  constructor(url: string | URL, protocols?: string | string[]) {
    super(url, protocols, { closeTimeout: 300 } as ClientOptions);
  }
}

/** What a publisher publishes. */
interface Order {
  readonly publisher: number;
  readonly number: number;
}

/** Each publisher publishes its orders, so many at a time. */
async function publishAll(publish: (order: Order) => Promise<unknown>): Promise<void> {
  const publishers = Array.from({ length: PUBLISHERS }, async (_, publisher) => {
    let number = 0;
    const next = async () => {
      while (number < PUBLICATIONS) {
        const order = { publisher, number: number++ };
        await delay(PAUSE_MS);
        await publish(order);
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, next));
  });
  await Promise.all(publishers);
}

/** How often each order was received. */
class Orders {
  readonly counts = new Map<string, number>();

  take({ publisher, number }: Order): void {
    const key = `${publisher} ${number}`;
    this.counts.set(key, (this.counts.get(key) ?? 0) + 1);
  }
}

async function subscriber(server: ServerProcess, orders: Orders): Promise<WsClient> {
  const client = await WsClient.connect(server.url);
  client.on("message", ({ data }) => orders.take(data));
  client.send({ type: "subscribe", channel: CHANNEL });
  await client.message("subscribed");
  return client;
}

function report(cutter: Cutter, duplicates: number): void {
  const cuts = [...cutter.counts].map(([kind, count]) => `${count} ${kind}`).join("; ");
  console.log(`${PUBLISHERS * PUBLICATIONS} publications; ${cuts}; ${duplicates} repeats`);
}

integrationTest("What the library publishes takes effect once, however it is cut off", async () => {
  await using server = await ServerProcess.start({ env: ENV });
  const cutter = new Cutter({ random: seeded(3), ...LIVES });
  await using relay = await TcpRelay.start({
    target: server.port,
    connected: (connection) => cutter.cutLater(connection),
  });
  using ended = new DisposableStack();
  const orders = new Orders();
  using _reader = await subscriber(server, orders);
  const sockets = Array.from({ length: PUBLISHERS }, () =>
    ended.adopt(
      new HeartbeatSocket(`ws://127.0.0.1:${relay.port}/ws`, {
        WebSocket: ShortClose as unknown as WebSocketConstructor,
        heartbeatInterval: 300,
        heartbeatTimeout: 500,
        connectTimeout: 3_000,
        reconnectInterval: 50,
        maxReconnectAttempts: Infinity,
      }),
      (socket) => socket.close(),
    ));
  ended.defer(() => cutter.stop());
  const online = setInterval(() => dispatchEvent(new Event("online")), 1_000);
  ended.defer(() => clearInterval(online));
  cutter.start(relay.connections);
  const offsets: number[] = [];
  await publishAll(async (order) => {
    const position = await sockets[order.publisher].publish(CHANNEL, order);
    offsets.push(position!.offset!);
  });
  cutter.stop();
  const total = PUBLISHERS * PUBLICATIONS;
  await until("all orders", () => orders.counts.size === total, { withinMs: PATIENCE_MS });
  assertEquals([...orders.counts].filter(([, count]) => count !== 1), []);
  offsets.sort((a, b) => a - b);
  assertEquals(offsets, Array.from({ length: total }, (_, index) => index + 1));
  const metrics = await server.metrics();
  const duplicates = metrics.value("systole_publications_duplicate_total");
  report(cutter, duplicates);
  assertGreater(duplicates, 0, "no answer was lost");
  for (const [kind, count] of cutter.counts) assertGreater(count, 5, kind);
});

/** A client as people write it: it counts its ids from 1 on each connection. */
class PlainClient implements Disposable {
  readonly #url: string;
  #socket: ShortClose | undefined;
  #lastId = 0;
  /** By the id: called with whether the answer has come. */
  #waiting = new Map<string, (isAnswered: boolean) => void>();

  constructor(url: string) {
    this.#url = url;
  }

  /** Publishes, and again on a new connection when the answer does not come. */
  async publish(data: Order): Promise<void> {
    for (let isAnswered = false; !isAnswered;) {
      const socket = this.#socket ??= this.#connect();
      isAnswered = await new Promise<boolean>((resolve) => {
        const id = `${++this.#lastId}`;
        const send = () =>
          socket.send(JSON.stringify({ type: "publish", channel: CHANNEL, data, id }));
        if (socket.readyState === WebSocket.OPEN) send();
        else socket.once("open", send);
        const timer = setTimeout(() => socket.terminate(), 1_000);
        this.#waiting.set(id, (isAnswered) => {
          clearTimeout(timer);
          resolve(isAnswered);
        });
      });
    }
  }

  [Symbol.dispose](): void {
    this.#socket?.terminate();
  }

  #connect(): ShortClose {
    const waiting = this.#waiting = new Map();
    this.#lastId = 0;
    const socket = new ShortClose(this.#url).setMaxListeners(2 * IN_FLIGHT);
    socket.on("message", (text) => {
      const { type, id, duplicate } = JSON.parse(`${text}`);
      if (type !== "published") return;
      assertEquals(duplicate, undefined);
      waiting.get(id)?.(true);
      waiting.delete(id);
    });
    socket.on("error", () => {}); // it closes
    socket.on("close", () => {
      if (this.#socket === socket) this.#socket = undefined;
      for (const settle of waiting.values()) settle(false);
    });
    return socket;
  }
}

integrationTest("Clients that count their ids from 1 on each connection lose none", async () => {
  await using server = await ServerProcess.start({ env: ENV });
  const cutter = new Cutter({ random: seeded(4), ...LIVES });
  await using relay = await TcpRelay.start({
    target: server.port,
    connected: (connection) => cutter.cutLater(connection),
  });
  const orders = new Orders();
  using _reader = await subscriber(server, orders);
  using ended = new DisposableStack();
  ended.defer(() => cutter.stop());
  const url = `ws://127.0.0.1:${relay.port}/ws`;
  const clients = Array.from({ length: PUBLISHERS }, () => ended.use(new PlainClient(url)));
  cutter.start(relay.connections);
  await publishAll((order) => clients[order.publisher].publish(order));
  cutter.stop();
  const total = PUBLISHERS * PUBLICATIONS;
  await until("all orders", () => orders.counts.size === total, { withinMs: PATIENCE_MS });
  const metrics = await server.metrics();
  assertEquals(metrics.value("systole_publications_duplicate_total"), 0);
  assert([...orders.counts.values()].some((count) => count > 1), "no answer was lost");
  for (const [kind, count] of cutter.counts) assertGreater(count, 5, kind);
});
