/**
 * Clients of the library on three processes that are one hub by Redis. Processes are killed and started
 * again, and pub/sub connections are cut: each record of each channel arrives once, in order, and nobody
 * is told of a gap. Publishers repeat under its id what has failed, elsewhere.
 *
 * @module
 */

import { assert, assertEquals, assertGreater } from "@std/assert";
// @ts-types="@types/ws"
import { WebSocket } from "ws";
import { HeartbeatSocket, type WebSocketConstructor } from "../../server/sdk/heartbeat_socket.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import { postJson } from "../support/peers/post_json.ts";
import { RedisServer } from "../support/server/redis_server.ts";
import { ServerProcess } from "../support/server/server_process.ts";
import { until } from "../support/until.ts";

const NODES = 3;
const CLIENTS = 30;
const CHANNELS = Array.from({ length: 5 }, (_, index) => `channel {${index}}`);
const ROUNDS = 80;
/** From one round of publications, one on each channel, to the next, ms. */
const PERIOD_MS = 50;
/** In these rounds a process is killed; a fifth of the way later another one is there. */
const KILLS = [20, 50];
/** In this round all pub/sub connections are cut. */
const CUT = 40;

/** The processes that clients reach. */
const alive: ServerProcess[] = [];
let turn = 0;
const next = () => alive[turn++ % alive.length];

/** Connects to each process in turn, as behind a load balancer. */
class BalancedSocket extends WebSocket {
  constructor(_url: string | URL, protocols?: string | string[]) {
    super(`ws://127.0.0.1:${next().port}/ws`, protocols);
  }
}

/** One client, and what each of its channels has brought. */
class Listener {
  readonly received = new Map(CHANNELS.map((channel) => [channel, [] as number[]]));
  gaps = 0;
  recovered = 0;
  readonly #socket: HeartbeatSocket;

  constructor() {
    const socket = this.#socket = new HeartbeatSocket("ws://127.0.0.1/ws", {
      WebSocket: BalancedSocket as unknown as WebSocketConstructor,
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

/** Publishes once, on whichever process takes it. */
async function publish(channel: string, data: number): Promise<void> {
  await until("a process takes a publication", async () => {
    try {
      const body = { channel, data, id: `${data}` };
      return (await postJson(next(), "/api/v1/publish", { body })).status === 200;
    } catch {
      return false; // it was killed meanwhile
    }
  });
}

integrationTest(
  "Clients of three processes on one Redis miss nothing when one is killed",
  async () => {
    await using redis = await RedisServer.start();
    await using processes = new AsyncDisposableStack();
    const start = async () => {
      const server = processes.use(await ServerProcess.start({ env: { REDIS_URL: redis.url } }));
      await server.line("connected to Redis");
      alive.push(server);
    };
    for (let n = 0; n < NODES; n++) await start();
    using listeners = new DisposableStack();
    const clients = Array.from({ length: CLIENTS }, () => listeners.use(new Listener()));
    await until("all processes have all channels", async () => {
      const answers = await Promise.all(
        alive.map((each) => each.ask({ path: "/api/v1/channels" })),
      );
      return answers.every(({ body }) => JSON.parse(body).total === CHANNELS.length);
    });
    let starting: Promise<void> | undefined;
    for (let round = 0; round < ROUNDS; round++) {
      if (KILLS.includes(round)) {
        Deno.kill(alive.shift()!.pid, "SIGKILL");
        starting = start();
      }
      if (round === CUT) await redis.command("CLIENT", "KILL", "TYPE", "pubsub");
      await Promise.all(CHANNELS.map((channel) => publish(channel, round)));
      await new Promise((resolve) => setTimeout(resolve, PERIOD_MS));
    }
    await starting;
    await until(
      "everybody has the newest record",
      () =>
        clients.every(({ received }) =>
          [...received.values()].every((it) => it.at(-1) === ROUNDS - 1)
        ),
      { withinMs: 30_000 },
    );
    for (const { received, gaps } of clients) {
      assertEquals(gaps, 0, "told of a gap");
      for (const [channel, records] of received) {
        const expected = Array.from({ length: ROUNDS - records[0] }, (_, i) => records[0] + i);
        assertEquals(records, expected, channel);
        assert(records[0] < KILLS[0], "it began late: nothing is shown");
      }
    }
    assertGreater(clients.reduce((sum, client) => sum + client.recovered, 0), 0);
  },
);
