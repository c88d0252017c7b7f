/**
 * Connections that never send a whole request, to a real server: they go, and nobody else does.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { integrationTest } from "../support/integration_test_case.ts";
import { parseHead, requestBytes, UPGRADE_HEADERS, writeAll } from "../support/peers/plain_http.ts";
import { RawPeer } from "../support/peers/raw_peer.ts";
import { ServerProcess } from "../support/server/server_process.ts";
import { startWithTls } from "../support/server/tls.ts";
import { sideBySide, until, within } from "../support/until.ts";

const HALF = "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\n";
const SLOW_BODY = "POST /api/v1/publish HTTP/1.1\r\nHost: 127.0.0.1\r\n" +
  "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{";

const bytes = (text: string) => new TextEncoder().encode(text);
const plainTcp = (server: ServerProcess) =>
  Deno.connect({ hostname: "127.0.0.1", port: server.port });

/** All that comes until TCP ends. */
async function readToEnd(conn: Deno.Conn): Promise<string> {
  let text = "";
  const buffer = new Uint8Array(4_096);
  for (;;) {
    const count = await within("the end of TCP", 20_000, conn.read(buffer)).catch((error) => {
      if (error instanceof Deno.errors.ConnectionReset) return null;
      throw error;
    });
    if (count === null) return text;
    text += new TextDecoder().decode(buffer.subarray(0, count));
  }
}

integrationTest(
  "What sends no whole request is cut, counted and told; the healthy live on",
  async () => {
    await using server = await ServerProcess.start({ env: { REQUEST_WAIT_MS: "500" } });
    using client = await RawPeer.connect(server.dial);
    await client.message("welcome");
    const ends = async (text: string) => {
      using conn = await plainTcp(server);
      if (text !== "") await writeAll(conn, bytes(text));
      return await readToEnd(conn);
    };
    const [silent, half, body] = await Promise.all([ends(""), ends(HALF), ends(SLOW_BODY)]);
    assertEquals(silent, "");
    for (const answer of [half, body]) {
      const [head, detail] = answer.split("\r\n\r\n");
      assertEquals(parseHead(head).status, 408);
      assertMatch(head, /content-type: application\/problem\+json/i);
      assertEquals(JSON.parse(detail).detail, "no whole request came within REQUEST_WAIT_MS");
    }
    const metrics = await server.metrics();
    const reason = "request_timeout";
    assertEquals(metrics.value("systole_pending_connections_cut_total", { reason }), 3);
    await server.line("connections without a whole request were cut");
    await client.send({ type: "ping", id: "alive" });
    assertEquals((await client.message("pong")).id, "alive");
  },
);

integrationTest(
  "A thousand half requests are bounded, while clients come in as before",
  async () => {
    await using server = await ServerProcess.start({ env: { MAX_PENDING_CONNECTIONS: "100" } });
    const before = server.openDescriptors;
    const conns: Deno.Conn[] = [];
    try {
      for (let i = 0; i < 1_000; i++) {
        const conn = await plainTcp(server);
        conns.push(conn);
        await writeAll(conn, bytes(HALF));
        if (i % 250 !== 249) continue;
        using client = await RawPeer.connect(server.dial);
        await client.message("welcome");
      }
      await until("no more than 100 wait", () => server.openDescriptors <= before + 101);
      const metrics = await server.metrics();
      assert(metrics.value("systole_pending_connections") <= 100);
      const reason = "too_many_pending";
      assert(metrics.value("systole_pending_connections_cut_total", { reason }) >= 895);
    } finally {
      for (const conn of conns) conn.close();
    }
  },
);

integrationTest(
  "A TLS handshake that does not end is cut, one that ends counts as a request",
  async () => {
    await using server = await startWithTls({ REQUEST_WAIT_MS: "500" });
    using client = await RawPeer.connect(server.dial);
    await client.message("welcome");
    const stuck = async (start: Uint8Array) => {
      using conn = await plainTcp(server);
      if (start.length > 0) await writeAll(conn, start);
      assertEquals(await readToEnd(conn), "");
    };
    const secured = async () => {
      using conn = await server.dial();
      await writeAll(conn, bytes(HALF));
      assertMatch(await readToEnd(conn).catch(() => "cut"), /^HTTP\/1\.1 408 |^cut$/);
    };
    // A record header of TLS that announces 512 bytes.
    await sideBySide(stuck(new Uint8Array()), stuck(Uint8Array.of(22, 3, 1, 2, 0)), secured());
    const reason = "request_timeout";
    const metrics = await server.metrics();
    assertEquals(metrics.value("systole_pending_connections_cut_total", { reason }), 3);
    await client.send({ type: "ping", id: "alive" });
    assertEquals((await client.message("pong")).id, "alive");
  },
);

integrationTest("A kept-alive connection answers on, and goes when it is idle", async () => {
  await using server = await ServerProcess.start();
  using conn = await plainTcp(server);
  const buffer = new Uint8Array(65_536);
  for (let i = 0; i < 3; i++) {
    await writeAll(conn, requestBytes({ path: "/healthz", headers: { Connection: "keep-alive" } }));
    const count = await within("an answer", 5_000, conn.read(buffer));
    assertMatch(new TextDecoder().decode(buffer.subarray(0, count ?? 0)), /^HTTP\/1\.1 200 /);
  }
  assertEquals(await readToEnd(conn), "");
  const metrics = await server.metrics();
  const reason = "request_timeout";
  assertEquals(metrics.value("systole_pending_connections_cut_total", { reason }), 0);
  using peer = await RawPeer.open(server.dial); // a slow but whole upgrade is welcome
  const request = requestBytes({ path: "/ws", headers: UPGRADE_HEADERS });
  for (const byte of request) await peer.write(Uint8Array.of(byte));
  await until(
    "it is connected",
    async () => (await server.metrics()).value("systole_connections") === 1,
  );
});
