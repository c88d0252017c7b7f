import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { integrationTest } from "../support/integration_test_case.ts";
import { RawPeer } from "../support/peers/raw_peer.ts";
import {
  PROJECT,
  runToEnd,
  ServerProcess,
  startCommand,
} from "../support/server/server_process.ts";
import { CERT_FILE, KEY_FILE, startWithTls } from "../support/server/tls.ts";
import { sideBySide, until } from "../support/until.ts";
import { WsClient } from "../support/peers/ws_client.ts";

/** Good, but of no certificate here. */
const OTHER_KEY_FILE = new URL("../fixtures/tls/other_key.pem", import.meta.url).pathname;

/** Asserts that it does not start, and says why in one message, without a stack trace. */
async function refusesToStart(env: Record<string, string>, ...texts: string[]): Promise<string> {
  const { code, stdout, stderr } = await runToEnd(env);
  assertEquals({ code, stdout }, { code: 1, stdout: "" }, stderr);
  assertEquals(stderr.match(/Cannot start/g)?.length, 1, stderr);
  assertEquals(/^\s+at /m.test(stderr), false, `a stack trace: ${stderr}`);
  for (const text of texts) assertStringIncludes(stderr, text);
  return stderr.trim();
}

integrationTest(
  "A bad configuration stops the start with every problem in one message",
  () =>
    sideBySide(
      refusesToStart(
        { PONG_WAIT_MS: "soon", PORT: "99999", PROXY_PRESET: "haproxy", ECHO: "maybe" },
        ...["PONG_WAIT_MS", '"soon"', "PORT", '"99999"', "PROXY_PRESET", '"haproxy"', "ECHO"],
        '"maybe"',
      ),
      refusesToStart(
        { PING_PERIOD_MS: "60000", PONG_WAIT_MS: "50000", TLS_CERT_FILE: "cert.pem" },
        "PING_PERIOD_MS must be < PONG_WAIT_MS, got 60000 and 50000",
        "TLS_KEY_FILE must be set",
      ),
      refusesToStart({ TLS_CERT_FILE: "/nowhere.pem", TLS_KEY_FILE: KEY_FILE }, "TLS_CERT_FILE"),
      refusesToStart({ TLS_CERT_FILE: KEY_FILE, TLS_KEY_FILE: CERT_FILE }, "TLS_CERT_FILE"),
      refusesToStart({ TLS_CERT_FILE: CERT_FILE, TLS_KEY_FILE: OTHER_KEY_FILE }, "TLS_CERT_FILE"),
      refusesToStart({ DENO_SERVE_ADDRESS: "vsock:1:2" }, "DENO_SERVE_ADDRESS", "vsock:1:2"),
    ),
);

integrationTest("A port in use stops the start with one line", async () => {
  using other = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const port = String(other.addr.port);
  const message = await refusesToStart({ PORT: port }, `127.0.0.1:${port}`);
  assertEquals(message.split("\n").length, 1, message);
});

integrationTest(
  "An open server refuses an address that others reach, unless allowed",
  () =>
    sideBySide(
      refusesToStart({ HOST: "0.0.0.0" }, "ALLOW_ANONYMOUS"),
      refusesToStart({ DENO_SERVE_ADDRESS: "tcp:0.0.0.0:0" }, "ALLOW_ANONYMOUS"),
      refusesToStart({ DENO_DEPLOYMENT_ID: "abc" }, "ALLOW_ANONYMOUS"),
      startsWhenAllowed(),
    ),
);

async function startsWhenAllowed(): Promise<void> {
  const env = { HOST: "0.0.0.0", ALLOW_ANONYMOUS: "true" };
  const dial = () => Deno.connect({ hostname: "127.0.0.1", port: server.port });
  await using server = await ServerProcess.start({ env, dial });
  const { level } = await server.line(
    "open to every client: no keys are configured",
  );
  assertEquals(level, "warning");
  const headers = { Host: "hub.example" }; // nobody rebinds the name of a server that is public
  assertEquals((await server.ask({ path: "/healthz", headers })).status, 200);
  using peer = await RawPeer.connect(server.dial, { headers });
  await peer.message("welcome");
}

integrationTest("It prints where it listens, the profile and the timing it will keep", async () => {
  await using server = await ServerProcess.start({ env: { PONG_WAIT_MS: "20000" } });
  const { address, profile, pingPeriodMs, pongWaitMs } = await server.line("listening");
  assertEquals(address, `ws://127.0.0.1:${server.port}`);
  assertEquals([profile, pingPeriodMs, pongWaitMs], ["json", 18_000, 20_000]);
});

integrationTest("It measures its process, with the permissions of the start task", async () => {
  const startedMs = Date.now();
  await using server = await ServerProcess.start();
  const metrics = await server.metrics();
  const within = (name: string, from: number, to: number) => {
    const value = metrics.value(name, {});
    assert(from < value && value < to, `${name} is ${value}, not between ${from} and ${to}`);
  };
  within("process_start_time_seconds", startedMs / 1_000 - 1, Date.now() / 1_000 + 1);
  within("process_cpu_seconds_total", 0.01, 600);
  within("process_resident_memory_bytes", 20e6, 1e9);
  within("nodejs_heap_size_used_bytes", 1e6, 1e9);
});

integrationTest("It tells its version and where its page is, in every place the same", async () => {
  const { version } = JSON.parse(await Deno.readTextFile(new URL("deno.json", PROJECT)));
  await using server = await ServerProcess.start();
  assertEquals((await server.line("listening")).version, version);
  const page = `http://127.0.0.1:${server.port}/`;
  await server.line(`live page: ${page}, manuals: ${page}docs`);
  const { headers } = await server.ask({ path: "/healthz" });
  assertEquals(headers.get("systole-version"), version);
  const labels = { version, deno: Deno.version.deno };
  assertEquals((await server.metrics()).value("systole_build_info", labels), 1);
  for (
    const [program, name] of [["server/main.ts", "systole"], [
      "server/cli/probe.ts",
      "systole probe",
    ]]
  ) {
    const command = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "--allow-env", program, "--version"],
      cwd: PROJECT,
    });
    const { stdout } = await command.output();
    assertEquals(new TextDecoder().decode(stdout), `${name} ${version}\n`);
  }
});

integrationTest("It says what is wrong with an environment, and what to do", async () => {
  await using server = await ServerProcess.start({ env: { PING_PERIOD_SM: "1000" } });
  const { level, name, meant } = await server.line("a variable is no option: is it misspelled?");
  assertEquals([level, name, meant], ["warning", "PING_PERIOD_SM", "PING_PERIOD_MS"]);
  const taken = await runToEnd({ PORT: `${server.port}` });
  assertEquals(taken.code, 1);
  assertMatch(
    taken.stderr,
    /^Cannot start: cannot listen on .*; choose another port with PORT=\n$/,
  );
  const folder = await runToEnd({ DATA_DIR: "/tmp/elsewhere" });
  assertEquals(folder.code, 1);
  assertMatch(
    folder.stderr,
    /DATA_DIR \/tmp\/elsewhere: .*may write below data\/ only: set DATA_DIR=data/,
  );
});

integrationTest("It needs no file, no other program and no fact of the system", async () => {
  const nothingElse = ["read", "write", "run", "sys", "ffi", "import"].map((it) => `--deny-${it}`);
  await using server = await ServerProcess.start({
    command: startCommand("--no-prompt", ...nothingElse),
    env: { PING_PERIOD_MS: "200" },
  });
  using client = await WsClient.connect(server.url);
  await until("two pings", () => client.pingsMs.length >= 2);
  assertEquals((await server.ask({ path: "/metrics" })).status, 200);
  Deno.kill(server.pid, "SIGTERM");
  assertEquals((await client.end()).code, 1012);
  assertEquals((await server.status).code, 0);
});

integrationTest("With a certificate it is wss, pings included, and drains as ever", async () => {
  const ca = await Deno.readTextFile(CERT_FILE);
  await using server = await startWithTls({ PING_PERIOD_MS: "200", PONG_WAIT_MS: "800" });
  assertEquals(server.url.protocol, "wss:");
  using client = await WsClient.connect(server.url, { ca });
  using silent = await RawPeer.connect(server.dial);
  assertEquals((await server.ask({ path: "/healthz" })).status, 200);
  assertEquals((await silent.ending()).code, 1006); // it answered no ping
  assertEquals((await server.line("connection closed")).reason, "stale");
  await until("two pings", () => client.pingsMs.length >= 2);
  await client.roundTrip();
  Deno.kill(server.pid, "SIGTERM");
  assertEquals((await client.end()).code, 1012);
  assertEquals((await server.status).code, 0);
});
