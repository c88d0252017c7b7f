import { assertEquals, assertStringIncludes } from "@std/assert";
import { clientFrame, OPCODE, textOf } from "../support/peers/frames.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import { RawPeer } from "../support/peers/raw_peer.ts";
import { runToEnd, ServerProcess, startCommand } from "../support/server/server_process.ts";
import { withFolder } from "../support/temporary_folder.ts";

/** Upgrades and pings work both ways. */
async function serves(server: ServerProcess): Promise<void> {
  assertEquals((await server.ask({ path: "/healthz" })).body, "alive\n");
  using peer = await RawPeer.connect(server.dial);
  await peer.message("welcome");
  const first = await peer.read();
  assertEquals(first!.opcode, OPCODE.ping);
  await peer.pong(first!.payload);
  await peer.write(clientFrame(OPCODE.ping, "are you there?"));
  const pong = await peer.read();
  assertEquals([pong!.opcode, textOf(pong!)], [OPCODE.pong, "are you there?"]);
  const ping = await peer.read();
  assertEquals(ping!.opcode, OPCODE.ping);
  await peer.pong(ping!.payload);
  await peer.message("ping");
}

async function drains(server: ServerProcess): Promise<void> {
  Deno.kill(server.pid, "SIGTERM");
  assertEquals((await server.status).code, 0);
}

/** A port that was free a moment ago. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

function hasIpv6(): boolean {
  try {
    Deno.listen({ hostname: "::1", port: 0 }).close();
    return true;
  } catch {
    return false;
  }
}

/** A server under `DENO_SERVE_ADDRESS=unix:`; the socket file needs both permissions. */
function startOn(path: string): Promise<ServerProcess> {
  return ServerProcess.start({
    command: startCommand(`--allow-read=${path}`, `--allow-write=${path}`),
    env: { DENO_SERVE_ADDRESS: `unix:${path}`, PING_PERIOD_MS: "200" },
    dial: () => Deno.connect({ transport: "unix", path }),
  });
}

integrationTest(
  "DENO_SERVE_ADDRESS=tcp:… is where it listens, whatever HOST and PORT say",
  async () => {
    const port = freePort();
    const env = {
      DENO_SERVE_ADDRESS: `tcp:127.0.0.1:${port}`,
      HOST: "127.0.0.2",
      PORT: "1",
      PING_PERIOD_MS: "200",
    };
    await using server = await ServerProcess.start({ env });
    assertEquals(server.url.host, `127.0.0.1:${port}`);
    await serves(server);
    await drains(server);
  },
);

/** Does not start there with these flags, and says so in one line. */
async function isRefused(path: string, ...flags: string[]): Promise<void> {
  const { code, stderr } = await runToEnd(
    { DENO_SERVE_ADDRESS: `unix:${path}` },
    startCommand(...flags),
  );
  assertEquals(code, 1, stderr);
  assertStringIncludes(stderr, `Cannot start: cannot listen on unix:${path}: `);
  assertEquals(stderr.trim().split("\n").length, 1, stderr);
}

integrationTest("DENO_SERVE_ADDRESS=tcp:[::1]:… is listened on, too", async () => {
  if (!hasIpv6()) return console.log("skipped: this machine has no ::1");
  const port = freePort();
  await using server = await ServerProcess.start({
    env: { DENO_SERVE_ADDRESS: `tcp:[::1]:${port}`, PING_PERIOD_MS: "200" },
    dial: () => Deno.connect({ hostname: "::1", port }),
  });
  assertEquals(server.url.host, `[::1]:${port}`);
  await serves(server);
  await drains(server);
});

integrationTest("DENO_SERVE_ADDRESS=unix:… works, over a stale socket file, too", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/hub.sock`;
    {
      await using _killed = await startOn(path); // leaves its file behind
    }
    assertEquals((await Deno.lstat(path)).isSocket, true);
    await isRefused(path); // the task's permissions do not reach there
    await using server = await startOn(path);
    assertEquals((await server.line("listening")).address, `unix:${path}`);
    await serves(server);

    // A second one does not take the socket of one that answers.
    await isRefused(path, `--allow-read=${path}`, `--allow-write=${path}`);
    await serves(server);
    await drains(server);
  });
});

integrationTest("DENO_SERVE_ADDRESS=unix:… leaves a file alone that is no socket", async () => {
  await withFolder(async (folder) => {
    const path = `${folder}/hub.sock`;
    await Deno.writeTextFile(path, "precious");
    await isRefused(path, `--allow-read=${path}`, `--allow-write=${path}`);
    await isRefused(`${path}/hub.sock`); // no folder
    assertEquals(await Deno.readTextFile(path), "precious");
  });
});
