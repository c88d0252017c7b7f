import { deadline } from "@std/async";
import { createServer } from "node:http";
import type { AddressInfo, Socket as NetSocket } from "node:net";
// @ts-types="@types/ws"
import WebSocket from "ws";
import type { Socket } from "../../server/transport/socket.ts";
import { WsAcceptor } from "../../server/transport/ws_socket.ts";
import { type PeerEnd, testSocket } from "../contracts/socket_contract.ts";
import { FakeSocket } from "../support/fakes/fake_socket.ts";

/** Far beyond what loopback takes. */
const PATIENCE_MS = 5_000;

async function until(holds: () => boolean): Promise<void> {
  for (const startMs = performance.now(); !holds();) {
    if (performance.now() - startMs > PATIENCE_MS) throw new Error(`waited in vain for ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** A real connection over loopback. */
async function useReal(test: (socket: Socket, peer: PeerEnd) => Promise<void>): Promise<void> {
  const acceptor = new WsAcceptor({ maxMessageBytes: 65_536, closeWaitMs: 200 });
  const { promise, resolve } = Promise.withResolvers<Socket>();
  const server = createServer();
  server.on("upgrade", (request, raw, head) => {
    acceptor.accept(request, raw as NetSocket, head, resolve);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  const ws = new WebSocket(`ws://127.0.0.1:${port}/`, { autoPong: false });
  const received: string[] = [];
  ws.on("message", (data) => received.push(String(data)));
  ws.on("ping", (payload) => received.push(`ping ${payload.length}`));
  ws.on("pong", (payload) => received.push(`pong ${payload.length}`));
  ws.on("error", () => {});
  await new Promise((opened) => ws.once("open", opened));
  const gone = new Promise((closed) => ws.once("close", closed));
  try {
    await test(await promise, {
      received,
      sendText: (text) => ws.send(text),
      sendFragments: (pieces) =>
        pieces.forEach((piece, i) => ws.send(piece, { fin: i === pieces.length - 1 })),
      ping: (payload) => ws.ping(payload),
      pong: (payload) => ws.pong(payload),
      sendClose: () => ws.close(1000),
      drop: () => ws.terminate(),
    });
  } finally {
    ws.terminate();
    await deadline(gone, PATIENCE_MS);
    await new Promise((closed) => server.close(closed));
  }
}

/** The fake, speaking as the peer through its test's end. */
async function useFake(test: (socket: Socket, peer: PeerEnd) => Promise<void>): Promise<void> {
  const socket = new FakeSocket();
  await test(socket, {
    get received() {
      return socket.journal;
    },
    sendText: (text) => socket.say(text),
    sendFragments: (pieces) => socket.sayInPieces(pieces),
    ping: (payload) => socket.peerPing(payload),
    pong: (payload) => socket.peerPong(payload),
    sendClose: () => socket.leave(),
    drop: () => socket.leave({ byPeer: false }),
  });
}

testSocket("WsSocket", { use: useReal, until });
testSocket("FakeSocket", { use: useFake, until });
