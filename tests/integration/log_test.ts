import { assertEquals, assertLess, assertRejects, assertStringIncludes } from "@std/assert";
import { integrationTest } from "../support/integration_test_case.ts";
import { ask } from "../support/peers/plain_http.ts";
import { RawPeer } from "../support/peers/raw_peer.ts";
import { PROJECT, ServerProcess, startCommand } from "../support/server/server_process.ts";
import { until, within } from "../support/until.ts";

/** Two lines each, of 200 bytes and more: far beyond the 64 KiB that a pipe holds. */
const VISITS = 400;

const SHUTDOWN_MS = 2_000;
/** The end of a process and this one's own lateness. */
const EXIT_MS = 500;

integrationTest(
  "A log that nobody reads any more stops nothing, a drain least of all",
  async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    listener.close();
    const [program, ...args] = startCommand();
    const server = new Deno.Command(program, {
      args,
      cwd: PROJECT,
      env: { PORT: String(port), SHUTDOWN_MS: String(SHUTDOWN_MS), LOG_FORMAT: "json" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    let ended = false;
    try {
      const dial = () => Deno.connect({ hostname: "127.0.0.1", port });
      const isAlive = () => ask(dial, { path: "/healthz" }).then(({ status }) => status === 200);
      await until("a start", () => isAlive().catch(() => false), { withinMs: 30_000 });
      for (let i = 0; i < VISITS; i++) {
        using peer = await RawPeer.connect(dial);
        await peer.message("welcome");
      }
      assertEquals(await isAlive(), true);
      using peer = await RawPeer.connect(dial);
      const signalledMs = performance.now();
      server.kill("SIGTERM");
      assertEquals((await peer.ending()).code, 1012);
      const { code } = await within("its end", SHUTDOWN_MS + 10_000, server.status);
      ended = true;
      assertEquals(code, 0);
      assertLess(performance.now() - signalledMs, SHUTDOWN_MS + EXIT_MS);
    } finally {
      if (!ended) server.kill("SIGKILL");
      await server.stderr.cancel();
      const lines = (await new Response(server.stdout).text()).split("\n");
      assertStringIncludes(lines[0], '"message":"listening"');
      for (const line of lines.slice(0, -1)) JSON.parse(line); // the pipe was full within the last one
    }
  },
);

integrationTest("A crash is told on stderr, and takes no line of the log with it", async () => {
  const preload = new URL("../support/server/crash.ts", import.meta.url).pathname;
  const server = await ServerProcess.start({ command: startCommand(`--preload=${preload}`) });
  Deno.kill(server.pid, "SIGUSR2");
  assertEquals((await server.status).code, 1);
  const told = "crashed on purpose";
  await assertRejects(() => server[Symbol.asyncDispose](), Error, told);
  assertEquals(server.lines("last words").length, 1);
});
