/**
 * Three processes on one Redis behind a load balancer are restarted one after another, while clients of
 * the library publish and receive: nothing is lost or comes twice, no client sees a broken connection, and
 * in no second the hub begins more sessions than its budget. Then thousands of clients of one process
 * come unasked, and again when it drains: each is told when to come back, and all have everything.
 *
 * `RESTART_CLIENTS=1000` and `DRAIN_CLIENTS=6000` are the long form, both with the default budget of 500.
 *
 * @module
 */

import { assertEquals, assertGreater, assertLess, assertLessOrEqual } from "@std/assert";
import { HeartbeatSocket } from "../../server/sdk/heartbeat_socket.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import { Balancer } from "../support/peers/balancer.ts";
import { closeOf, OPCODE, textOf } from "../support/peers/frames.ts";
import { postJson } from "../support/peers/post_json.ts";
import { RawPeer } from "../support/peers/raw_peer.ts";
import { type ChannelRecord, RecordChecker } from "../support/record_checker.ts";
import { RedisServer } from "../support/server/redis_server.ts";
import { ServerProcess } from "../support/server/server_process.ts";
import { until } from "../support/until.ts";

const NODES = 3;
const SDK_CLIENTS = Number(Deno.env.get("RESTART_CLIENTS") ?? 200);
const RAW_CLIENTS = Number(Deno.env.get("DRAIN_CLIENTS") ?? 1_000);
/** Admissions a second: the default in the long form. */
const [SDK_BUDGET, RAW_BUDGET] = [SDK_CLIENTS / 2, RAW_CLIENTS / 5].map((part) =>
  Math.min(500, Math.ceil(part))
);
const SHUTDOWN_MS = 4_500;
/** Those that come unasked come as with full jitter after a loss: evenly in 5 s in the long form. */
const ARRIVE_MS = RAW_CLIENTS * 5 / 6;
/** Clients of the library that publish on channels of their own. */
const PUBLISHERS = 10;
/** Four clients have the same channel. */
const CHANNELS_EACH = Math.ceil(SDK_CLIENTS / PUBLISHERS / 4);
const MESSAGES_PER_SECOND = 500;
const TICK_MS = 20;
const RETURN_MS = 60_000;

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** The most sessions that servers have begun within a second. */
function worstSecond(servers: readonly ServerProcess[]): number {
  const times = servers.flatMap((server) => server.lines("connection opened"))
    .map(({ time }) => Date.parse(time)).sort((a, b) => a - b);
  let [first, worst] = [0, 0];
  for (const [i, ms] of times.entries()) {
    while (ms - times[first] >= 1_000) first++;
    worst = Math.max(worst, i + 1 - first);
  }
  return worst;
}

/** Starts a process of the hub. */
async function startNode(redis: RedisServer, env: Readonly<Record<string, string>>) {
  const server = await ServerProcess.start({
    env: { REDIS_URL: redis.url, SHUTDOWN_MS: `${SHUTDOWN_MS}`, ...env },
  });
  await server.line("connected to Redis");
  return server;
}

/** Seconds for which a process stood still, each time: on a machine that others use it is late by them. */
function stallsOf(server: ServerProcess): number[] {
  return server.lines("event loop stalled; no connection was timed out for it")
    .map(({ seconds }) => seconds);
}

function stalledMs(server: ServerProcess): number {
  return Math.round(1_000 * stallsOf(server).reduce((sum, seconds) => sum + seconds, 0));
}

/** Asks a process to end, which it does in time. @returns how long it took, ms */
async function stop(server: ServerProcess): Promise<number> {
  const askedMs = Date.now();
  Deno.kill(server.pid, "SIGINT");
  assertEquals((await server.status).code, 0);
  // A log that is read too slowly lacks its last lines.
  const [startMs = askedMs, endMs = Date.now()] = ["signal received", "drained"].flatMap(
    (message) => server.lines(message).map(({ time }) => Date.parse(time)),
  );
  assertLess(endMs - startMs, SHUTDOWN_MS + stalledMs(server));
  return endMs - startMs;
}

/** Asserts that processes have begun no more sessions within a second than they may. @returns the most */
function assertBudget(servers: readonly ServerProcess[], budget: number): number {
  const worst = worstSecond(servers);
  // What was admitted while a process stood still begins after it.
  const longest = Math.max(0, ...servers.flatMap(stallsOf));
  assertLessOrEqual(worst, (1.2 + longest) * budget);
  return worst;
}

/** A client of the library, and what it has been told. */
class SdkClient implements Disposable {
  readonly socket: HeartbeatSocket;
  readonly checker: RecordChecker;
  /** What must not happen here. */
  readonly losses: string[] = [];
  /** Codes of the closes that it has seen. */
  readonly closes: number[] = [];

  constructor(port: number, channels: readonly string[]) {
    this.checker = new RecordChecker(channels);
    const socket = this.socket = new HeartbeatSocket(`ws://127.0.0.1:${port}/ws`, {
      reconnectInterval: 500,
      outboxMessages: 10_000,
    });
    for (const type of ["gap", "giveup", "drop"] as const) {
      socket.addEventListener(type, () => this.losses.push(type));
    }
    socket.addEventListener("close", ({ code }) => this.closes.push(code));
    for (const channel of channels) {
      socket.subscribe(channel, ({ data }) => this.checker.take(channel, data as ChannelRecord));
    }
  }

  get isOpen(): boolean {
    return this.socket.readyState === this.socket.OPEN;
  }

  [Symbol.dispose](): void {
    this.socket.close();
  }
}

/** Publishes on channels of its own, at an even rate, until it is stopped. */
class Publisher implements Disposable {
  readonly client: SdkClient;
  readonly published: Map<string, number>;
  readonly answers: Promise<unknown>[] = [];
  readonly #startMs = performance.now();
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(port: number, channels: readonly string[]) {
    this.client = new SdkClient(port, []);
    this.published = new Map(channels.map((channel) => [channel, 0]));
    this.#timer = setInterval(() => this.#publish(channels), TICK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #publish(channels: readonly string[]): void {
    const rate = MESSAGES_PER_SECOND / PUBLISHERS;
    const due = (performance.now() - this.#startMs) / 1_000 * rate;
    while (this.answers.length < due) {
      const channel = channels[this.answers.length % channels.length];
      const number = this.published.get(channel)! + 1;
      this.published.set(channel, number);
      this.answers.push(this.client.socket.publish(channel, { channel, number }));
    }
  }

  [Symbol.dispose](): void {
    this.stop();
    this.client[Symbol.dispose]();
  }
}

integrationTest(
  `${SDK_CLIENTS} clients miss nothing while three processes are restarted one after another`,
  async () => {
    await using redis = await RedisServer.start();
    await using processes = new AsyncDisposableStack();
    const servers: ServerProcess[] = [];
    const start = async () => {
      const env = { ADMISSION_PER_SECOND: `${SDK_BUDGET}`, HISTORY_MESSAGES: "1000" };
      const server = processes.use(await startNode(redis, env));
      servers.push(server);
      balancer.add(server);
    };
    await using balancer = await Balancer.start();
    for (let n = 0; n < NODES; n++) await start();
    using owner = new DisposableStack();
    const names = Array.from({ length: PUBLISHERS * CHANNELS_EACH }, (_, i) => `channel ${i}`);
    const clients = Array.from(
      { length: SDK_CLIENTS },
      (_, i) => owner.use(new SdkClient(balancer.port, [names[i % names.length]])),
    );
    await until("everybody is in", () => clients.every(({ isOpen }) => isOpen), {
      withinMs: RETURN_MS,
    });
    for (const { closes } of clients) {
      assertEquals(closes.filter((code) => code !== 1013), [], "told when to come back");
      closes.length = 0;
    }
    const publishers = Array.from({ length: PUBLISHERS }, (_, i) =>
      owner.use(
        new Publisher(balancer.port, names.slice(i * CHANNELS_EACH, (i + 1) * CHANNELS_EACH)),
      ));
    const all = [...clients, ...publishers.map(({ client }) => client)];
    await until("publishers are in", () => all.every(({ isOpen }) => isOpen), {
      withinMs: RETURN_MS,
    });
    await sleep(1_000);
    const tookMs: number[] = [];
    for (const server of servers.slice()) {
      const ended = stop(server);
      tookMs.push(await ended);
      balancer.remove(server);
      await start();
      await until("everybody is back", () => all.every(({ isOpen }) => isOpen), {
        withinMs: RETURN_MS,
      });
      await sleep(500);
    }
    for (const publisher of publishers) publisher.stop();
    await Promise.all(publishers.flatMap(({ answers }) => answers));
    const published = new Map(publishers.flatMap(({ published }) => [...published]));
    await until(
      "everybody has the newest record",
      () => clients.every(({ checker }) => checker.isComplete(published)),
      { withinMs: RETURN_MS },
    );
    assertEquals(clients.flatMap(({ checker }) => checker.faults), []);
    assertEquals(all.flatMap(({ losses }) => losses), []);
    const closes = all.flatMap(({ closes }) => closes);
    assertEquals(closes.filter((code) => code !== 1012 && code !== 1013), []);
    const worst = assertBudget(servers, SDK_BUDGET);
    for (const client of all) client[Symbol.dispose]();
    await until("the end of all", () => all.every(({ socket }) => socket.readyState === 3));
    const moved = servers.slice(0, NODES).flatMap((server) => server.lines("connection closed"))
      .filter(({ reason }) => reason === "client_close").length;
    assertGreater(moved, SDK_CLIENTS / 2, "few have moved");
    console.log(
      `${[...published.values()].reduce((a, b) => a + b)} records; ${moved} moves, ` +
        `${closes.length} closes with slots; processes ended within ` +
        `${tookMs.join(", ")} ms; ${worst} sessions in the worst second of ` +
        `${SDK_BUDGET}`,
    );
  },
);

/** A light client that comes back when it is told to, and resumes. */
class RawClient {
  readonly checker: RecordChecker;
  readonly #channel: string;
  readonly #serving: () => ServerProcess;
  #peer: RawPeer | undefined;
  #position: { epoch: string; offset: number } | undefined;
  #isStopped = false;
  /** How often it was told when to come back: by a close frame with 1013 or 1012, or by a 503. */
  readonly told = { 1013: 0, 1012: 0, 503: 0 };
  /** How its connections ended otherwise, and answers that are no recovery. */
  readonly faults: string[] = [];
  isIn = false;
  readonly ended: Promise<void>;

  constructor(channel: string, serving: () => ServerProcess) {
    this.#channel = channel;
    this.#serving = serving;
    this.checker = new RecordChecker([channel]);
    this.ended = this.#live();
  }

  stop(): void {
    this.#isStopped = true;
    this.#peer?.close();
  }

  async #live(): Promise<void> {
    await sleep(Math.random() * ARRIVE_MS);
    while (!this.#isStopped) {
      const waitMs = await this.#connect();
      this.isIn = false;
      if (!this.#isStopped) await sleep(waitMs);
    }
  }

  /** Stays until it is closed. @returns when to come back, ms */
  async #connect(): Promise<number> {
    const { dial } = this.#serving();
    try {
      using peer = this.#peer = await RawPeer.connect(dial, {
        readBytes: 4_096,
        patienceMs: RETURN_MS / 2,
      });
      if (this.#isStopped) return 0;
      await peer.send({ type: "subscribe", channel: this.#channel, since: this.#position });
      for (;;) {
        const frame = await peer.read();
        if (frame === undefined) throw new Error(`no close frame: ${peer.tcp}`);
        if (frame.opcode === OPCODE.ping) await peer.pong(frame.payload);
        if (frame.opcode === OPCODE.text) this.#take(JSON.parse(textOf(frame)));
        if (frame.opcode !== OPCODE.close) continue;
        const { code, text } = closeOf(frame);
        return this.#toldBy(code as 1012, /; afterMs=(\d+)$/.exec(text)?.[1]);
      }
    } catch (error) {
      if (this.#isStopped) return 0;
      const { message } = error as Error;
      const [, seconds] = /503 [^]*Retry-After: (\d+)/.exec(message) ?? [];
      return this.#toldBy(503, seconds && `${seconds}000`, message);
    }
  }

  #toldBy(how: keyof RawClient["told"], afterMs?: string, message = `${how}`): number {
    if (afterMs === undefined || !(how in this.told)) this.faults.push(message);
    this.told[how]++;
    return Number(afterMs ?? 1_000);
  }

  // deno-lint-ignore no-explicit-any -- frames of the hub
  #take({ type, epoch, offset, recovered, data }: any): void {
    if (type === "message") {
      this.checker.take(this.#channel, data);
      this.#position = { epoch: this.#position!.epoch, offset };
    } else if (type === "subscribed") {
      if (recovered === false) this.faults.push("not recovered");
      this.#position = { epoch, offset: recovered ? this.#position!.offset : offset };
      this.isIn = true;
    }
  }
}

integrationTest(
  `${RAW_CLIENTS} clients of one process are told when to come back, and miss nothing`,
  async () => {
    await using redis = await RedisServer.start();
    const env = {
      ADMISSION_PER_SECOND: `${RAW_BUDGET}`,
      MAX_PENDING_CONNECTIONS: "0", // this process may connect faster than a busy server takes it
      PING_PERIOD_MS: "600000",
      PONG_WAIT_MS: "1200000",
    };
    await using first = await startNode(redis, env);
    await using second = await startNode(redis, env);
    let serving = first;
    const channels = Array.from({ length: 100 }, (_, i) => `channel ${i}`);
    const clients = Array.from(
      { length: RAW_CLIENTS },
      (_, i) => new RawClient(channels[i % channels.length], () => serving),
    );
    const publishing = new AbortController();
    const published = new Map(channels.map((channel) => [channel, 0]));
    try {
      const inMs = await secondsUntil("everybody is in", clients);
      const unasked = sum(clients, 1013) + sum(clients, 503);
      assertGreater(unasked, RAW_CLIENTS / 4);
      const publisher = publish(() => second, published, publishing.signal);
      publisher.catch(() => {}); // it is awaited later
      serving = second;
      const drainMs = await stop(first);
      const backMs = await secondsUntil("everybody is back", clients);
      publishing.abort();
      await publisher;
      await until(
        "everybody has the newest record",
        () => clients.every(({ checker }) => checker.isComplete(published)),
        { withinMs: RETURN_MS },
      );
      assertEquals(clients.flatMap(({ faults, checker }) => [...faults, ...checker.faults]), []);
      assertEquals(sum(clients, 1012), RAW_CLIENTS, "each was told when to come back");
      const worst = assertBudget([first, second], RAW_BUDGET);
      console.log(
        `in after ${inMs} s, ${unasked} times told another time; drained in ` +
          `${drainMs} ms (it stood still for ${
            stalledMs(first)
          } ms in all), back ${backMs} s later, ` +
          `${sum(clients, 1013) + sum(clients, 503) - unasked} times told another time; ` +
          `${worst} sessions in the worst second of ${RAW_BUDGET}`,
      );
    } finally {
      publishing.abort();
      for (const client of clients) client.stop();
      await Promise.all(clients.map(({ ended }) => ended));
    }
  },
);

function sum(clients: readonly RawClient[], how: keyof RawClient["told"]): number {
  return clients.reduce((all, { told }) => all + told[how], 0);
}

/** Waits for all clients to be in. @returns how long, s */
async function secondsUntil(what: string, clients: readonly RawClient[]): Promise<number> {
  const startMs = performance.now();
  await until(what, () => clients.every(({ isIn }) => isIn), { withinMs: RETURN_MS });
  return Math.round((performance.now() - startMs) / 100) / 10;
}

/** Publishes on all channels in turn. What is not answered in time is repeated under its id. */
async function publish(
  serving: () => ServerProcess,
  published: Map<string, number>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    for (const [channel, count] of [...published]) {
      const number = count + 1;
      const body = { channel, data: { channel, number }, id: `${number}` };
      await until("it is published", async () => {
        const answer = await postJson(serving(), "/api/v1/publish", { body }).catch(() => {});
        return answer?.status === 200;
      }, { withinMs: RETURN_MS });
      published.set(channel, number);
    }
    await sleep(500);
  }
}
