/**
 * The control of both benches: the plain `ws` server that one writes without a hub, on Deno.
 * Owns nothing but that recipe: a broadcast loop, and a `setInterval` per client that pings.
 * Not to be made faster: what it costs is what Systole is compared with.
 *
 * Environment: PORT; PING_PERIOD_MS, 0 (the default) = no pings.
 *
 * @module
 */

import { createServer } from "node:http";
// @ts-types="@types/ws"
import { type WebSocket, WebSocketServer } from "ws";

const pingPeriodMs = Number(Deno.env.get("PING_PERIOD_MS") ?? 0);
const subscribers = new Set<WebSocket>();
const http = createServer((request, response) => {
  response.writeHead(request.url === "/readyz" ? 200 : 404).end();
});
const webSockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });

http.on("upgrade", (request, socket, head) => {
  webSockets.handleUpgrade(request, socket, head, (client) => {
    client.on("error", () => client.terminate());
    if (pingPeriodMs > 0) keepAlive(client);
    if (request.url === "/publish") {
      client.on("message", (data) => broadcast(data.toString()));
      return;
    }
    subscribers.add(client);
    client.on("close", () => subscribers.delete(client));
  });
});

function broadcast(text: string): void {
  for (const client of subscribers) client.send(text);
}

/** The recipe of the `ws` README, with a timer for each client as most servers have it. */
function keepAlive(client: WebSocket): void {
  let isAlive = true;
  client.on("pong", () => isAlive = true);
  const timer = setInterval(() => {
    if (!isAlive) return client.terminate();
    isAlive = false;
    client.ping();
  }, pingPeriodMs);
  client.on("close", () => clearInterval(timer));
}

http.listen(Number(Deno.env.get("PORT")), "127.0.0.1");
