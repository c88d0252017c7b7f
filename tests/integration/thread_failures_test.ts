/**
 * A process with two threads, one of which fails: what its clients see, and what outlives it. Measured on
 * Deno 2.9.6: a worker that throws or closes has ended within 30 ms, one that loops is never interrupted.
 *
 * @module
 */

import { assert, assertEquals, assertGreater } from "@std/assert";
// @ts-types="@types/ws"
import { WebSocket } from "ws";
import { HeartbeatSocket, type WebSocketConstructor } from "../../server/sdk/heartbeat_socket.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import { postJson } from "../support/peers/post_json.ts";
import { ServerProcess, startCommand } from "../support/server/server_process.ts";
import { until } from "../support/until.ts";

const FAILING = new URL("../support/threads/failing_threads.ts", import.meta.url).pathname;
const OPTIONS = { env: { WORKERS: "2" }, command: startCommand("--preload", FAILING) };
const CLIENTS = 20;

/** From one publication, and one connect, to the next, ms. */
const PERIOD_MS = 10;

/** Clients of the library, and what each has got. */
class Crowd implements Disposable {
  readonly received: number[][] = [];
  gaps = 0;
  readonly #sockets: HeartbeatSocket[] = [];

  constructor(server: ServerProcess) {
    for (let i = 0; i < CLIENTS; i++) {
      const records: number[] = [];
      this.received.push(records);
      const socket = new HeartbeatSocket(new URL("/ws", server.url).href, {
        WebSocket: WebSocket as unknown as WebSocketConstructor,
        reconnectInterval: 20,
        maxReconnectAttempts: Infinity,
      });
      socket.addEventListener("gap", () => this.gaps++);
      socket.subscribe("c", ({ data }) => records.push(data as number));
      this.#sockets.push(socket);
    }
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket.close();
  }
}

/** Publishes and connects without a pause, until told to end. */
class Load {
  published = 0;
  refused = 0;
  connects = 0;
  #isRunning = true;
  readonly #server: ServerProcess;
  readonly #runs: Promise<void>[];

  constructor(server: ServerProcess) {
    this.#server = server;
    this.#runs = [this.#publish(), this.#connect()];
  }

  async end(): Promise<void> {
    this.#isRunning = false;
    await Promise.all(this.#runs);
  }

  async #publish(): Promise<void> {
    while (this.#isRunning) {
      const data = this.published;
      await until("a thread takes a publication", async () => {
        try {
          const body = { channel: "c", data, id: `${data}` };
          return (await postJson(this.#server, "/api/v1/publish", { body })).status === 200;
        } catch {
          return false; // its thread has ended
        }
      });
      this.published++;
      await new Promise((resolve) => setTimeout(resolve, PERIOD_MS));
    }
  }

  async #connect(): Promise<void> {
    while (this.#isRunning) {
      this.connects++;
      try {
        (await Deno.connect({ hostname: "127.0.0.1", port: this.#server.port })).close();
      } catch (error) {
        if (!(error instanceof Deno.errors.ConnectionRefused)) throw error;
        this.refused++;
      }
      await new Promise((resolve) => setTimeout(resolve, PERIOD_MS));
    }
  }
}

const restarts = (server: ServerProcess) => server.lines("a thread has started again").length;

integrationTest(
  "A thread that ends under load costs its connections alone: none is refused, nothing is missed",
  async () => {
    await using server = await ServerProcess.start(OPTIONS);
    using crowd = new Crowd(server);
    await until("all have subscribed", async () => {
      const { channels } = JSON.parse((await server.ask({ path: "/api/v1/channels" })).body);
      return channels[0]?.subscribers === CLIENTS;
    });
    const load = new Load(server);
    await until("load for longer than from one probe to the next", () => load.published > 150, {
      withinMs: 30_000,
    });
    await server.metrics(); // what a thread has counted is known from the last time that it was asked
    await server.type("close thread 1\n");
    await until("another thread", () => restarts(server) === 1);
    await server.type("close thread 1.2\n");
    await until("a third one", () => restarts(server) === 2);
    const { published } = load;
    await until("more load", () => load.published > published + 20);
    await load.end();
    await until(
      "all have the newest",
      () => crowd.received.every((records) => records.at(-1) === load.published - 1),
      { withinMs: 30_000 },
    );
    assertEquals([load.refused, crowd.gaps], [0, 0]);
    const all = Array.from({ length: load.published }, (_, i) => i);
    for (const records of crowd.received) assertEquals(records, all);
    const metrics = await server.metrics();
    assertEquals(metrics.value("systole_threads_lost_total"), 2);
    assertGreater(metrics.value("systole_connections_opened_total"), CLIENTS);
    const lost = metrics.value("systole_disconnects_total", { cause: "node lost" });
    assertGreater(lost, 0);
    const { lostNodes } = JSON.parse((await server.ask({ path: "/api/v1/closed" })).body);
    assertEquals(lostNodes.map(({ node }: { node: string }) => node), ["thread 1.2", "thread 1"]);
    const [{ why, thread }] = server.lines("a thread has ended: another takes its place");
    assertEquals([why, thread], ["it has ended by itself", "1"]);
    server.log.length = 0; // the errors were wanted
  },
);

integrationTest(
  "A thread that loops is found; since it cannot be ended, the process ends",
  async () => {
    await using server = await ServerProcess.start(OPTIONS);
    await server.type("loop thread 2\n");
    const { code } = await server.status;
    assertEquals(code, 1);
    const messages = server.log.map(({ message }) => message);
    assert(messages.includes("a thread does not end: the process has to"), messages.join("\n"));
    assertEquals(server.lines("drained").map(({ thread }) => thread), ["1"]);
    server.log.length = 0;
  },
);
