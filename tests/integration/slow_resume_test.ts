/**
 * A client of the library returns over a slow line to much that it has missed: it gets all of it as the
 * line carries it, and nobody else has to wait for that.
 *
 * `SLOW_RESUME=full` is 100 channels with 256 messages of 4 KiB each over a line of 1 MB/s, which takes
 * two minutes; otherwise it is less over a faster line, but still more than the kernel takes at once.
 *
 * @module
 */

import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { delay } from "@std/async";
// @ts-types="@types/ws"
import { WebSocket } from "ws";
import {
  HeartbeatSocket,
  type Position,
  type PublicationEvent,
  type WebSocketConstructor,
} from "../../server/sdk/heartbeat_socket.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import { join, textFrame } from "../support/peers/frames.ts";
import { RawPeer } from "../support/peers/raw_peer.ts";
import { TcpRelay } from "../support/peers/tcp_relay.ts";
import { WsClient } from "../support/peers/ws_client.ts";
import { type ChannelRecord, RecordChecker } from "../support/record_checker.ts";
import { ServerProcess } from "../support/server/server_process.ts";
import { LoopWatch, until } from "../support/until.ts";

const { messages, bytesPerSecond } = Deno.env.get("SLOW_RESUME") === "full"
  ? { messages: 256, bytesPerSecond: 1_000_000 }
  : { messages: 64, bytesPerSecond: 5_000_000 };
const CHANNELS = Array.from({ length: 100 }, (_, index) => `channel ${index}`);
const FILLING = "x".repeat(4_096);
/** What the line needs for the fillings alone, ms. */
const LINE_MS = CHANNELS.length * messages * FILLING.length / bytesPerSecond * 1_000;
/** Half a send queue, another half that is being written, and the frames of others. */
const QUEUED_BYTES = 2 ** 20 + 65_536;

const LIVE = "live";
/** Other clients, on the channel `LIVE`. */
const OTHERS = 20;
/** From one publication there to the next, ms. */
const PERIOD_MS = 20;
const CONTROL_MS = 2_000;
/** What the latencies of others may have more than twice those before, ms. */
const [MORE_MEDIAN_MS, MORE_TAIL_MS] = [2, 30];

/** Clients that read at once, and how long each publication took to each of them. */
class Others implements Disposable {
  readonly #stack = new DisposableStack();
  readonly #publisher: WsClient;
  #latenciesMs: number[] = [];
  #received = 0;
  #published = 0;

  private constructor(publisher: WsClient, others: readonly WsClient[]) {
    this.#publisher = this.#stack.use(publisher);
    for (const other of others) {
      this.#stack.use(other).on("message", ({ data }) => {
        this.#latenciesMs.push(performance.now() - data);
        this.#received++;
      });
    }
  }

  /** Connects them. */
  static async connect({ url }: ServerProcess): Promise<Others> {
    const [publisher, ...others] = await Promise.all(
      Array.from({ length: 1 + OTHERS }, () => WsClient.connect(url)),
    );
    for (const other of others) other.send({ type: "subscribe", channel: LIVE });
    await Promise.all(others.map((other) => other.message("subscribed")));
    return new Others(publisher, others);
  }

  /** Publishes until a promise has settled. @returns the latencies meanwhile, ms, sorted */
  async during(end: Promise<unknown>): Promise<number[]> {
    this.#latenciesMs = [];
    const timer = setInterval(() => {
      this.#publisher.send({ type: "publish", channel: LIVE, data: performance.now() });
      this.#published++;
    }, PERIOD_MS);
    try {
      await end;
    } finally {
      clearInterval(timer);
    }
    await until("all deliveries", () => this.#received === OTHERS * this.#published);
    return this.#latenciesMs.toSorted((a, b) => a - b);
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }
}

const percentile = (sorted: readonly number[], part: number) =>
  sorted[Math.floor(part * (sorted.length - 1))];
const shown = (sorted: readonly number[]) =>
  [0.5, 0.99, 1].map((part) => percentile(sorted, part).toFixed(1)).join(", ");

/** Makes the channels. @returns the position of each, before its first message */
async function positionsOf(server: ServerProcess): Promise<Map<string, Position>> {
  using peer = await RawPeer.connect(server.dial);
  const positions = new Map<string, Position>();
  for (const channel of CHANNELS) {
    await peer.send({ type: "subscribe", channel });
    const { epoch, offset } = await peer.message("subscribed");
    positions.set(channel, { epoch, offset });
  }
  return positions;
}

async function publishAll(server: ServerProcess): Promise<void> {
  using peer = await RawPeer.connect(server.dial);
  for (let number = 1; number <= messages; number++) {
    const frames = CHANNELS.map((channel) =>
      textFrame({ type: "publish", channel, data: { channel, number, filling: FILLING } })
    );
    await peer.write(join([...frames, textFrame({ type: "ping" })]));
    await peer.message("pong");
  }
}

/** A client with all channels behind a slow line, and what it has been told. */
class Returner implements Disposable {
  readonly checker = new RecordChecker(CHANNELS);
  /** What must not happen. */
  readonly losses: string[] = [];
  /** How many messages were replayed of each channel. */
  readonly recovered = new Map<string, number>();
  readonly #socket: HeartbeatSocket;

  constructor(port: number, positions: ReadonlyMap<string, Position>) {
    const socket = this.#socket = new HeartbeatSocket(`ws://127.0.0.1:${port}/ws`, {
      WebSocket: WebSocket as unknown as WebSocketConstructor,
    });
    for (const type of ["gap", "close", "heartbeattimeout"] as const) {
      socket.addEventListener(type, () => this.losses.push(type));
    }
    socket.addEventListener(
      "recovered",
      ({ channel, count }) => this.recovered.set(channel, count),
    );
    for (const [channel, since] of positions) {
      const take = ({ data }: PublicationEvent) =>
        this.checker.take(channel, data as ChannelRecord);
      socket.subscribe(channel, take, { since });
    }
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

integrationTest(
  "A client that returns over a slow line gets all that it missed, and others do not wait for it",
  async () => {
    await using server = await ServerProcess.start({
      env: { HISTORY_BYTES: String(2 ** 27), MAX_MESSAGES_PER_SECOND: "0" },
    });
    const positions = await positionsOf(server);
    await publishAll(server);
    using others = await Others.connect(server);
    const control = await others.during(delay(CONTROL_MS));
    await using relay = await TcpRelay.start({ target: server.port, bytesPerSecond });
    using watch = new LoopWatch();
    const startMs = performance.now();
    const starvedMs = server.starvedMs;
    using returner = new Returner(relay.port, positions);
    const { checker, losses, recovered } = returner;
    const published = new Map(CHANNELS.map((channel) => [channel, messages]));
    let queuedBytes = 0;
    const complete = until("all that was missed", async () => {
      const metrics = await server.metrics();
      queuedBytes = Math.max(queuedBytes, metrics.value("systole_send_queue_bytes"));
      await delay(100);
      return checker.isComplete(published) || losses.length > 0;
    }, { withinMs: 2 * LINE_MS + 20_000 });
    const during = await others.during(complete);
    const tookMs = performance.now() - startMs;
    const busyMs = watch.worstMs() + server.starvedMs - starvedMs; // by this test and by others
    console.log(
      `${CHANNELS.length * messages} messages in ${
        Math.round(tookMs)
      } ms, at most ${queuedBytes} ` +
        `bytes queued; latency of others (median, 99 %, most) ${shown(during)} ms, ` +
        `before ${shown(control)} ms; ${Math.round(busyMs)} ms of waits for a core`,
    );
    assertEquals(losses, []);
    assertEquals(checker.faults, []);
    assertEquals(recovered, published);
    assertGreater(tookMs, 0.8 * LINE_MS, "the line was not slow");
    assertLess(queuedBytes, QUEUED_BYTES);
    const metrics = await server.metrics();
    assertEquals(metrics.value("systole_connections_closed_total"), 2); // what has published
    assertEquals(metrics.value("systole_history_evictions_total"), 0);
    assertLess(percentile(during, 0.5), 2 * percentile(control, 0.5) + MORE_MEDIAN_MS);
    const tailMs = 2 * percentile(control, 0.99) + MORE_TAIL_MS + busyMs;
    assertLess(percentile(during, 0.99), tailMs);
  },
);
