import { assert, assertEquals } from "@std/assert";
import { gzipSync } from "node:zlib";
import { buildSdk, SDK_FOLDER } from "../../server/cli/sdk.ts";

/** The limit of the compressed library, bytes. */
const MAX_BYTES = 10_240;

const committed = (name: string) => Deno.readTextFile(new URL(name, SDK_FOLDER));

Deno.test("deno task sdk: the committed build is built from these sources", async () => {
  const { code, types } = await buildSdk();
  const outdated =
    "the library's sources have changed: run deno task sdk and commit server/sdk/dist";
  assert(code === await committed("sdk.js"), outdated);
  assert(types === await committed("sdk.d.ts"), outdated);
});

Deno.test("The library is at most 10 KiB compressed", async () => {
  const bytes = gzipSync(await committed("sdk.js"), { level: 9 }).length;
  console.log(`sdk.js: ${bytes} bytes compressed`);
  assert(bytes <= MAX_BYTES, `${bytes} bytes`);
});

Deno.test("The library uses no Deno API, imports nothing and exports what it declares", async () => {
  const code = await committed("sdk.js");
  assert(!/\bDeno\b|\bimport\b|\brequire\b/.test(code.replace(/^\/\/.*$/gm, "")));
  const names = Object.keys(await import(new URL("sdk.js", SDK_FOLDER).href));
  const declared = [...(await committed("sdk.d.ts")).matchAll(/^export declare \w+ (\w+)/gm)];
  assertEquals(names.toSorted(), declared.map(([, name]) => name).toSorted());
});

const PROGRAM = `
import {
  HeartbeatSocket,
  type HealthEvent,
  type HeartbeatSocketOptions,
  type HistoryPage,
  type Position,
  type Published,
  type PresencePage,
  type RequestError,
  type Subscription,
} from "SDK";
const socket = new HeartbeatSocket("ws://localhost:1/", { profile: "infoway", WebSocket });
const onHealth = ({ status, latency }: HealthEvent): string => status + latency?.toFixed();
socket.addEventListener("health", onHealth);
socket.addEventListener("message", ({ data }) => void data, { once: true });
socket.onreconnecting = ({ attempt, delayMs, reason }) => void (reason + (attempt + delayMs));
const rtt: number | undefined = socket.rtt;
const name: string = "open";
socket.addEventListener(name, (event: Event) => void event.type);
socket.addEventListener(name, { handleEvent() {} });
// @ts-expect-error a message has no attempt
socket.addEventListener("message", ({ attempt }) => attempt);
const later: HeartbeatSocketOptions = { profile: undefined, heartbeat: undefined, debug: undefined };
const foreign = new HeartbeatSocket("ws://localhost:1/", {
  ...later,
  heartbeat: { message: () => new Uint8Array(1), isAnswer: (data) => data === "x", interval: undefined },
});
foreign.connect();
new HeartbeatSocket("ws://localhost:1/", { token: () => "t" }).close();
new HeartbeatSocket("ws://localhost:1/", { token: async () => "t" }).close();
// @ts-expect-error it is a function
new HeartbeatSocket("ws://localhost:1/", { token: "t" });
const retries: number = foreign.retryCount;
using updates: Subscription = socket.subscribe("a", ({ data, offset }) => data + offset?.toFixed());
const since: Position | undefined = updates.position;
socket.subscribe("a", null, { since, last: 2 }).unsubscribe();
updates.addEventListener("message", ({ data, timestamp }) => data + timestamp.toFixed());
updates.addEventListener("recovered", ({ channel, count }) => channel + count.toFixed());
updates.addEventListener(name, (event: Event) => void event.type);
socket.addEventListener("gap", ({ channel }) => channel.length, { once: true });
socket.onrecovered = ({ count }) => void count.toFixed();
const publish = (): Promise<Published | undefined> => socket.publish("a", { deep: [1] });
publish().then(
  (place) => place?.degraded ? "here alone" : place?.offset.toFixed(),
  ({ code }: RequestError) => code.trim(),
);
const read = async (channel: Subscription): Promise<unknown> => {
  const { epoch, messages, more }: HistoryPage = await channel.history({ since, last: undefined });
  const { count, members }: PresencePage = await channel.presence();
  return [epoch.trim(), messages[0]?.offset.toFixed(), !more, count.toFixed(), members[0]?.member];
};
using room = socket.subscribe("room", null, { presence: true, info: { name: "Ada" } });
room.addEventListener("joined", ({ channel, user, member, info }) => [channel, user?.trim(), member, info]);
room.addEventListener("members", ({ count }) => count.toFixed());
room.addEventListener("unsubscribed", ({ reason }) => reason.trim());
// @ts-expect-error the count has no member
room.addEventListener("members", ({ member }) => member);
// @ts-expect-error a gap has no count
updates.addEventListener("gap", ({ count }) => count);
// @ts-expect-error a subscription has no health
updates.addEventListener("health", ({ latency }) => latency);
socket.reconnect();
new HeartbeatSocket("ws://localhost:1/", { closeEvents: "final" });
// @ts-expect-error there is no such profile
new HeartbeatSocket("ws://localhost:1/", { profile: "mqtt" });
// @ts-expect-error it is a number
socket.rtt?.slice();
export { read, retries, rtt };
`;

Deno.test("The declarations type-check in a user's program, also without Deno's types", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const source = PROGRAM.replace("SDK", new URL("sdk.js", SDK_FOLDER).href);
    await Deno.writeTextFile(`${folder}/program.ts`, source);
    for (const lib of [["deno.window"], ["esnext", "dom"]]) {
      const config = { compilerOptions: { lib, strict: true, exactOptionalPropertyTypes: true } };
      await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify(config));
      const command = new Deno.Command(Deno.execPath(), {
        args: ["check", "--quiet", `--config=${folder}/deno.json`, `${folder}/program.ts`],
        env: { NO_COLOR: "1" },
        stdout: "null",
      });
      const { success, stderr } = await command.output();
      assert(success, `${lib}: ${new TextDecoder().decode(stderr)}`);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
