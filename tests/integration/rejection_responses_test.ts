import { assertEquals, assertMatch } from "@std/assert";
import { integrationTest } from "../support/integration_test_case.ts";
import { type HttpRequest, UPGRADE_HEADERS } from "../support/peers/plain_http.ts";
import { RawPeer } from "../support/peers/raw_peer.ts";
import { ServerProcess } from "../support/server/server_process.ts";
import { startWithTls } from "../support/server/tls.ts";
import { until } from "../support/until.ts";

/** An upgrade request with other headers besides. */
function upgrade(headers: Record<string, string> = {}, path = "/ws"): HttpRequest {
  return { path, headers: { ...UPGRADE_HEADERS, ...headers } };
}

/** Asserts status and problem details of an answer. */
async function isRefused(
  server: ServerProcess,
  { what, request, status }: { what: string; request: HttpRequest; status: number },
): Promise<Headers> {
  const answer = await server.ask(request);
  assertEquals({ what, status: answer.status }, { what, status }, answer.body);
  assertMatch(answer.headers.get("content-type") ?? "", /^application\/problem\+json/);
  const { title, status: told, detail } = JSON.parse(answer.body);
  assertEquals({ what, told, title: typeof title, detail: typeof detail }, {
    what,
    told: status,
    title: "string",
    detail: "string",
  });
  return answer.headers;
}

integrationTest("Requests that are not for us are refused, and say why", async () => {
  await using server = await ServerProcess.start();
  const foreign = { Origin: "https://evil.example" };
  const rebound = { Host: "evil.example" };
  const rows: [string, HttpRequest, number][] = [
    ["an upgrade from a foreign page", upgrade(foreign), 403],
    ["an upgrade from a sandboxed page", upgrade({ Origin: "null" }), 403],
    ["an upgrade under a foreign Host", upgrade(rebound), 403],
    ["both the same: a rebound name", upgrade({ ...rebound, Origin: "http://evil.example" }), 403],
    ["an upgrade of nothing", upgrade({}, "/nowhere"), 404],
    ["an upgrade below /ws", upgrade({}, "/ws/nowhere"), 404],
    ["a GET under a foreign Host", { path: "/metrics", headers: rebound }, 403],
    ["a GET of nothing", { path: "/nowhere" }, 404],
    ["a GET of /ws", { path: "/ws" }, 426],
    ["a GET of /ws with a query", { path: "/ws?a=b" }, 426],
    ["a GET of /ws/json", { path: "/ws/json" }, 426],
    ["a POST to /ws", { method: "POST", path: "/ws", headers: { "Content-Length": "0" } }, 405],
    [
      "a POST to /readyz",
      { method: "POST", path: "/readyz", headers: { "Content-Length": "0" } },
      405,
    ],
  ];
  for (const [what, request, status] of rows) await isRefused(server, { what, request, status });
  const metrics = await server.metrics();
  assertEquals(metrics.value("systole_connections_opened_total"), 0);
});

integrationTest("A GET that should have been an upgrade is told which", async () => {
  await using server = await ServerProcess.start();
  const request = { path: "/ws" };
  const headers = await isRefused(server, { what: "a GET of /ws", request, status: 426 });
  assertEquals(headers.get("upgrade"), "websocket");
});

integrationTest("An upgrade that is no valid one is refused with 4xx", async () => {
  await using server = await ServerProcess.start();
  const rows: [string, HttpRequest, number][] = [
    ["no key", upgrade({ "Sec-WebSocket-Key": "" }), 400],
    ["a key that is none", upgrade({ "Sec-WebSocket-Key": "short" }), 400],
    ["a version of long ago", upgrade({ "Sec-WebSocket-Version": "7" }), 426],
    ["another protocol", upgrade({ Upgrade: "h2c" }), 426],
    ["a POST", { ...upgrade({ "Content-Length": "0" }), method: "POST" }, 405],
  ];
  for (const [what, request, status] of rows) {
    assertEquals({ what, status: (await server.ask(request)).status }, { what, status });
  }
  using peer = await RawPeer.connect(server.dial);
  await peer.message("welcome");
  assertEquals((await server.metrics()).value("systole_connections"), 1);
});

/** As `curl --http2` and Java's HttpClient ask of a server they do not know. */
const H2C = {
  Connection: "Upgrade, HTTP2-Settings",
  Upgrade: "h2c",
  "HTTP2-Settings": "AAMAAABkAAQCAAAAAAIAAAAA",
};

async function answersInHttp1(server: ServerProcess): Promise<void> {
  const rows: [HttpRequest, number][] = [
    ...["/", "/sdk.js", "/healthz", "/readyz", "/metrics", "/api/v1/stats"].map((
      path,
    ): [HttpRequest, number] => [{ path }, 200]),
    [{ path: "/ws" }, 426],
    [{ path: "/nowhere" }, 404],
    [{ method: "POST", path: "/v1/socket-tickets", body: "{}" }, 200],
    [{ method: "POST", path: "/api/v1/publish", body: '{"channel":"c","data":1}' }, 200],
  ];
  for (const [request, status] of rows) {
    const headers = { ...H2C, "Content-Type": "application/json" };
    const answer = await server.ask({ ...request, headers });
    assertEquals([request.path, answer.status], [request.path, status], answer.body);
  }
}

integrationTest("Every route answers who would rather speak HTTP/2", async () => {
  await using server = await ServerProcess.start();
  await answersInHttp1(server);
});

integrationTest("Every route answers who would rather speak HTTP/2, over TLS, too", async () => {
  await using server = await startWithTls();
  await answersInHttp1(server);
});

integrationTest("Loopback pages and those of ALLOWED_ORIGINS may connect", async () => {
  const welcomed = async (server: ServerProcess, origin: string) => {
    using peer = await RawPeer.connect(server.dial, { headers: { Origin: origin } });
    await peer.message("welcome");
  };
  {
    await using server = await ServerProcess.start();
    for (const origin of ["http://localhost:3000", "http://127.0.0.1:5173", "http://[::1]"]) {
      await welcomed(server, origin);
    }
  }
  const env = { ALLOWED_ORIGINS: "https://app.example, https://App.Example:8443" };
  await using server = await ServerProcess.start({ env });
  await welcomed(server, "https://app.example");
  await welcomed(server, "https://app.example:8443");
  for (const origin of ["http://app.example", "https://app.example.evil", "http://localhost"]) {
    const request = upgrade({ Origin: origin });
    await isRefused(server, { what: origin, request, status: 403 });
  }
});

integrationTest("Upgrades beyond MAX_CONNECTIONS get 503 until somebody leaves", async () => {
  await using server = await ServerProcess.start({ env: { MAX_CONNECTIONS: "2" } });
  using first = await RawPeer.connect(server.dial);
  using second = await RawPeer.connect(server.dial);
  await second.message("welcome");
  for (let i = 0; i < 3; i++) {
    const what = "a third connection";
    const headers = await isRefused(server, { what, request: upgrade(), status: 503 });
    assertEquals(headers.get("retry-after"), "1");
  }
  assertEquals((await server.ask({ path: "/healthz" })).status, 200);
  first.close();
  await until("room for another", async () => {
    return (await server.metrics()).value("systole_connections") === 1;
  });
  using third = await RawPeer.connect(server.dial);
  await third.message("welcome");
  await second.send({ type: "ping" });
  await second.message("pong");
});
