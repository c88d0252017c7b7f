/**
 * Every form of a handshake that a server must accept, and one form for every rejection, whichever
 * module finds it.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import { integrationTest } from "../support/integration_test_case.ts";
import { UPGRADE_HEADERS } from "../support/peers/plain_http.ts";
import { RawPeer } from "../support/peers/raw_peer.ts";
import { apiKeys, testKey } from "../support/server/credentials.ts";
import { ServerProcess } from "../support/server/server_process.ts";

const FULL = testKey("full", { publish: ["*"], subscribe: ["*"] });

integrationTest(
  "An upgrade in absolute form, with a slash at the end or in a list is accepted",
  async () => {
    await using server = await ServerProcess.start();
    const host = `127.0.0.1:${server.port}`;
    const rows: [string, Record<string, string>?][] = [
      [`http://${host}/ws`],
      [`ws://${host}/ws?a=1`],
      ["/ws/"],
      ["/socket/"],
      ["/ws/json/"],
      ["/ws", { Upgrade: "h2c, websocket" }],
      ["/ws", { Upgrade: "WebSocket" }],
    ];
    for (const [path, headers] of rows) {
      using peer = await RawPeer.connect(server.dial, { path, headers });
      await peer.message("welcome");
    }
  },
);

integrationTest("HTTP routes answer in absolute form and with a slash at the end", async () => {
  await using server = await ServerProcess.start();
  const paths = [
    `http://127.0.0.1:${server.port}/healthz`,
    "/healthz/",
    "/api/v1/stats/",
    "/docs/",
  ];
  for (const path of paths) assertEquals((await server.ask({ path })).status, 200, path);
});

integrationTest("An invalid handshake is rejected as problem details, and counted", async () => {
  await using server = await ServerProcess.start();
  const rows: [string, Record<string, string>, number, RegExp][] = [
    ["version 12", { "Sec-WebSocket-Version": "12" }, 426, /must be 13/],
    ["no version", { "Sec-WebSocket-Version": "" }, 426, /must be 13/],
    ["no key", { "Sec-WebSocket-Key": "" }, 400, /Sec-WebSocket-Key/],
    ["a short key", { "Sec-WebSocket-Key": "dGhl" }, 400, /Sec-WebSocket-Key/],
    ["a bad subprotocol", { "Sec-WebSocket-Protocol": "a, b c" }, 400, /Sec-WebSocket-Protocol/],
    ["a repeated subprotocol", { "Sec-WebSocket-Protocol": "a, a" }, 400, /different tokens/],
  ];
  for (const [what, headers, status, detail] of rows) {
    const answer = await server.ask({ path: "/ws", headers: { ...UPGRADE_HEADERS, ...headers } });
    assertEquals([what, answer.status], [what, status]);
    assertEquals(answer.headers.get("content-type"), "application/problem+json", what);
    assertMatch(JSON.parse(answer.body).detail, detail, what);
    if (status === 426) assertEquals(answer.headers.get("sec-websocket-version"), "13", what);
  }
  const metrics = await server.metrics();
  const refused = metrics.value("systole_upgrades_refused_total", { reason: "bad_handshake" });
  assertEquals(refused, rows.length);
});

integrationTest(
  "A browser gets the reason of a final rejection in a close frame, others HTTP",
  async () => {
    await using server = await ServerProcess.start({ env: { API_KEYS: apiKeys(FULL) } });
    const origin = `http://127.0.0.1:${server.port}`;
    const wrong = { "Sec-WebSocket-Protocol": "systole, systole.bearer.no.key" };
    const rows: [string, Record<string, string>, string, RegExp][] = [
      ["/ws", { Origin: origin }, "no key", /^no credential; no retry$/],
      ["/ws", wrong, "a wrong key", /^unknown key or wrong secret; no retry$/],
      [
        "/nowhere",
        { Origin: origin },
        "a wrong path",
        /^no WebSocket is here; use \/ws; no retry$/,
      ],
    ];
    for (const [path, headers, what, reason] of rows) {
      using peer = await RawPeer.connect(server.dial, { path, headers });
      const { code, text } = await peer.ending();
      assertEquals([what, code], [what, 3000]);
      assertMatch(text, reason, what);
    }
    const status = async (path: string, headers: Record<string, string>) =>
      (await server.ask({ path, headers: { ...UPGRADE_HEADERS, ...headers } })).status;
    assertEquals(await status("/ws", {}), 401);
    assertEquals(await status("/nowhere", {}), 404);
    assertEquals(await status("/ws", { Origin: "https://evil.example" }), 403);
    assertEquals(
      await status("/ws", { Authorization: `Bearer ${FULL.credential}`, Origin: "null" }),
      403,
    );
  },
);
