/**
 * A control of the bench: Socket.IO 4 as its documentation shows it, rooms for channels, the
 * websocket transport only, on Node. Owns the two events `subscribe` and `publish`.
 *
 * Environment: PORT; PING_PERIOD_MS, by default Socket.IO's own 25000.
 *
 * @module
 */

import { createServer } from "node:http";
import { createRequire } from "node:module";
import process from "node:process";

// Not an import, which `deno check` would look for: the package is beside the copy that Node runs.
const { Server } = createRequire(import.meta.url)("socket.io");

const http = createServer((request, response) => {
  response.writeHead(request.url === "/readyz" ? 200 : 404).end();
});
const io = new Server(http, {
  transports: ["websocket"],
  serveClient: false,
  pingInterval: Number(process.env.PING_PERIOD_MS ?? 25_000),
});

io.on("connection", (socket) => {
  socket.on("subscribe", (channel) => {
    socket.join(channel);
    socket.emit("subscribed", channel);
  });
  socket.on("publish", ({ channel, data }) => {
    io.to(channel).emit("message", { channel, data, timestamp: Date.now() });
  });
});

http.listen(Number(process.env.PORT), "127.0.0.1");
