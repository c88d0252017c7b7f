import { assert, assertEquals, assertGreaterOrEqual, assertLess } from "@std/assert";
import { bareServer, httpServer, tcpServer } from "../support/peers/bad_servers.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import { masked, probe, probeCommand, type ProbeRun } from "../support/server/probe_process.ts";
import { runToEnd, ServerProcess } from "../support/server/server_process.ts";
import { sideBySide, until, within } from "../support/until.ts";

const TLS_FOLDER = new URL("../fixtures/tls/", import.meta.url).pathname;
const CERT_FILE = `${TLS_FOLDER}cert.pem`;

/** Out of its time since 2020, of the same key: `openssl ca -selfsign -enddate 20200102000000Z`. */
const EXPIRED_FILE = `${TLS_FOLDER}expired.pem`;
const KEY_FILE = `${TLS_FOLDER}key.pem`;

/** Compares all that a run printed, figures and ports masked. */
function assertPrinted({ code, stdout, stderr }: ProbeRun, exitCode: number, text: string): void {
  assertEquals(masked(stderr) + masked(stdout), text.replace(/^\n/, ""));
  assertEquals(code, exitCode);
}

const PINGS = (name: string) =>
  `${name} pings: 2 sent, 2 answered, 0 lost (0 %)
  min/avg/max/stddev/jitter = 0.00/0.00/0.00/0.00/0.00 ms
`;

/** The ping behind the first frames comes before or after an answer to one of the probe's. */
function withoutServerPing(stdout: string): string {
  const lines = stdout.split("\n").filter((line) => !line.startsWith("server's control ping 1,"));
  assertEquals(stdout.split("\n").length - lines.length, 1, stdout);
  return lines.join("\n");
}

integrationTest(
  "probe of this hub: every profile's heartbeat is answered as documented",
  async () => {
    await using server = await ServerProcess.start();
    const base = `ws://127.0.0.1:${server.port}`;
    const twice = ["--count", "2", "--interval", "0.05"];
    const answered = async (profile: string) => {
      const run = await probe([...twice, "--profile", profile, `${base}/ws/${profile}`]);
      const health = profile === "events-hub";
      const url = `ws://127.0.0.1:PORT/ws/${profile}${health ? "?…" : ""}`;
      const stdout = withoutServerPing(run.stdout);
      const lines = stdout.split("\n").map(masked);
      assertEquals(lines[0], `connected to ${url} in 0.00 ms, subprotocol none, extensions none`);
      const seen = lines.slice(1, 5).map((line) => line.slice(0, line.indexOf(":"))).toSorted();
      const expected = [
        "control ping 1",
        "control ping 2",
        `${profile} ping 1`,
        `${profile} ping 2`,
      ];
      assertEquals(seen, expected.toSorted());
      assertPrinted(
        { ...run, stdout: stdout.split("\n").slice(5).join("\n") },
        0,
        `
${health ? "added health to event_types: the server answers only its subscribers\n" : ""}
--- ${url}, open for 0.00 s ---
${PINGS("control")}${PINGS(profile)}server's control pings: 1
server's ${profile} pings: none
other messages: 1
closed by the probe
`,
      );
    };
    const unanswered = async () =>
      assertPrinted(
        await probe([...twice, "--profile", "tank", `${base}/ws/tank`]).then((run) => ({
          ...run,
          stdout: withoutServerPing(run.stdout),
        })),
        0,
        `
connected to ws://127.0.0.1:PORT/ws/tank in 0.00 ms, subprotocol none, extensions none
control ping 1: 0.00 ms
control ping 2: 0.00 ms

--- ws://127.0.0.1:PORT/ws/tank, open for 0.00 s ---
${PINGS("control")}tank pings: 2 sent; its server answers none
server's control pings: 1
server's tank pings: none
other messages: 1
closed by the probe
`,
      );
    await sideBySide(...["json", "events-hub", "infoway", "talo"].map(answered), unanswered());
  },
);

integrationTest(
  "probe --idle of this hub: its period is seen; who answers stays, who is mute is cut",
  async () => {
    const timing = { PING_PERIOD_MS: "200", PONG_WAIT_MS: "2000", MISSED_HEARTBEATS: "9" };
    await using server = await ServerProcess.start({ env: timing });
    const url = `ws://127.0.0.1:${server.port}/ws`;
    const summaryOf = ({ stdout }: ProbeRun) => JSON.parse(stdout.trim().split("\n").at(-1)!);
    const stays = async () => {
      const run = await probe(["--json", "--idle", "2", "--profile", "json", url]);
      const { kind, end, openMs, server, control } = summaryOf(run);
      assertEquals([run.code, kind, end], [0, "summary", { by: "plan" }]);
      assertEquals([control.sent, control.lossPercent], [0, null]);
      assertGreaterOrEqual(openMs, 1_990);
      // Its first ping comes after 100 to 200 ms, the others every 200 ms in steps of its wheel.
      for (const { count, periodMs } of [server.control, server.app]) {
        assertGreaterOrEqual(count, 5);
        assertGreaterOrEqual(periodMs, 180);
        assertLess(periodMs, 350);
      }
    };
    const isCut = async () => {
      const run = await probe(["--json", "--idle", "20", "--mute", url]);
      const { end, openMs } = summaryOf(run);
      assertEquals([run.code, end], [4, { by: "peer", how: "fin" }]);
      assertGreaterOrEqual(openMs, 1_000); // 2 s by the server's clock, which starts earlier
      assertLess(openMs, 10_000);
    };
    await sideBySide(stays(), isCut());
  },
);

integrationTest("probe of a bare server that never pings", async () => {
  await using server = await bareServer(undefined, { perMessageDeflate: true });
  const url = `ws://127.0.0.1:${server.port}/chat`;
  const twice = ["--count", "2", "--interval", "0.05", "--protocol", "a", "--protocol", "b"];
  assertPrinted(
    await probe([...twice, url]),
    0,
    `
connected to ws://127.0.0.1:PORT/chat in 0.00 ms, subprotocol a, extensions permessage-deflate
control ping 1: 0.00 ms
control ping 2: 0.00 ms

--- ws://127.0.0.1:PORT/chat, open for 0.00 s ---
${PINGS("control")}server's control pings: none
closed by the probe
`,
  );
});

integrationTest(
  "probe of a server that answers no ping, and of one that sends no valid frame",
  async () => {
    await using silent = await bareServer(undefined, { autoPong: false });
    await using wrong = await bareServer((_, raw) => raw.write(new Uint8Array([0x83, 0]))); // opcode 3
    const once = ["--count", "1", "--timeout", "1"];
    await sideBySide(
      probe([...once, `http://127.0.0.1:${silent.port}/`]).then((run) =>
        assertPrinted(
          run,
          1,
          `
using ws:// instead of http://
connected to ws://127.0.0.1:PORT/ in 0.00 ms, subprotocol none, extensions none
control ping 1: no answer within 1 s

--- ws://127.0.0.1:PORT/, open for 0.00 s ---
control pings: 1 sent, 0 answered, 1 lost (100 %)
server's control pings: none
closed by the probe
no control pong arrived: the server hangs, or control frames are dropped on the way
`,
        )
      ),
      probe(["--idle", "9", `ws://127.0.0.1:${wrong.port}/`]).then((run) =>
        assertPrinted(
          run,
          4,
          `
connected to ws://127.0.0.1:PORT/ in 0.00 ms, subprotocol none, extensions none

--- ws://127.0.0.1:PORT/, open for 0.00 s ---
server's control pings: none
closed by the probe: it received an invalid frame (Invalid WebSocket frame: invalid opcode 3)
`,
        )
      ),
    );
  },
);

integrationTest(
  "probe --idle tells how an idle connection was cut, and after how long",
  async () => {
    const cut = async (
      cutter: Parameters<typeof bareServer>[0] & object,
      words: string,
    ) => {
      // From the probe's pong on, so that its own silence is never the shorter one.
      await using server = await bareServer((ws, raw) => {
        ws.once("pong", () => setTimeout(cutter, 500, ws, raw));
        ws.ping();
      });
      const run = await probe(["--idle", "20", `ws://127.0.0.1:${server.port}/`]);
      assertPrinted(
        run,
        4,
        `
connected to ws://127.0.0.1:PORT/ in 0.00 ms, subprotocol none, extensions none
server's control ping 1, after 0.00 s

--- ws://127.0.0.1:PORT/, open for 0.00 s ---
server's control pings: 1
closed by the other side after 0.00 s (its last frame: 0.00 s before, the probe's: 0.00 s before)
  ${words}
  answering its pings did not prevent it
`,
      );
      const quiet = Number(/the probe's: (\S+) s before/.exec(run.stdout)?.[1]);
      assertGreaterOrEqual(quiet, 0.49); // a timer may be a ms early
      assertLess(quiet, 10);
    };
    await sideBySide(
      cut(
        (ws) => ws.close(1001, "idle timeout"),
        'close frame, code 1001 "idle timeout": a decision of the server',
      ),
      cut((ws) => ws.close(), "close frame, no code: a decision of the server"),
      cut(
        (_, raw) => raw.end(),
        "TCP closed without a close frame: a timeout of a proxy or of the server, or a crash",
      ),
      cut(
        (_, raw) => raw.resetAndDestroy(),
        "TCP was reset: a proxy or firewall that dropped the connection, or a crash",
      ),
    );
  },
);

integrationTest("probe of what is no WebSocket says what it is and what to do", async () => {
  await using web = await httpServer((request, response) => {
    const answers: Record<string, [number, Record<string, string>]> = {
      "/": [200, { "Content-Type": "text/html" }],
      "/keys": [401, { "WWW-Authenticate": 'Bearer realm="hub"' }],
      "/moved": [302, { Location: "/ws?token=hunter2" }],
      "/full": [503, { "Retry-After": "7" }],
    };
    response.writeHead(...(answers[request.url!] ?? [404, {}])).end("<html>");
  });
  await using shell = await tcpServer((raw) => raw.write("SSH-2.0-OpenSSH_9.6\r\n"));
  await using mute = await tcpServer(() => {});
  await using rude = await tcpServer((raw) => raw.on("data", () => raw.resetAndDestroy()));
  const closed = await tcpServer(() => {});
  await closed[Symbol.asyncDispose]();
  const refuses = async (port: number, path: string, text: string) => {
    const run = await probe([
      "--timeout",
      port === mute.port ? "0.5" : "20",
      `ws://127.0.0.1:${port}${path}`,
    ]);
    assertPrinted(run, 3, text);
  };
  await sideBySide(
    refuses(
      web.port,
      "/",
      `ws://127.0.0.1:PORT/ answered 200 OK.
It is an HTTP server, but no WebSocket at this path: check the path, and that a proxy on the way forwards the Upgrade header.
`,
    ),
    refuses(
      web.port,
      "/keys",
      `ws://127.0.0.1:PORT/keys answered 401 Unauthorized.
The credential is missing or wrong: give one with --key or --header. It asks for: Bearer.
`,
    ),
    refuses(
      web.port,
      "/moved",
      `ws://127.0.0.1:PORT/moved answered 302 Found.
It is a redirect, which no browser follows for a WebSocket. Probe its target: ws://127.0.0.1:PORT/ws?…
`,
    ),
    refuses(
      web.port,
      "/nowhere",
      `ws://127.0.0.1:PORT/nowhere answered 404 Not Found.
There is no WebSocket at this path: check the path, and a proxy's routes.
`,
    ),
    refuses(
      web.port,
      "/full",
      `ws://127.0.0.1:PORT/full answered 503 Service Unavailable.
It accepts no more connections now: try again after 7 s.
`,
    ),
    refuses(
      shell.port,
      "/",
      `127.0.0.1:PORT is no HTTP server.
Check the port; if it is a TLS port, use wss://.
`,
    ),
    refuses(
      mute.port,
      "/",
      `127.0.0.1:PORT accepted the connection but did not finish the handshake in 0.5 s.
It hangs, has another protocol, or requires TLS (wss://); or wait longer (--timeout).
`,
    ),
    refuses(
      rude.port,
      "/",
      `127.0.0.1:PORT accepted the connection and closed it during the handshake.
It may require TLS (wss://), or limit its clients: look at its log.
`,
    ),
    refuses(
      closed.port,
      "/",
      `Nothing listens at 127.0.0.1:PORT: the connection was refused.
Start the server, or check host and port.
`,
    ),
  );
});

integrationTest("probe of wss:// trusts whom it is told to, and names what is wrong", async () => {
  const tls = (certFile: string) =>
    ServerProcess.start({ env: { TLS_CERT_FILE: certFile, TLS_KEY_FILE: KEY_FILE } });
  await using good = await tls(CERT_FILE);
  await using expired = await tls(EXPIRED_FILE);
  await using plain = await bareServer();
  const once = ["--count", "1"];
  const connects = async (args: string[], env?: Record<string, string>) => {
    const { code, stderr } = await probe([...once, ...args], env);
    assertEquals([code, stderr], [0, ""]);
  };
  const refuses = async (port: number, text: string) =>
    assertPrinted(await probe([...once, `wss://localhost:${port}/ws`]), 3, text);
  await sideBySide(
    connects(["--insecure", `wss://localhost:${good.port}/ws`]),
    connects([`wss://localhost:${good.port}/ws`], { DENO_CERT: CERT_FILE }),
    refuses(
      good.port,
      `TLS with localhost:PORT failed: no issuer that this machine trusts has signed its certificate (DEPTH_ZERO_SELF_SIGNED_CERT).
Trust its issuer with DENO_CERT=ca.pem before the command, or accept any with --insecure.
`,
    ),
    refuses(
      expired.port,
      `TLS with localhost:PORT failed: its certificate has expired (CERT_HAS_EXPIRED).
Renew it; --insecure connects anyway.
`,
    ),
    refuses(
      plain.port,
      `TLS with localhost:PORT failed: it does not use TLS (ERR_SSL_WRONG_VERSION_NUMBER).
Use ws://, or check the port.
`,
    ),
  );
});

integrationTest("probe presents credentials and prints none", async () => {
  const heard: (string | undefined)[] = [];
  await using web = await httpServer((request, response) => {
    heard.push(request.headers.authorization, String(request.headers["x-more"]), request.url);
    response.writeHead(401, { "WWW-Authenticate": 'Basic realm="hunter2"' }).end("hunter2");
  });
  await using hub = await bareServer();
  const say = (port: number, ...args: string[]) =>
    probe(
      [...args, "--count", "1", "--header", "X-More: hunter2", `ws://127.0.0.1:${port}/?k=hunter2`],
      { PROBE_KEY: "hunter2" },
    );
  for (
    const { stdout, stderr } of [
      await say(web.port),
      await say(web.port, "--json"),
      await say(hub.port, "--protocol", "x.bearer.hunter2"),
      await say(hub.port, "--header", "broken hunter2"),
    ]
  ) assert(!(stdout + stderr).includes("hunter2"), stdout + stderr);
  assertEquals(heard.slice(0, 3), ["Bearer hunter2", "hunter2", "/?k=hunter2"]);
});

integrationTest("probe ends when nobody reads its output any more", async () => {
  await using server = await bareServer();
  const url = `ws://127.0.0.1:${server.port}/`;
  const script = '{ "$@"; echo "exit $?" >&2; } | head -n 2';
  for (const json of [[], ["--json"]]) {
    const command = probeCommand("--interval", "0.05", ...json, url);
    const { stdout, stderr } = await runToEnd({}, ["sh", "-c", script, "sh", ...command]);
    assertEquals([stdout.trim().split("\n").length, stderr], [2, "exit 141\n"]);
  }
});

integrationTest("probe stopped by Ctrl-C prints what it has found", async () => {
  await using server = await bareServer();
  const url = `ws://127.0.0.1:${server.port}/`;
  const [program, ...args] = probeCommand("--interval", "0.05", url);
  const env = { NO_COLOR: "1" };
  const child = new Deno.Command(program, { args, env, stdout: "piped", stderr: "piped" }).spawn();
  let stdout = "";
  const reading = (async () => {
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) stdout += text;
  })();
  const errors = new Response(child.stderr).text();
  try {
    await until("two answers", () => stdout.includes("control ping 2:"));
    child.kill("SIGINT");
    child.kill("SIGINT"); // as `deno task` forwards it
    await within("its end", 5_000, child.status);
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
  await reading;
  assertEquals([(await child.status).code, await errors], [0, ""]);
  assertEquals(stdout.match(/^--- /gm)?.length, 1, stdout);
  assert(stdout.endsWith("closed by the probe, which was stopped\n"), stdout);
});

integrationTest(
  "probe --interactive sends the lines of its input and prints what comes",
  async () => {
    await using server = await ServerProcess.start();
    const url = `ws://127.0.0.1:${server.port}/ws`;
    const lines = [
      '{"type":"subscribe","channel":"news"}',
      "",
      '{"type":"publish","channel":"news","data":"ä"}',
      '{"type":"ping","id":7}',
    ];
    const args = ["--interactive", "--timeout", "1", "--json", url];
    const { code, stdout, stderr } = await probe(args, {}, lines.join("\n"));
    assertEquals([code, stderr], [0, ""]);
    const events = stdout.trim().split("\n").map((line) => JSON.parse(line));
    const messages = events.filter(({ kind }) => kind === "message").map(({ text }) =>
      JSON.parse(text)
    );
    assertEquals(messages.map(({ type }) => type).toSorted(), [
      "message",
      "pong",
      "subscribed",
      "welcome",
    ]);
    assertEquals(messages.find(({ type }) => type === "message").data, "ä");
    assertEquals(events.at(-1).end, { by: "plan" });
    const { malformed } = JSON.parse((await server.ask({ path: "/api/v1/stats" })).body).totals;
    assertEquals(malformed, 0);
  },
);

integrationTest(
  "probe --interactive ends with the connection, whatever its input does",
  async () => {
    await using server = await ServerProcess.start();
    const [program, ...args] = probeCommand("--interactive", `ws://127.0.0.1:${server.port}/ws`);
    const child = new Deno.Command(program, { args, stdin: "piped", stdout: "piped" }).spawn();
    const output = child.output();
    const connections = async () =>
      JSON.parse((await server.ask({ path: "/api/v1/connections" })).body).connections;
    const [{ id }] = await until("its connection", async () => {
      const list = await connections();
      return list.length > 0 ? list : undefined;
    }, { withinMs: 20_000 });
    await server.ask({ method: "DELETE", path: `/api/v1/connections/${id}` });
    assertEquals((await output).code, 4);
    await child.stdin.close();
  },
);
