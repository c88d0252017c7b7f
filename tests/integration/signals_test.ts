import { assertEquals, assertGreaterOrEqual, assertLess } from "@std/assert";
import { UPGRADE_HEADERS } from "../support/peers/plain_http.ts";
import { closeOf, OPCODE } from "../support/peers/frames.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import { RawPeer } from "../support/peers/raw_peer.ts";
import { ServerProcess, type ServerProcessOptions } from "../support/server/server_process.ts";
import { at, until } from "../support/until.ts";
import { WsClient } from "../support/peers/ws_client.ts";

const TASK = [Deno.execPath(), "task", "start"];
/**
 * A terminal around the task, as a user has it: `script` is in Debian's essential bsdutils. The
 * task replaces the shell that `script` starts: dash, where it stays, answers Ctrl-C with an exit
 * code of its own, and which shell it is hangs on SHELL.
 */
const ON_A_TERMINAL = [
  "script",
  "-qec",
  `exec ${TASK.map((word) => `'${word}'`).join(" ")}`,
  "/dev/null",
];
/** A process group of its own, as a service manager makes it; the leader keeps its pid. */
const IN_A_GROUP = ["setsid", ...TASK];
/** Ending a process, its task and its terminal takes a while on top of the drain. */
const EXIT_MS = 500;
/** A client is asked to move after a tenth of 4.5 s, and may take a second for it. */
const MOVE_MS = 1_450;

/** Three clients that read everything and answer nothing, so that a drain lasts for closeWait. */
function stubbornClients(server: ServerProcess, owner: DisposableStack): Promise<RawPeer[]> {
  return Promise.all(Array.from({ length: 3 }, async () => {
    const peer = owner.use(await RawPeer.connect(server.dial));
    await peer.message("welcome");
    return peer;
  }));
}

/** The server drains once: asserts all that others see of it, to the end. */
async function drainsOnce(
  options: ServerProcessOptions,
  { signal, sign }: { signal: string; sign: (server: ServerProcess) => Promise<void> | void },
): Promise<void> {
  const [closeWaitMs, shutdownMs] = [700, 4_500];
  const env = { CLOSE_WAIT_MS: String(closeWaitMs), SHUTDOWN_MS: String(shutdownMs) };
  await using server = await ServerProcess.start({ ...options, env });
  await server.line("open to this machine: no keys are configured, any local client may connect");
  using owner = new DisposableStack();
  const clients = await stubbornClients(server, owner);
  assertEquals((await server.ask({ path: "/readyz" })).status, 200);
  const signalledMs = performance.now();
  await sign(server);
  for (const client of clients) {
    assertEquals((await client.message("reconnect")).reason, "drain");
    const advice = await client.message("reconnect"); // it has not moved
    assertEquals(advice.reason, "drain");
    const frame = await client.read();
    assertEquals(frame?.opcode, OPCODE.close);
    const { code, text } = closeOf(frame!);
    assertEquals(code, 1012);
    assertEquals(text, `drain: server restarting; afterMs=${advice.afterMs}`);
  }
  assertEquals((await server.ask({ path: "/readyz" })).status, 503);
  assertEquals((await server.ask({ path: "/healthz" })).status, 200);
  const late = await server.ask({ path: "/ws", headers: UPGRADE_HEADERS });
  assertEquals([late.status, late.headers.get("retry-after")], [503, "1"]);
  const { code } = await server.status;
  const tookMs = performance.now() - signalledMs;
  assertEquals(code, 0);
  assertGreaterOrEqual(tookMs, closeWaitMs - 50, "it did not wait for its clients");
  assertLess(tookMs, shutdownMs);
  assertEquals(server.lines("signal received").map((line) => line.signal), [signal]);
  assertEquals(server.lines("draining").map((line) => line.connections), [clients.length]);
  assertEquals(server.lines("drained").length, 1);
  const ends = server.lines("connection closed").map(({ reason }) => reason);
  assertEquals(ends, clients.map(() => "drain"));
}

integrationTest("SIGTERM to the process drains once, exit code 0", () =>
  drainsOnce({}, {
    signal: "SIGTERM",
    sign: (server) => Deno.kill(server.pid, "SIGTERM"),
  }));

integrationTest(
  "SIGTERM to the process group of deno task drains once, exit code 0",
  () =>
    drainsOnce({ command: IN_A_GROUP }, {
      signal: "SIGTERM",
      sign: (server) => Deno.kill(-server.pid, "SIGTERM"), // the task forwards it: it arrives twice
    }),
);

integrationTest(
  "Ctrl-C on a terminal drains once, exit code 0",
  () =>
    drainsOnce({ command: ON_A_TERMINAL }, {
      signal: "SIGINT",
      sign: (server) => server.type("\x03"), // the terminal makes a signal of it, the task another
    }),
);

integrationTest("Signals within a second of the first are the same signal", () =>
  drainsOnce({}, {
    signal: "SIGTERM",
    sign: async (server) => {
      const firstMs = performance.now();
      Deno.kill(server.pid, "SIGTERM");
      await server.line("draining");
      Deno.kill(server.pid, "SIGINT");
      await at(firstMs + 400);
      Deno.kill(server.pid, "SIGTERM");
    },
  }));

integrationTest(
  "Signals are the same signal also when the machine paused between them",
  () =>
    drainsOnce({}, {
      signal: "SIGTERM",
      sign: async (server) => {
        Deno.kill(server.pid, "SIGTERM");
        await server.line("draining");
        Deno.kill(server.pid, "SIGSTOP");
        Deno.kill(server.pid, "SIGINT");
        await at(performance.now() + 1_200);
        Deno.kill(server.pid, "SIGCONT");
      },
    }),
);

integrationTest("A signal more than a second after the first exits at once", async () => {
  await using server = await ServerProcess.start({ env: { CLOSE_WAIT_MS: "60000" } });
  using owner = new DisposableStack();
  await stubbornClients(server, owner);
  Deno.kill(server.pid, "SIGTERM");
  await server.line("draining");
  await at(performance.now() + 1_100);
  const secondMs = performance.now();
  Deno.kill(server.pid, "SIGINT");
  const { code } = await server.status;
  assertLess(performance.now() - secondMs, EXIT_MS);
  assertEquals(code, 130); // 128 + SIGINT: not a clean end
  assertEquals(server.lines("drained").length, 0);
});

integrationTest("A drain ends as soon as its clients have answered", async () => {
  await using server = await ServerProcess.start({ env: { CLOSE_WAIT_MS: "60000" } });
  using owner = new DisposableStack();
  const clients = await Promise.all(
    Array.from({ length: 10 }, async () => owner.use(await WsClient.connect(server.url))),
  );
  const signalledMs = performance.now();
  Deno.kill(server.pid, "SIGTERM");
  for (const client of clients) {
    const { code, reason } = await client.end();
    assertEquals([code, reason.startsWith("drain: ")], [1012, true]);
  }
  assertEquals((await server.status).code, 0);
  assertLess(performance.now() - signalledMs, MOVE_MS + 2 * EXIT_MS);
});

integrationTest("A drain ends within SHUTDOWN_MS whatever its clients do", async () => {
  const shutdownMs = 1_500;
  const env = { CLOSE_WAIT_MS: "60000", SHUTDOWN_MS: String(shutdownMs) };
  await using server = await ServerProcess.start({ env });
  using owner = new DisposableStack();
  const [stuck, publisher] = await stubbornClients(server, owner);
  await stuck.send({ type: "subscribe", channel: "c" });
  await stuck.message("subscribed");
  const data = "x".repeat(60_000);
  for (let i = 0; i < 50; i++) { // 3 MB: more than the kernel takes, less than evicts it
    await publisher.send({ type: "publish", channel: "c", data, id: "1" });
    await publisher.message("published");
  }
  assertEquals(server.lines("connection closed").length, 0);
  const signalledMs = performance.now();
  Deno.kill(server.pid, "SIGTERM");
  assertEquals((await server.status).code, 0);
  assertLess(performance.now() - signalledMs, shutdownMs + EXIT_MS / 5);
  await until("its last line", () => server.lines("drained").length === 1);
  assertEquals(server.lines("drained")[0].terminated, 3);
  const ends = server.lines("connection closed").map(({ reason }) => reason);
  assertEquals(ends, ["drain", "drain", "drain"]);
});
