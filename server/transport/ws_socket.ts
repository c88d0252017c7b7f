/**
 * The Socket port over npm:ws on node:http; besides it only the probe imports ws. Owns the handshake,
 * the frames and the translation of ws's events; makes no decision about liveness.
 *
 * @module
 */

// @ts-types="@types/ws"
import { type RawData, type WebSocket, WebSocketServer } from "ws";
import { Buffer } from "node:buffer";
import type { IncomingMessage } from "node:http";
import type { Socket as NetSocket } from "node:net";
import { FrameCounter } from "./frame_counter.ts";
import type { Socket, SocketEvents, SocketFault } from "./socket.ts";
import { WRITES_AT_ONCE } from "./upgrade_compat.ts";

/** The smallest pieces in which a common library sends a large message (gorilla/websocket). */
const PIECE_BYTES = 4_096;

/** Written behind what the kernel has not taken yet. */
const NOTHING = Buffer.alloc(0);

/** `readyState` of a socket that has sent no close frame. */
const OPEN = 1;

/** What bounds a connection. */
export interface WsSocketOptions {
  /** A longer message is refused at its frame header. */
  readonly maxMessageBytes: number;
  /** How long a closing handshake may take, ms. */
  readonly closeWaitMs: number;
}

/** `systole`, when it is offered beside a credential; otherwise the first, or browsers fail the handshake. */
function chooseSubprotocol(offered: Set<string>): string | false {
  return offered.has("systole") ? "systole" : offered.values().next().value ?? false;
}

/** Turns upgrade requests into sockets. */
export class WsAcceptor {
  readonly #server: WebSocketServer;

  /** One for all connections. */
  constructor({ maxMessageBytes, closeWaitMs }: WsSocketOptions) {
    const options = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      autoPong: false,
      maxPayload: maxMessageBytes,
      maxFragments: 1 + Math.ceil(maxMessageBytes / PIECE_BYTES), // the last one may be empty
      closeTimeout: closeWaitMs,
      handleProtocols: chooseSubprotocol,
    };
    this.#server = new WebSocketServer(options);
  }

  /**
   * Answers the handshake. A request that is not a valid one gets its 4xx here and is never
   * accepted.
   *
   * @param accepted called at once with the open socket
   */
  accept(
    request: IncomingMessage,
    raw: NetSocket,
    head: Uint8Array,
    accepted: (socket: Socket) => void,
  ): void {
    raw.cork(); // so that the first frames leave in one write with the answer
    this.#server.handleUpgrade(
      request,
      raw,
      Buffer.from(head),
      (ws) => accepted(new WsSocket(ws, raw)),
    );
    raw.uncork();
  }
}

/** Where the listeners, which are the same functions for all connections, find theirs. */
const OWNER = Symbol("owner");

/** An event source of one connection. */
type Owned<Source> = Source & { [OWNER]: WsSocket };

class WsSocket implements Socket {
  readonly #ws: Owned<WebSocket>;
  readonly #raw: Owned<NetSocket>;
  readonly #writesAtOnce: boolean;
  readonly #counter = new FrameCounter();
  #events: SocketEvents | undefined;

  constructor(ws: WebSocket, raw: NetSocket) {
    this.#ws = Object.assign(ws, { [OWNER]: this });
    this.#raw = Object.assign(raw, { [OWNER]: this });
    // Under TLS it does not, and a write of nothing ends the connection.
    this.#writesAtOnce = WRITES_AT_ONCE && !("encrypted" in raw);
  }

  get bufferedBytes(): number {
    return this.#raw.writableLength;
  }

  attach(events: SocketEvents): void {
    this.#events = events;
    this.#raw.prependListener("data", WsSocket.#onData); // before ws: their cost is counted before the message
    const ws = this.#ws as WebSocket;
    ws.on("message", WsSocket.#onMessage);
    ws.on("ping", WsSocket.#onPing);
    ws.on("pong", WsSocket.#onPong);
    ws.on("error", WsSocket.#onError);
    ws.on("close", WsSocket.#onClose);
  }

  static #onData(this: NetSocket, bytes: Uint8Array): void {
    const owner = (this as Owned<NetSocket>)[OWNER];
    const continuations = owner.#counter.count(bytes);
    if (continuations > 0) owner.events.continuations(continuations);
  }

  static #onMessage(this: WebSocket, data: RawData, isBinary: boolean): void {
    eventsOf(this).message(data as Buffer, isBinary);
  }

  static #onPing(this: WebSocket, payload: Buffer): void {
    eventsOf(this).ping(payload);
  }

  static #onPong(this: WebSocket, payload: Buffer): void {
    eventsOf(this).pong(payload);
  }

  static #onError(this: WebSocket, error: Error): void {
    const owner = (this as Owned<WebSocket>)[OWNER];
    owner.#raw.off("data", WsSocket.#onData);
    const code = faultCodeOf(error);
    if (code === undefined) return; // of the network: `close` follows with 1006
    owner.events.fault(FAULTS[code] ?? "bad_frame", code);
  }

  static #onClose(this: WebSocket, code: number): void {
    eventsOf(this).closed({ code, byPeer: code !== 1006 });
  }

  /** Set by `attach()`, before anything can come. */
  get events(): SocketEvents {
    return this.#events!;
  }

  write(frames: Uint8Array, drained: () => void): boolean {
    // ws itself sends a close frame to a peer that breaks the protocol; no frame may follow it
    // (RFC 6455 5.5.1).
    if (this.#ws.readyState !== OPEN) return true;
    if (!this.#writesAtOnce) {
      this.#raw.write(frames, drained);
      return false;
    }
    this.#raw.write(frames); // a callback would cost a tick and two objects for each write
    if (this.#raw.writableLength === 0) return true;
    this.#raw.write(NOTHING, drained);
    return false;
  }

  ping(payload: Uint8Array): void {
    this.#ws.ping(payload);
  }

  pong(payload: Uint8Array): void {
    this.#ws.pong(payload);
  }

  pause(): void {
    this.#ws.pause();
  }

  resume(): void {
    this.#ws.resume();
  }

  close(code: number, text: string): void {
    this.#ws.close(code, text);
  }

  abort(code: number, text: string): void {
    this.#ws.pause();
    this.#ws.close(code, text);
    // What was read before the pause, ws would still parse when the socket closes: 7 ms for each of
    // 64 flooders, during which others' pongs wait. So it is thrown away first.
    this.#raw.prependListener("close", () => this.#raw.read());
    this.#raw.end();
  }

  terminate(): void {
    this.#ws.terminate();
  }
}

function eventsOf(ws: WebSocket): SocketEvents {
  return (ws as Owned<WebSocket>)[OWNER].events;
}

/** RFC 6455 section 7.4.1: protocol error, policy violation, message too big. */
const [PROTOCOL_ERROR, POLICY_VIOLATION, TOO_BIG] = [1002, 1008, 1009];

/** The close codes of ws's errors where they are no protocol error (ws 8, lib/receiver.js). */
const FAULT_CODES: Readonly<Record<string, number>> = {
  WS_ERR_INVALID_UTF8: 1007,
  /** Above maxFragments. */
  WS_ERR_TOO_MANY_BUFFERED_PARTS: POLICY_VIOLATION,
  /** Above maxPayload. */
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: TOO_BIG,
  /** Above what a number counts, 2^53 - 1. */
  WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: TOO_BIG,
};

/** What is no plain bad frame. */
const FAULTS: Readonly<Record<number, SocketFault>> = {
  [POLICY_VIOLATION]: "rate_limited",
  [TOO_BIG]: "message_too_big",
};

/** The close code that ws has sent; undefined for an error of the network. */
function faultCodeOf({ code = "" }: Error & { code?: string }): number | undefined {
  return code.startsWith("WS_ERR_") ? FAULT_CODES[code] ?? PROTOCOL_ERROR : undefined;
}
