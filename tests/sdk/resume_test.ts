/**
 * The SDK on a hub with history whose connections are cut at random: each record of each channel is
 * received once and in order, without a gap. The checker of that is itself checked with hubs that
 * lose, repeat or exchange a record.
 *
 * @module
 */

import { assert, assertEquals, assertGreater } from "@std/assert";
import { HeartbeatSocket, type WebSocketConstructor } from "../../server/sdk/heartbeat_socket.ts";
import { FakeServer, FakeWebSocket } from "../support/fakes/fake_web_socket.ts";
import { seeded } from "../support/fakes/seeded.ts";
import { type VirtualPage, withPage } from "../support/fakes/virtual_page.ts";

const CHANNELS = ["a", "b", "c", "d"];
const CLIENTS = 8;
/** From one publication to the next, ms; of each three one comes at once with the one before. */
const PERIOD_MS = 25;
/** From one frame on a line to the next, ms: a cut can be in the middle of a replay. */
const FRAME_MS = 4;
/** A line takes between 0 and this, ms: of two connections of a client each can be the faster one. */
const MAX_LATENCY_MS = 200;
/** A client's connection lasts between 0 and this, ms. */
const MAX_LIFE_MS = 4_000;
const RUN_MS = 120_000;
/** All clients have caught up this long after the last publication, ms. */
const REST_MS = 60_000;

interface Message {
  readonly type: "message";
  readonly channel: string;
  readonly data: number;
  readonly timestamp: number;
  readonly offset: number;
}

/** What a faulty hub does to what it sends. */
type Fault = (message: Message, socket: HubSocket) => readonly Message[];

/** One connection of the hub: frames arrive after the latency, unless it was cut before. */
class HubSocket extends FakeWebSocket {
  readonly channels = new Set<string>();
  /** No frame arrives any more, in either direction, and neither side gets an event. */
  hasVanished = false;
  readonly #latencyMs = Math.random() * MAX_LATENCY_MS;
  /** When the newest frame arrives. */
  #lineMs = 0;
  readonly #hub: HistoryHub;

  constructor(hub: HistoryHub, url: string | URL, protocols?: string | string[]) {
    super(hub, url, protocols);
    this.#hub = hub;
  }

  override send(data: unknown): void {
    if (this.hasVanished) return;
    super.send(data);
    setTimeout(() => this.#received(`${data}`), this.#latencyMs);
  }

  override accept(): void {
    super.accept();
    const clientId = `${this.#hub.sockets.indexOf(this)}`;
    this.tell({ type: "welcome", clientId, pongWaitMs: 60_000 });
  }

  /** A heartbeat is answered as other frames are, in their order. */
  override answer(): void {}

  override say(frame: unknown): void {
    if (!this.hasVanished && this.readyState === 1) super.say(frame);
  }

  /** Sends a frame that arrives after the latency, and after those before it: a replay takes time. */
  tell(frame: unknown): void {
    const nowMs = performance.now();
    this.#lineMs = Math.max(nowMs + this.#latencyMs, this.#lineMs + FRAME_MS);
    setTimeout(() => this.say(frame), this.#lineMs - nowMs);
  }

  #received(text: string): void {
    if (this.hasVanished || this.readyState !== 1) return;
    const { type, channel, since, id, timestamp } = JSON.parse(text);
    if (type === "ping") return this.tell({ type: "pong", id, timestamp });
    if (type !== "subscribe") return;
    const log = this.#hub.log(channel);
    const isKnown = since?.epoch === this.#hub.epoch;
    const recovered = since && isKnown;
    const offset = log.at(-1)?.offset ?? 0;
    this.tell({ type: "subscribed", channel, epoch: this.#hub.epoch, offset, recovered });
    if (recovered) { for (const message of log.slice(since.offset)) this.#hub.send(this, message); }
    this.channels.add(channel);
  }
}

/** The least of a hub with history: it keeps everything, and replays before it goes on. */
class HistoryHub extends FakeServer {
  readonly epoch = "e1";
  /** Changes what one socket is sent. */
  faultOfFrames: Fault = (message) => [message];
  readonly #logs = new Map<string, Message[]>();

  override get WebSocket(): WebSocketConstructor {
    const hub = this as HistoryHub;
    return function (url: string | URL, protocols?: string | string[]) {
      return new HubSocket(hub, url, protocols);
    } as unknown as WebSocketConstructor;
  }

  log(channel: string): Message[] {
    if (!this.#logs.has(channel)) this.#logs.set(channel, []);
    return this.#logs.get(channel)!;
  }

  /** Adds a record to a channel, and sends it to the subscribers. */
  publish(channel: string, data: number): void {
    const log = this.log(channel);
    const offset = log.length + 1;
    const message: Message = { type: "message", channel, data, timestamp: Date.now(), offset };
    log.push(message);
    for (const socket of this.sockets as HubSocket[]) {
      const isOpen = socket.readyState === 1;
      if (isOpen && socket.channels.has(channel)) this.send(socket, message);
    }
  }

  send(socket: HubSocket, message: Message): void {
    for (const sent of this.faultOfFrames(message, socket)) socket.tell(sent);
  }
}

/** What one client received, compared with what was published. */
class DeliveryChecker {
  readonly #received = new Map<string, number[]>();
  readonly #gaps: string[] = [];
  replayed = 0;

  constructor(socket: HeartbeatSocket) {
    for (const channel of CHANNELS) {
      const numbers: number[] = [];
      this.#received.set(channel, numbers);
      const subscription = socket.subscribe(channel, ({ data }) => numbers.push(data));
      subscription.addEventListener("gap", () => this.#gaps.push(channel));
      subscription.addEventListener("recovered", ({ count }) => this.replayed += count);
    }
  }

  /** What is wrong. @param published the number of records of each channel */
  complaints(published: ReadonlyMap<string, number>): string[] {
    const complaints = this.#gaps.map((channel) => `${channel}: gap`);
    for (const [channel, numbers] of this.#received) {
      const count = published.get(channel) ?? 0;
      for (let index = 0; index < Math.max(count, numbers.length); index++) {
        if (numbers[index] === index && index < count) continue;
        complaints.push(`${channel}: ${numbers[index]} in the place of ${index} of ${count}`);
        break;
      }
    }
    return complaints;
  }
}

interface Run {
  readonly complaints: string[];
  readonly records: number;
  readonly cuts: number;
  readonly replayed: number;
  /** Close events. */
  readonly closes: number;
  /** That were ever made. */
  readonly connections: number;
}

interface Faults {
  /** Changes a record before the hub gives it its offset. @returns the records in its place */
  readonly ofRecords?: (channel: string, data: number) => readonly number[];
  readonly ofFrames?: Fault;
  readonly runMs?: number;
  readonly maxLifeMs?: number;
  /** Whether the hub advises another connection instead of cutting. */
  readonly onlyMoves?: boolean;
}

/** Runs with the SDK's own random numbers from the seed, too. */
async function run(page: VirtualPage, seed: number, faults: Faults = {}): Promise<Run> {
  const original = Math.random;
  const random = Math.random = seeded(seed);
  try {
    return await runWith(page, random, faults);
  } finally {
    Math.random = original;
  }
}

/** Publishes, cuts, waits until all is quiet, and compares. */
async function runWith(page: VirtualPage, random: () => number, faults: Faults): Promise<Run> {
  const { ofRecords = (_, data) => [data], ofFrames, runMs = RUN_MS } = faults;
  const { maxLifeMs = MAX_LIFE_MS, onlyMoves = false } = faults;
  const hub = new HistoryHub();
  if (ofFrames) hub.faultOfFrames = ofFrames;
  const options = {
    WebSocket: hub.WebSocket,
    heartbeatInterval: 2_000,
    heartbeatTimeout: 1_000,
    reconnectInterval: 500,
    maxReconnectAttempts: Infinity,
  };
  const sockets = Array.from(
    { length: CLIENTS },
    () => new HeartbeatSocket("ws://hub.test/ws", options),
  );
  const checkers = sockets.map((socket) => new DeliveryChecker(socket));
  let closes = 0;
  for (const socket of sockets) socket.addEventListener("close", () => closes++);
  await page.pass(1_000); // all are subscribed before the first record
  const published = new Map<string, number>();
  const nextCutMs = sockets.map(() => random() * maxLifeMs);
  let cuts = 0;
  for (let ms = 0; ms < runMs; ms += PERIOD_MS) {
    for (let burst = random() < 0.33 ? 2 : 1; burst > 0; burst--) {
      const channel = CHANNELS[Math.floor(random() * CHANNELS.length)];
      const number = published.get(channel) ?? 0;
      published.set(channel, number + 1);
      for (const data of ofRecords(channel, number)) hub.publish(channel, data);
    }
    for (const [index, socket] of sockets.entries()) {
      if (ms < nextCutMs[index]) continue;
      nextCutMs[index] = ms + random() * maxLifeMs;
      cuts++;
      cut(socket, liveSocketOf(hub, index), onlyMoves ? 1 : random());
    }
    await page.pass(PERIOD_MS);
  }
  await page.pass(REST_MS);
  const closesOfRun = closes;
  const connections = hub.sockets.length;
  for (const socket of sockets) socket.close();
  await page.pass(5_000);
  return {
    complaints: checkers.flatMap((checker, client) =>
      checker.complaints(published).map((complaint) => `client ${client}, ${complaint}`)
    ),
    records: [...published.values()].reduce((sum, count) => sum + count),
    cuts,
    replayed: checkers.reduce((sum, { replayed }) => sum + replayed, 0),
    closes: closesOfRun,
    connections,
  };
}

/** One of the live connections; whose it is does not matter. */
function liveSocketOf(hub: HistoryHub, index: number): HubSocket | undefined {
  const live = (hub.sockets as HubSocket[]).filter(({ readyState }) => readyState === 1);
  return live[index % Math.max(1, live.length)];
}

/** Resets, vanishes, closes with a wait, advises another connection, or the user reconnects. */
function cut(socket: HeartbeatSocket, connection: HubSocket | undefined, how: number): void {
  if (how < 0.2) socket.reconnect();
  else if (connection === undefined) return;
  else if (how < 0.5) connection.end(1006);
  else if (how < 0.7) connection.hasVanished = true;
  else if (how < 0.85) connection.end(1012, "drain: server restarting; afterMs=100");
  else connection.tell({ type: "reconnect", afterMs: 100, reason: "drain" });
}

for (const seed of [1, 2, 3]) {
  Deno.test(`Resume: connections are cut at random, and every record is received once, in order (${seed})`, () =>
    withPage(async (page) => {
      const { complaints, records, cuts, replayed } = await run(page, seed);
      console.log(`${records} records, ${cuts} cuts, ${replayed} messages replayed`);
      assertEquals(complaints, []);
      assertGreater(records, 4_000);
      assertGreater(cuts, 300);
      assertGreater(replayed, 1_000);
    }));
}

for (const seed of [8, 9, 10]) {
  Deno.test(`Resume: clients that are moved at random receive every record once, and no close (${seed})`, () =>
    withPage(async (page) => {
      const result = await run(page, seed, { onlyMoves: true });
      const { complaints, records, closes, connections, replayed } = result;
      console.log(`${records} records, ${connections} connections`);
      assertEquals([complaints, closes, replayed], [[], 0, 0]);
      assertGreater(records, 4_000);
      assertGreater(connections, 100);
    }));
}

const SHORT = { runMs: 10_000 };
/** A resume would bring what a fault of the frames has lost. */
const UNCUT = { ...SHORT, maxLifeMs: Infinity };
/** A record in the middle of the run. */
const isMiddle = (channel: string, data: number) => channel === "b" && data === 50;

const RECORD_FAULTS: Record<string, NonNullable<Faults["ofRecords"]>> = {
  "loses a record": (channel, data) => isMiddle(channel, data) ? [] : [data],
  "repeats a record": (channel, data) => isMiddle(channel, data) ? [data, data] : [data],
  "exchanges two records": (channel, data) => {
    if (isMiddle(channel, data)) return [];
    return isMiddle(channel, data - 1) ? [data, data - 1] : [data];
  },
};

for (const [what, ofRecords] of Object.entries(RECORD_FAULTS)) {
  Deno.test(`Resume: the checker complains of a hub that ${what} and gives them good offsets`, () =>
    withPage(async (page) => {
      const { complaints } = await run(page, 4, { ...SHORT, ofRecords });
      assertEquals(complaints.length, CLIENTS, complaints.join("\n"));
      for (const complaint of complaints) assert(complaint.includes("in the place of"), complaint);
    }));
}

/** Applies a fault to one message, for the first receiver alone. */
function once(fault: Fault): Fault {
  let isDone = false;
  return (message, socket) => {
    if (isDone || !isMiddle(message.channel, message.data)) return [message];
    isDone = true;
    return fault(message, socket);
  };
}

Deno.test("Resume: the SDK reports a frame that the hub loses as a gap, and the checker complains", () =>
  withPage(async (page) => {
    const { complaints } = await run(page, 5, { ...UNCUT, ofFrames: once(() => []) });
    assert(complaints.some((complaint) => complaint.endsWith("b: gap")), complaints.join());
    assert(complaints.some((complaint) => complaint.includes("in the place of 50")));
  }));

Deno.test("Resume: the SDK drops a frame that the hub sends twice", () =>
  withPage(async (page) => {
    const ofFrames = once((message) => [message, message]);
    const { complaints } = await run(page, 6, { ...UNCUT, ofFrames });
    assertEquals(complaints, []);
  }));

Deno.test("Resume: the SDK reports frames in the wrong order as a gap, and the checker complains", () =>
  withPage(async (page) => {
    let held: { message: Message; socket: HubSocket } | undefined;
    const hold = once((message, socket) => {
      held = { message, socket };
      return [];
    });
    const ofFrames: Fault = (message, socket) => {
      const isNext = socket === held?.socket && message.channel === held.message.channel;
      if (!isNext) return hold(message, socket);
      const late = held!.message;
      held = undefined;
      return [message, late];
    };
    const { complaints } = await run(page, 7, { ...UNCUT, ofFrames });
    assert(complaints.some((complaint) => complaint.endsWith("b: gap")), complaints.join());
  }));
