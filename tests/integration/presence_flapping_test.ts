/**
 * A thousand members that lose their connections at once, as in a deploy or behind a proxy that restarts:
 * whoever returns in time has never left.
 *
 * @module
 */

import { assertEquals, assertGreater, assertLess } from "@std/assert";
// @ts-types="@types/ws"
import { type ClientOptions, WebSocket } from "ws";
import { HeartbeatSocket, type WebSocketConstructor } from "../../server/sdk/heartbeat_socket.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import { TcpRelay } from "../support/peers/tcp_relay.ts";
import { WsClient } from "../support/peers/ws_client.ts";
import { ServerProcess } from "../support/server/server_process.ts";
import { until } from "../support/until.ts";

/** With the one that is told of changes it is a thousand. */
const MEMBERS = 999;
/** The hub's default. */
const GRACE_MS = 10_000;
/** On a busy machine, for a thousand handshakes. */
const PATIENCE_MS = 30_000;

/** The hub's close frame does not come through a connection that was reset. */
class ShortClose extends WebSocket {
  constructor(url: string | URL, protocols?: string | string[]) {
    super(url, protocols, { closeTimeout: 300 } as ClientOptions);
  }
}

integrationTest(
  "1000 members that are cut and return with the default backoff never left",
  async () => {
    // A client that is refused first has a longer backoff afterwards.
    await using server = await ServerProcess.start({ env: { ADMISSION_PER_SECOND: "0" } });
    await using relay = await TcpRelay.start({ target: server.port });
    using ended = new DisposableStack();
    using observer = await WsClient.connect(server.url);
    observer.send({ type: "subscribe", channel: "room", presence: true });
    const sockets = Array.from({ length: MEMBERS }, (_, n) => {
      const socket = new HeartbeatSocket(`ws://127.0.0.1:${relay.port}/ws`, {
        WebSocket: ShortClose as unknown as WebSocketConstructor,
      });
      ended.defer(() => socket.close());
      socket.subscribe("room", undefined, { info: { n } });
      return socket;
    });
    const joined = () => observer.of("joined").length;
    const left = () => observer.of("left");
    const open = () => sockets.filter(({ readyState }) => readyState === WebSocket.OPEN).length;
    await until("all members", () => joined() === MEMBERS + 1, { withinMs: PATIENCE_MS });

    for (const connection of relay.connections) connection.reset();
    await until("all are cut", () => open() === 0, { withinMs: PATIENCE_MS });
    await until("all have returned", async () => {
      observer.send({ type: "presence", channel: "room", id: "p" });
      return open() === MEMBERS &&
        (await server.metrics()).value("systole_connections", { profile: "json" }) === MEMBERS + 1;
    }, { withinMs: PATIENCE_MS });
    const counts = observer.of("presence").map(({ message }) => message.count);
    assertGreater(counts.length, 0);
    assertEquals(counts.filter((count) => count !== MEMBERS + 1), []);

    const goneMs = performance.now();
    relay.isDown = true;
    const [closed, cut] = [sockets.slice(0, 500), relay.connections];
    for (const socket of closed) socket.close();
    for (const connection of cut) connection.reset();
    await until("all have left", () => left().length === MEMBERS, { withinMs: PATIENCE_MS });
    assertEquals(joined(), MEMBERS + 1, "somebody joined twice");
    const tookMs = left().map(({ atMs }) => atMs - goneMs);
    assertGreater(Math.min(...tookMs), GRACE_MS - 50, "somebody left at once");
    assertLess(Math.max(...tookMs), GRACE_MS + 1_000 + 4_000); // the machine may be busy
    console.log(
      `left ${Math.round(Math.min(...tookMs))} to ${
        Math.round(Math.max(...tookMs))
      } ms after the end`,
    );
  },
);
