/**
 * Clients of the library on a hub with history, whose connections are cut at random: each record of
 * each channel arrives once, in order, and nobody is told of a gap.
 *
 * @module
 */

import { assert, assertEquals, assertGreater } from "@std/assert";
// @ts-types="@types/ws"
import { WebSocket } from "ws";
import { HeartbeatSocket, type WebSocketConstructor } from "../../server/sdk/heartbeat_socket.ts";
import { seeded } from "../support/fakes/seeded.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import { postJson } from "../support/peers/post_json.ts";
import { ServerProcess } from "../support/server/server_process.ts";
import { until } from "../support/until.ts";

const CLIENTS = 40;
const CHANNELS = Array.from({ length: 10 }, (_, index) => `channel ${index}`);
const RUN_MS = 8_000;
/** From one round of publications, one on each channel, to the next, ms. */
const PERIOD_MS = 50;
/** A connection lasts between these, ms. */
const [MIN_LIFE_MS, MAX_LIFE_MS] = [200, 2_500];

const random = seeded(12);
let cuts = 0;

/** Ends by itself, without a close frame. */
class ShortLivedSocket extends WebSocket {
  static isCutting = true;

  constructor(url: string | URL, protocols?: string | string[]) {
    super(url, protocols);
    const timer = setTimeout(() => {
      if (!ShortLivedSocket.isCutting) return;
      cuts++;
      this.terminate();
    }, MIN_LIFE_MS + random() * (MAX_LIFE_MS - MIN_LIFE_MS));
    this.on("close", () => clearTimeout(timer));
  }
}

/** One client, and what each of its channels has brought. */
class Listener {
  readonly received = new Map(CHANNELS.map((channel) => [channel, [] as number[]]));
  gaps = 0;
  recovered = 0;
  readonly #socket: HeartbeatSocket;

  constructor(url: string) {
    const socket = this.#socket = new HeartbeatSocket(url, {
      WebSocket: ShortLivedSocket as unknown as WebSocketConstructor,
      reconnectInterval: 20,
      maxReconnectAttempts: Infinity,
    });
    socket.addEventListener("gap", () => this.gaps++);
    socket.addEventListener("recovered", ({ count }) => this.recovered += count);
    for (const channel of CHANNELS) {
      socket.subscribe(channel, ({ data }) => this.received.get(channel)!.push(data as number));
    }
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

integrationTest(
  "Clients that are cut at random get each record once, in order, without a gap",
  async () => {
    await using server = await ServerProcess.start({
      env: { MAX_UPGRADES_PER_SECOND: "0", HISTORY_MESSAGES: "1000" },
    });
    using listeners = new DisposableStack();
    const clients = Array.from(
      { length: CLIENTS },
      () => listeners.use(new Listener(`ws://127.0.0.1:${server.port}/ws`)),
    );
    ShortLivedSocket.isCutting = true;
    await until("all are subscribed", async () => {
      const { body } = await server.ask({ path: "/api/v1/channels" });
      return JSON.parse(body).total === CHANNELS.length;
    });
    let published = 0;
    for (const endMs = performance.now() + RUN_MS; performance.now() < endMs; published++) {
      const data = published;
      await Promise.all(
        CHANNELS.map((channel) => postJson(server, "/api/v1/publish", { body: { channel, data } })),
      );
      await new Promise((resolve) => setTimeout(resolve, PERIOD_MS));
    }
    ShortLivedSocket.isCutting = false;
    const last = published - 1;
    await until(
      "everybody has the newest record",
      () =>
        clients.every(({ received }) => [...received.values()].every((it) => it.at(-1) === last)),
      { withinMs: 30_000 },
    );
    for (const { received, gaps } of clients) {
      assertEquals(gaps, 0, "told of a gap");
      for (const [channel, records] of received) {
        const expected = Array.from({ length: published - records[0] }, (_, i) => records[0] + i);
        assertEquals(records, expected, channel);
      }
    }
    const recovered = clients.reduce((sum, client) => sum + client.recovered, 0);
    assertGreater(cuts, CLIENTS);
    assertGreater(recovered, 0);
    assert(published > 20, "nothing is shown");
    console.log(`${published} rounds, ${cuts} cuts, ${recovered} records replayed`);
  },
);
