/**
 * Clients of the library on a hub with history, whose connections are cut at random, in each way in which
 * connections end: each record of each channel arrives once, in order, and nobody is told of a gap.
 *
 * `RESUME_SECONDS=60` cuts and publishes for a minute.
 *
 * @module
 */

import { assertEquals, assertGreater } from "@std/assert";
// @ts-types="@types/ws"
import { type ClientOptions, WebSocket } from "ws";
import {
  HeartbeatSocket,
  type Subscription,
  type WebSocketConstructor,
} from "../../server/sdk/heartbeat_socket.ts";
import { seeded } from "../support/fakes/seeded.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import { Cutter } from "../support/peers/cutter.ts";
import { TcpRelay } from "../support/peers/tcp_relay.ts";
import { WsClient } from "../support/peers/ws_client.ts";
import { type ChannelRecord, RecordChecker } from "../support/record_checker.ts";
import { ServerProcess } from "../support/server/server_process.ts";
import { until } from "../support/until.ts";

const RUN_MS = 1_000 * Number(Deno.env.get("RESUME_SECONDS") ?? 10);
const CLIENTS = 200;
const CHANNELS = Array.from({ length: 20 }, (_, index) => `channel ${index}`);
/** Of each client. */
const SUBSCRIPTIONS = 2;
const MESSAGES_PER_SECOND = 2_000;
const TICK_MS = 25;
/** A connection is cut after this, ms. */
const [MIN_LIFE_MS, MAX_LIFE_MS] = [500, 5_500];
/** How often the platform tells the clients that there is a network, ms: they count attempts anew. */
const ONLINE_MS = 2_000;
/** After the last cut: connections that vanished must be found, on a busy machine. */
const RETURN_MS = 30_000;

const MOVED = "advised to move";

const random = seeded(12);

const cutter = new Cutter({ random, minLifeMs: MIN_LIFE_MS, maxLifeMs: MAX_LIFE_MS });
const sockets = new Set<AdvisedSocket>();

/** Gets an advice to move among the hub's frames: a hub by itself gives one only where health is poor. */
class AdvisedSocket extends WebSocket {
  constructor(url: string | URL, protocols?: string | string[]) {
    // The hub's close frame does not come through a connection that has vanished.
    super(url, protocols, { closeTimeout: 500 } as ClientOptions);
    sockets.add(this);
    this.on("close", () => sockets.delete(this));
    this.on("open", () =>
      cutter.later(() => {
        if (this.readyState !== WebSocket.OPEN) return;
        const advice = { type: "reconnect", afterMs: 100, reason: "rebalance" };
        this.emit("message", new TextEncoder().encode(JSON.stringify(advice)), false);
        cutter.count(MOVED);
      }));
  }
}

/** A client with two subscriptions, and what it has been told. */
class Listener implements Disposable {
  readonly checker: RecordChecker;
  readonly subscriptions: readonly Subscription[];
  /** What must not happen here. */
  readonly losses: string[] = [];
  /** Records that it was replayed. */
  recovered = 0;
  readonly #socket: HeartbeatSocket;

  constructor(url: string, channels: readonly string[]) {
    this.checker = new RecordChecker(channels);
    const socket = this.#socket = new HeartbeatSocket(url, {
      WebSocket: AdvisedSocket as unknown as WebSocketConstructor,
      heartbeatInterval: 500,
      heartbeatTimeout: 1_000,
      connectTimeout: 3_000,
      reconnectInterval: 100,
      maxReconnectAttempts: Infinity,
    });
    socket.addEventListener("gap", ({ channel }) => this.losses.push(`gap in ${channel}`));
    socket.addEventListener("giveup", ({ reason }) => this.losses.push(`given up: ${reason}`));
    socket.addEventListener("recovered", ({ count }) => this.recovered += count);
    socket.addEventListener("message", ({ data }) => {
      if (/^{"type":"subscribed".*"recovered":false/.test(data)) this.losses.push(data);
    });
    this.subscriptions = channels.map((channel) =>
      socket.subscribe(channel, ({ data }) => this.checker.take(channel, data as ChannelRecord))
    );
  }

  /** All that was wrong. */
  get faults(): readonly string[] {
    return [...this.losses, ...this.checker.faults];
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

/** Publishes on all channels in turn for so long. @returns how many records each has */
async function publish(publisher: WsClient, runMs: number): Promise<Map<string, number>> {
  const published = new Map(CHANNELS.map((channel) => [channel, 0]));
  const startMs = performance.now();
  for (let count = 0;;) {
    const elapsedMs = Math.min(runMs, performance.now() - startMs);
    for (; count < elapsedMs / 1_000 * MESSAGES_PER_SECOND; count++) {
      const channel = CHANNELS[count % CHANNELS.length];
      const number = published.get(channel)! + 1;
      published.set(channel, number);
      publisher.send({ type: "publish", channel, data: { channel, number } });
    }
    if (elapsedMs === runMs) return published;
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
}

integrationTest(
  "Clients that are cut at random get each record once, in order, without a gap",
  async () => {
    await using server = await ServerProcess.start({
      env: {
        PING_PERIOD_MS: "500",
        PONG_WAIT_MS: "1500",
        MAX_MESSAGES_PER_SECOND: "0",
        HISTORY_MESSAGES: "1000000", // none of the bounds is reached
        HISTORY_BYTES: String(2 ** 30),
      },
    });
    await using relay = await TcpRelay.start({
      target: server.port,
      connected: (connection) => cutter.cutLater(connection),
    });
    using listeners = new DisposableStack();
    listeners.defer(() => sockets.forEach((socket) => socket.terminate()));
    listeners.defer(() => cutter.stop());
    const clients = Array.from({ length: CLIENTS }, (_, index) => {
      const channels = Array.from(
        { length: SUBSCRIPTIONS },
        (_, which) => CHANNELS[(index + 7 * which) % CHANNELS.length],
      );
      return listeners.use(new Listener(`ws://127.0.0.1:${relay.port}/ws`, channels));
    });
    await until(
      "all subscriptions",
      () => clients.every(({ subscriptions }) => subscriptions.every(({ position }) => position)),
      { withinMs: RETURN_MS },
    );
    using publisher = await WsClient.connect(server.url);
    const online = setInterval(() => dispatchEvent(new Event("online")), ONLINE_MS);
    listeners.defer(() => clearInterval(online));
    cutter.start(relay.connections);
    const published = await publish(publisher, RUN_MS);
    cutter.stop();
    const endMs = performance.now();
    await until(
      "everybody has the newest record",
      () =>
        clients.every(({ checker }) => checker.isComplete(published)) ||
        clients.some(({ losses }) => losses.length > 0), // after a gap it may never come
      { withinMs: RETURN_MS },
    );
    const returnMs = performance.now() - endMs;
    await publisher.roundTrip();
    assertEquals(publisher.of("error"), [], "a publication was refused");
    assertEquals(clients.flatMap(({ faults }) => faults), []);
    const metrics = await server.metrics();
    assertEquals(metrics.value("systole_resumes_total", { outcome: "incomplete" }), 0);
    const resumes = metrics.value("systole_resumes_total", { outcome: "recovered" });
    // Each kind of cut was made, and each made clients return for what they had missed.
    for (const [kind, count] of cutter.counts) assertGreater(count, CLIENTS / 10, kind);
    assertGreater(resumes, CLIENTS * SUBSCRIPTIONS);
    const replayed = clients.reduce((sum, { recovered }) => sum + recovered, 0);
    assertGreater(replayed, CLIENTS);
    console.log(
      `${[...published.values()].reduce((all, count) => all + count)} records, ` +
        `${[...cutter.counts].map(([kind, count]) => `${count} ${kind}`).join("; ")}; ` +
        `${resumes} resumes, ${replayed} records replayed; ` +
        `complete ${Math.round(returnMs)} ms after the last`,
    );
  },
);
