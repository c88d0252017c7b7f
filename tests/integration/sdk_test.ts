import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import {
  HeartbeatSocket,
  type HeartbeatSocketOptions,
  type ProfileName,
} from "../../server/sdk/heartbeat_socket.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import { outlivesItsServer, SDK_SCRIPT } from "../support/peers/sdk_story.ts";
import { postJson } from "../support/peers/post_json.ts";
import { ServerProcess } from "../support/server/server_process.ts";
import { until, within } from "../support/until.ts";

const NUMBERS = Array.from({ length: 20 }, (_, index) => index);

/** A profile's address, what a user of it subscribes to and publishes, and the result. */
interface System {
  readonly path: string;
  /** A channel that is subscribed to from the start. */
  readonly channel: string;
  /** Subscribes, where that is not in the address. */
  readonly subscribe?: (socket: HeartbeatSocket) => void;
  /** Says first of all on each connection. */
  readonly login?: string;
  /** Says a number in a way that is answered. */
  readonly say: (socket: HeartbeatSocket, number: number) => void;
  /** The number that a frame answers. */
  readonly answered: (text: string) => number | undefined;
  /** Whether a frame is the publication of "news" on the channel. */
  readonly shouldLog: (text: string) => boolean;
}

const TALO_LOGIN = '{"req":"v1.players.identify","data":{"playerAliasId":7,"socketToken":"any"}}';

/** Where there is no other answer, one to a question with the number as its id. */
const SYSTEMS: Record<Exclude<ProfileName, "tank">, System> = {
  json: {
    path: "/ws",
    channel: "updates",
    subscribe: (socket) => socket.subscribe("updates"),
    say: (socket, number) => socket.publish("updates", number),
    answered: (text) => numberIn(/^\{"type":"message",.*"data":(\d+)/, text),
    shouldLog: (text) => /^\{"type":"message","channel":"updates","data":"news"/.test(text),
  },
  "events-hub": {
    path: "/api/v1/ws/subscribe?event_types=pdfm",
    channel: "pdfm",
    say: (socket, number) =>
      socket.send(JSON.stringify({ id: `${number}`, event_type: "system", message: "client-id" })),
    answered: (text) => numberIn(/"ref_id":"(\d+)","event_type":"system"/, text),
    shouldLog: (text) => /"event_type":"pdfm".*"body":"news"/.test(text),
  },
  infoway: {
    path: "/ws?business=crypto&apikey=any",
    channel: "trade/BTCUSDT",
    subscribe: (socket) => socket.subscribe("trade/BTCUSDT"),
    say: (socket, number) =>
      socket.send(JSON.stringify({ code: 10003, trace: `${number}`, data: { codes: "A" } })),
    answered: (text) => numberIn(/^\{"code":10004,"trace":"(\d+)"/, text),
    shouldLog: (text) => text === '{"code":10002,"data":"news"}',
  },
  talo: {
    path: "/game?ticket=any",
    channel: "channels/3",
    login: TALO_LOGIN,
    say: (socket, number) => socket.publish("channels/3", `${number}`),
    answered: (text) => numberIn(/^\{"res":"v1.channels.message",.*"message":"(\d+)"/, text),
    shouldLog: (text) => /^\{"res":"v1.channels.message",.*"message":"news"/.test(text),
  },
};

const QUICK = {
  heartbeatInterval: 200,
  heartbeatTimeout: 2_000,
  reconnectInterval: 100,
  maxReconnectAttempts: Infinity,
};

/** Twenty beats a minute are infoway's limit away; without it ours may be quick, too. */
const ENV = { INFOWAY_MESSAGES_PER_MINUTE: "0" };

/** A socket, and what came over it. */
class ObservedSocket implements Disposable {
  readonly socket: HeartbeatSocket;
  readonly texts: string[] = [];
  readonly events: string[] = [];
  readonly rtts: (number | undefined)[] = [];

  constructor(profile: ProfileName, url: URL, options: HeartbeatSocketOptions = {}) {
    this.socket = new HeartbeatSocket(url, { ...QUICK, profile, ...options });
    this.socket.onmessage = ({ data }) => this.texts.push(data);
    this.socket.onheartbeat = ({ rtt }) => this.rtts.push(rtt);
    for (const type of ["open", "close", "heartbeattimeout", "giveup", "drop"] as const) {
      this.socket.addEventListener(type, () => this.events.push(type));
    }
  }

  /** Waits until it has been open so often. */
  async opened(times: number): Promise<void> {
    await until(`${times} connections`, () => this.count("open") === times, { withinMs: 30_000 });
  }

  count(type: string): number {
    return this.events.filter((event) => event === type).length;
  }

  /** Waits for three heartbeats more. */
  async beats(): Promise<void> {
    const before = this.rtts.length;
    await until("three heartbeats", () => this.rtts.length >= before + 3);
  }

  /** Closes it; its own event tells when the socket is gone. */
  async close(): Promise<void> {
    this.socket.close();
    await until("its end", () => this.socket.readyState === this.socket.CLOSED);
  }

  [Symbol.dispose](): void {
    this.socket.close();
  }
}

for (const [profile, system] of Object.entries(SYSTEMS) as [ProfileName, System][]) {
  integrationTest(`HeartbeatSocket speaks ${profile}, and outlives its server`, async () => {
    const first = await ServerProcess.start({ env: ENV });
    using it = new ObservedSocket(profile, new URL(system.path, first.url));
    system.subscribe?.(it.socket);
    if (system.login !== undefined) it.socket.onopen = () => it.socket.send(system.login!);
    await it.beats();
    assert(it.rtts.every((rtt) => rtt !== undefined && rtt > 0 && rtt < 2_000), `${it.rtts}`);
    assertEquals(it.socket.status, "healthy");
    const { port } = first;
    await first[Symbol.asyncDispose](); // killed, without a word
    await until("the loss", () => it.count("close") > 0);
    for (const number of NUMBERS) system.say(it.socket, number);
    assert(it.socket.bufferedAmount > 0);
    await using second = await ServerProcess.start({ env: { ...ENV, PORT: `${port}` } });
    await it.opened(2);
    const answers = () => it.texts.map(system.answered).filter((number) => number !== undefined);
    await until("all answers", () => answers().length >= NUMBERS.length);
    assertEquals(answers(), NUMBERS);
    await postJson(second, "/api/v1/publish", { body: { channel: system.channel, data: "news" } });
    await until("news", () => it.texts.some(system.shouldLog));
    await it.beats();
    await it.close();
    const rare = it.events.filter((event) => event !== "close");
    assertEquals(rare, ["open", "open"], "no timeout, no drop");
    await second.line("connection closed");
    assertEquals(second.lines("connection closed").map(({ reason }) => reason), ["client_close"]);
  });
}

integrationTest("HeartbeatSocket speaks tank, and outlives its server", async () => {
  const env = { TANK_PING_PERIOD_MS: "200", TANK_PONG_WAIT_MS: "2000" };
  const first = await ServerProcess.start({ env });
  using it = new ObservedSocket("tank", new URL("/ws?user_id=alice", first.url));
  it.socket.subscribe("news");
  await it.beats();
  assertEquals(it.rtts.filter((rtt) => rtt !== undefined), [], "tank answers nothing");
  const { port } = first;
  globalThis.dispatchEvent(new Event("offline")); // it waits until there is someone to hear it
  await first[Symbol.asyncDispose]();
  await until("the loss", () => it.count("close") === 1);
  for (const number of NUMBERS) it.socket.send(`number ${number}`);
  await using second = await ServerProcess.start({ env: { ...env, PORT: `${port}` } });
  using other = new ObservedSocket("tank", new URL("/ws?user_id=bob", second.url));
  await other.opened(1);
  globalThis.dispatchEvent(new Event("online"));
  await it.opened(2);
  const numbers = () => other.texts.map((text) => numberIn(/^number (\d+)$/, text));
  await until("all numbers", () => numbers().at(-1) === NUMBERS.at(-1));
  assertEquals(numbers().filter((number) => number !== undefined), NUMBERS);
  await postJson(second, "/api/v1/publish", { body: { channel: "news", data: "news" } });
  await until("news", () => it.texts.includes('{"topic":"news","data":"news"}'));
  await it.beats();
  await it.close();
  await other.close();
  assertEquals(it.events.filter((event) => event !== "close"), ["open", "open"]);
});

/** Loses the hub's acknowledgements while it is deaf. */
class DeafSocket extends WebSocket {
  static isDeaf = true;

  override set onmessage(listener: ((event: MessageEvent) => void) | null) {
    super.onmessage = (event) => {
      const isLost = DeafSocket.isDeaf && event.data.startsWith('{"type":"published"');
      if (!isLost) listener?.(event);
    };
  }
}

integrationTest(
  "A publication whose answer is lost is delivered once, and its promise has its place",
  async () => {
    await using server = await ServerProcess.start();
    const url = new URL("/ws", server.url);
    using watcher = new ObservedSocket("json", url);
    const seen: unknown[] = [];
    const updates = watcher.socket.subscribe("updates", ({ data }) => seen.push(data));
    await until("the subscription", () => updates.position);
    using publisher = new ObservedSocket("json", url, { WebSocket: DeafSocket });
    const { socket } = publisher;
    const first = socket.publish("updates", "first");
    await until("its delivery", () => seen.length === 1);
    DeafSocket.isDeaf = false;
    socket.reconnect();
    const second = socket.publish("updates", "second");
    const { epoch } = updates.position!;
    assertEquals(await within("its place", 10_000, first), { epoch, offset: 1 });
    assertEquals(await within("the next place", 10_000, second), { epoch, offset: 2 });
    await until("the next one", () => seen.length === 2);
    assertEquals(seen, ["first", "second"]);
    const { messages, more } = await updates.history({ since: { epoch, offset: 1 } });
    assertEquals([messages.map(({ data }) => data), more], [["second"], false]);
  },
);

integrationTest("HeartbeatSocket heeds a server that shuts down", async () => {
  const first = await ServerProcess.start();
  using it = new ObservedSocket("json", new URL("/ws", first.url));
  const plans: { attempt: number; delayMs: number; reason: string }[] = [];
  it.socket.onreconnecting = (event) => plans.push(event);
  await it.beats();
  Deno.kill(first.pid, "SIGTERM");
  await within("a drained server", 10_000, first.status);
  await first[Symbol.asyncDispose]();
  await until("the loss", () => it.count("close") > 0);
  const [{ attempt, delayMs, reason }] = plans;
  assertEquals([attempt, reason], [1, "advised: drain"]);
  assertLessOrEqual(delayMs, 1_000, "the slot of the only client is the first one");
  await it.close();
});

/** The same program, by each runtime's own WebSocket and the built library. */
const RUNTIMES: Record<string, readonly string[]> = {
  "Deno": [Deno.execPath(), "run", "--quiet", "--no-config", "--allow-net", "--allow-read"],
  "Node 22": ["npx", "-y", "node@22"],
};

for (const [name, [program, ...flags]] of Object.entries(RUNTIMES)) {
  integrationTest(
    `The built library under ${name} outlives its server, in order`,
    () =>
      outlivesItsServer((library, hub) => {
        const child = new Deno.Command(program, {
          args: [...flags, SDK_SCRIPT.pathname, library.href, hub.href],
          stdin: "null",
          stdout: "piped",
          stderr: "piped",
          env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
        }).spawn();
        const lines: string[] = [];
        let stderr = "";
        const output = Promise.all([
          eachLine(child.stdout, (line) => lines.push(line)),
          eachLine(child.stderr, (line) => stderr += `${line}\n`),
        ]);
        return {
          lines,
          complaints: () => stderr,
          async [Symbol.asyncDispose]() {
            const { success } = await within("its end", 10_000, child.status);
            await output;
            assert(success, stderr);
          },
        };
      }),
  );
}

function numberIn(pattern: RegExp, text: string): number | undefined {
  const [, digits] = pattern.exec(text) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

async function eachLine(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  take: (line: string) => void,
): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    lines.forEach(take);
  }
}
