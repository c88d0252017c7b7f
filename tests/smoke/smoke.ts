/**
 * The smoke test: starts the server as a process on a Deno of choice, and checks it from outside as a
 * new user would. `deno task smoke` uses this Deno, `deno task smoke npx -y deno@2.5.0` another one.
 * It runs the start task's command, and then as Deno Deploy does: no flags, all permissions, the
 * address in DENO_SERVE_ADDRESS.
 *
 * Clients close by handshake here: Deno 2.5 does not report that a peer ended TCP after an upgrade, so
 * a connection that ends without a close frame is found there by its missing heartbeat.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
// @ts-types="@types/ws"
import { WebSocket } from "ws";
import { ServerProcess, startCommand } from "../support/server/server_process.ts";
import { until, within } from "../support/until.ts";
import { WsClient } from "../support/peers/ws_client.ts";

/** The binary itself: npm's wrapper around it passes no signal on. */
const DENO = await binaryOf(Deno.args.length > 0 ? Deno.args : [Deno.execPath()]);
const [, , ...START] = startCommand();

/** Deno Deploy ends a program so long after SIGINT, ms. */
const GRACE_MS = 5_000;

interface Run {
  readonly name: string;
  readonly args: readonly string[];
  readonly env?: Record<string, string>;
}

const RUNS: readonly Run[] = [
  { name: "start task", args: ["run", ...START] },
  {
    name: "as on Deno Deploy",
    args: ["run", "--allow-all", "server/main.ts"],
    env: { DENO_SERVE_ADDRESS: "tcp:127.0.0.1:0" },
  },
];

const CHECKS: Readonly<Record<string, (server: ServerProcess) => Promise<void>>> = {
  async "upgrade, ping and pong"(server) {
    using client = await WsClient.connect(new URL("/ws", server.url));
    assertEquals((await client.message("welcome")).pingPeriodMs, 54_000);
    client.send({ type: "ping", timestamp: 7 });
    assertEquals((await client.message("pong")).timestamp, 7);
    await client.close();
  },

  async "publish over HTTP"(server) {
    using client = await WsClient.connect(new URL("/ws", server.url));
    client.send({ type: "subscribe", channel: "smoke" });
    const { epoch } = await client.message("subscribed");
    const { status, body } = await server.ask({
      method: "POST",
      path: "/api/v1/publish",
      headers: { "Content-Type": "application/json" },
      body: '{"channel":"smoke","data":{"n":1}}',
    });
    const accepted = { channel: "smoke", subscribers: 1, epoch, offset: 1 };
    assertEquals([status, JSON.parse(body)], [200, accepted]);
    assertEquals((await client.message("message")).data, { n: 1 });
    await client.close();
  },

  async "the peer's address is known, and limits per address hold"(server) {
    await until("no connection", async () => (await connections(server)).length === 0);
    using one = await WsClient.connect(new URL("/ws", server.url));
    using two = await WsClient.connect(new URL("/ws", server.url));
    const list = await connections(server);
    assertEquals(list.map(({ address }) => address), ["127.0.0.1", "127.0.0.1"]);
    assertEquals(await rejection(server), "too many from this address");
    await Promise.all([one.close(), two.close()]);
  },

  async "a client that offers h2c is answered"(server) {
    const headers = {
      "Connection": "Upgrade, HTTP2-Settings",
      "Upgrade": "h2c",
      "HTTP2-Settings": "AAMAAABkAAQAoAAAAAIAAAAA",
    };
    assertEquals((await server.ask({ path: "/healthz", headers })).status, 200);
  },

  async "the page, its scripts, the library and the manuals"(server) {
    for (const path of ["/", "/web/main.ts", "/web/uplot.js", "/sdk.js", "/sdk.d.ts", "/docs"]) {
      const { status, body } = await server.ask({ path });
      assertEquals([path, status], [path, 200]);
      assert(body.length > 500, path);
    }
  },
};

/** Why an upgrade is rejected: by HTTP, or on Deno before 2.7.5 by a close frame. */
async function rejection(server: ServerProcess): Promise<string> {
  const { ended, status, body } = await new Promise<
    { ended?: string; status?: number; body?: string }
  >((resolve, reject) => {
    const socket = new WebSocket(new URL("/ws", server.url));
    socket.on("unexpected-response", (_request, response) => {
      let body = "";
      response.on("data", (chunk) => body += chunk);
      response.on("end", () => resolve({ status: response.statusCode, body }));
    });
    socket.on("close", (code, reason) => resolve({ ended: `${code} ${reason}` }));
    socket.on("error", reject);
  });
  if (ended !== undefined) return ended.replace(/^1013 overload: |; afterMs=\d+$/g, "");
  assertEquals(status, 503);
  return JSON.parse(body!).detail;
}

async function binaryOf([program, ...args]: readonly string[]): Promise<string> {
  const code = "console.log(Deno.version.deno, Deno.execPath())";
  const command = new Deno.Command(program, { args: [...args, "eval", code], stderr: "inherit" });
  const { stdout } = await command.output();
  const [version, path] = new TextDecoder().decode(stdout).trim().split(" ");
  console.log(`Deno ${version}`);
  return path;
}

async function connections(server: ServerProcess): Promise<{ address: string }[]> {
  const { body } = await server.ask({ path: "/api/v1/connections" });
  return JSON.parse(body).connections;
}

async function run({ name, args, env }: Run): Promise<void> {
  console.log(`== ${name}: ${args.slice(0, 2).join(" ")} …`);
  await using server = await ServerProcess.start({
    command: [DENO, ...args],
    env: { ...env, MAX_CONNECTIONS_PER_ADDRESS: "2" },
  });
  for (const [title, check] of Object.entries(CHECKS)) {
    await within(title, 20_000, check(server));
    console.log(`ok ${title}`);
  }
  await until("no connection", async () => (await connections(server)).length === 0);
  using client = await WsClient.connect(new URL("/ws", server.url));
  const startMs = performance.now();
  Deno.kill(server.pid, "SIGINT");
  assertEquals((await client.message("reconnect")).reason, "drain");
  const { code } = await within("the end", 2 * GRACE_MS, server.status);
  const tookMs = Math.round(performance.now() - startMs);
  assertEquals(code, 0);
  assert(tookMs < GRACE_MS, `the drain took ${tookMs} ms`);
  console.log(`ok drain in ${tookMs} ms, exit code 0`);
}

try {
  for (const each of RUNS) await run(each);
  Deno.exit(0);
} catch (error) {
  console.error(error);
  Deno.exit(1);
}
