/**
 * Servers of other people: bare ws that never pings, one that cuts, one that speaks HTTP alone or not
 * even that. All on 127.0.0.1, all ended by dispose.
 *
 * @module
 */

import { createServer as createHttpServer, type RequestListener } from "node:http";
import { createServer, type Server, type Socket } from "node:net";
// @ts-types="@types/ws"
import { type ServerOptions, type WebSocket, WebSocketServer } from "ws";

/** A server that is open. */
export interface BadServer extends AsyncDisposable {
  readonly port: number;
}

/** Bare ws: answers pings, sends none. @param greet called with each connection and its raw socket */
export function bareServer(
  greet: (ws: WebSocket, raw: Socket) => void = () => {},
  options: ServerOptions = {},
): Promise<BadServer> {
  const wss = new WebSocketServer({ noServer: true, ...options });
  const http = createHttpServer();
  http.on("upgrade", (request, raw, head) => {
    wss.handleUpgrade(request, raw as Socket, head, (ws) => {
      ws.on("error", () => {}); // `close` follows
      greet(ws, raw as Socket);
    });
  });
  return listen(http);
}

/** Speaks HTTP and nothing else. */
export function httpServer(answer: RequestListener): Promise<BadServer> {
  return listen(createHttpServer(answer));
}

/** Speaks whatever it likes. */
export function tcpServer(greet: (raw: Socket) => void): Promise<BadServer> {
  return listen(createServer(greet));
}

async function listen(server: Server): Promise<BadServer> {
  const open = new Set<Socket>();
  server.on("connection", (raw: Socket) => {
    open.add(raw);
    raw.on("error", () => {}); // peers reset as they like
    raw.on("close", () => open.delete(raw));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as { port: number }).port,
    async [Symbol.asyncDispose]() {
      for (const raw of open) raw.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
