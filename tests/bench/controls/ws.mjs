/**
 * A control of the bench: the plain `ws` server that one writes without a hub, on Deno and on Node.
 * Owns nothing but that recipe: a broadcast loop, and a `setInterval` per client that pings. Not to
 * be made faster: what it costs is what Systole is compared with. What each path does is the same in
 * all controls (`../wire.ts`).
 *
 * Environment: PORT; PING_PERIOD_MS, 0 (the default) = no pings.
 *
 * @module
 */

import { createServer } from "node:http";
import process from "node:process";
import { WebSocketServer } from "ws";

const WELCOME = JSON.stringify({
  type: "welcome",
  clientId: "00000000-0000-4000-8000-000000000000",
  pingPeriodMs: 54_000,
  pongWaitMs: 60_000,
});

const pingPeriodMs = Number(process.env.PING_PERIOD_MS ?? 0);
const subscribers = new Set();
const http = createServer((request, response) => {
  response.writeHead(request.url === "/readyz" ? 200 : 404).end();
});
const webSockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });

http.on("upgrade", (request, socket, head) => {
  webSockets.handleUpgrade(request, socket, head, (client) => {
    client.on("error", () => client.terminate());
    if (pingPeriodMs > 0) keepAlive(client);
    client.send(WELCOME);
    if (request.url === "/publish") {
      client.on("message", (data) => broadcast(data.toString()));
    } else if (request.url === "/json") {
      client.on("message", (data) => client.send(answerOf(JSON.parse(data.toString()))));
    } else {
      subscribers.add(client);
      client.on("close", () => subscribers.delete(client));
    }
  });
});

function broadcast(text) {
  for (const client of subscribers) client.send(text);
}

function answerOf({ type, channel, data }) {
  return JSON.stringify(
    type === "subscribe"
      ? { type: "subscribed", channel }
      : { type: "message", channel, data, timestamp: Date.now() },
  );
}

/** The recipe of the `ws` README, with a timer for each client as most servers have it. */
function keepAlive(client) {
  let isAlive = true;
  client.on("pong", () => isAlive = true);
  const timer = setInterval(() => {
    if (!isAlive) return client.terminate();
    isAlive = false;
    client.ping();
  }, pingPeriodMs);
  client.on("close", () => clearInterval(timer));
}

http.listen(Number(process.env.PORT), "127.0.0.1");
