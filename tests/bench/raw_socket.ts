/**
 * A WebSocket client that costs next to nothing, so that thousands fit into one load process.
 * Owns one `node:net` socket: a hand-written upgrade, a frame parser, answers to control pings.
 * Takes from a benign server only what the benches need: no fragments, no check of the accept key.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { connect, type Socket } from "node:net";

/** The same for all: a benign server does not compare them, and the load saves random numbers. */
const KEY = "c3lzdG9sZS1iZW5jaC0xNg==";
const HEADER_END = "\r\n\r\n";
const NO_BYTES = Buffer.alloc(0);
const FIN = 0x80;
const OPCODE_TEXT = 0x1;
const OPCODE_CLOSE = 0x8;
const OPCODE_PING = 0x9;
const OPCODE_PONG = 0xa;
const MASKED = 0x80;

/** What a RawSocket reports. */
export interface RawSocketEvents {
  /** A text frame: its payload is `chunk[start..end)`, and not to be kept after the call. */
  text(chunk: Buffer, start: number, end: number): void;
  /** A control ping, already answered or about to be. */
  ping?(): void;
  /** Every frame of one read has been reported. */
  readEnd?(): void;
  /** The connection ended, by anybody but us. Called once. */
  ended(reason: string): void;
}

/** How it behaves. */
export interface RawSocketOptions {
  /** How late it answers a control ping, ms; Infinity: never. */
  readonly pongDelayMs?: number;
}

/** One open connection. */
export class RawSocket {
  readonly #socket: Socket;
  readonly #events: RawSocketEvents;
  readonly #pongDelayMs: number;
  #rest: Buffer | undefined;
  #isOver = false;

  private constructor(socket: Socket, events: RawSocketEvents, options: RawSocketOptions) {
    this.#socket = socket;
    this.#events = events;
    this.#pongDelayMs = options.pongDelayMs ?? 0;
  }

  /**
   * Connects to 127.0.0.1 and upgrades.
   * @throws Error when the connection or the upgrade is refused.
   */
  static open(
    port: number,
    path: string,
    events: RawSocketEvents,
    options: RawSocketOptions = {},
  ): Promise<RawSocket> {
    const { promise, resolve, reject } = Promise.withResolvers<RawSocket>();
    const socket = connect({ host: "127.0.0.1", port, noDelay: true });
    const raw = new RawSocket(socket, events, options);
    const refuse = (why: string) =>
      reject(new Error(`Cannot connect to 127.0.0.1:${port}${path}: ${why}`));
    let head: Buffer = NO_BYTES;
    const readHead = (chunk: Buffer) => {
      head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
      const end = head.indexOf(HEADER_END);
      if (end < 0) return;
      socket.off("data", readHead);
      const statusLine = head.toString("latin1", 0, head.indexOf("\r\n"));
      if (!statusLine.startsWith("HTTP/1.1 101 ")) {
        socket.destroy();
        return refuse(statusLine);
      }
      socket.on("data", (chunk: Buffer) => raw.#read(chunk));
      resolve(raw);
      // The welcome may have come in the same read as the response.
      const first = head.subarray(end + HEADER_END.length);
      if (first.length > 0) raw.#read(first);
    };
    socket.on("data", readHead);
    // Both stay for life: after the upgrade the rejection is without effect, and #end reports.
    socket.on("error", (error: Error) => {
      refuse(error.message);
      raw.#end(error.message);
    });
    socket.on("close", () => {
      refuse("closed before the upgrade");
      raw.#end("closed by the server");
    });
    socket.write(upgradeRequest(port, path));
    return promise;
  }

  /** Sends texts as one write, one frame each. */
  send(texts: string[]): void {
    this.#socket.write(Buffer.concat(texts.map((text) => frame(OPCODE_TEXT, Buffer.from(text)))));
  }

  /** Sends a close frame; the server does the rest. */
  close(): void {
    this.#socket.write(frame(OPCODE_CLOSE, Buffer.from([0x03, 0xe8]))); // 1000
  }

  /** Ends the connection at once, without a close handshake; nothing is reported any more. */
  destroy(): void {
    this.#isOver = true;
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (bytes.length - at >= 2 && !this.#isOver) {
      let length = bytes[at + 1];
      let start = at + 2;
      if (length === 126) {
        if (bytes.length < at + 4) break;
        length = bytes.readUInt16BE(at + 2);
        start = at + 4;
      } else if (length === 127) {
        if (bytes.length < at + 10) break;
        length = Number(bytes.readBigUInt64BE(at + 2));
        start = at + 10;
      }
      const end = start + length;
      if (end > bytes.length) break;
      this.#take(bytes, { firstByte: bytes[at], start, end });
      at = end;
    }
    // A copy, since a view of some bytes would keep the whole read buffer alive.
    this.#rest = at < bytes.length ? Buffer.from(bytes.subarray(at)) : undefined;
    this.#events.readEnd?.();
  }

  #take(bytes: Buffer, { firstByte, start, end }: FrameSpan): void {
    switch (firstByte) {
      case FIN | OPCODE_TEXT:
        return this.#events.text(bytes, start, end);
      case FIN | OPCODE_PING:
        this.#pong(frame(OPCODE_PONG, bytes.subarray(start, end)));
        return this.#events.ping?.();
      case FIN | OPCODE_PONG:
        return;
      case FIN | OPCODE_CLOSE:
        return this.#end(closeText(bytes.subarray(start, end)));
      default:
        return this.#end(`unexpected frame, first byte 0x${firstByte.toString(16)}`);
    }
  }

  #pong(answer: Buffer): void {
    if (this.#pongDelayMs === 0) this.#socket.write(answer);
    else if (this.#pongDelayMs < Infinity) {
      setTimeout(() => this.#isOver || this.#socket.write(answer), this.#pongDelayMs);
    }
  }

  #end(reason: string): void {
    if (this.#isOver) return;
    this.destroy();
    this.#events.ended(reason);
  }
}

interface FrameSpan {
  firstByte: number;
  start: number;
  end: number;
}

function upgradeRequest(port: number, path: string): string {
  const lines = [
    `GET ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Key: ${KEY}`,
  ];
  return lines.join("\r\n") + HEADER_END;
}

/**
 * A masked frame, as RFC 6455 5.3 asks of clients. The key is zero, which leaves the payload as it
 * is: the server unmasks all the same, and the load process saves the work.
 */
function frame(opcode: number, payload: Buffer): Buffer {
  const isLong = payload.length > 125;
  if (payload.length > 0xffff) throw new RangeError(`Cannot frame ${payload.length} bytes`);
  const header = Buffer.alloc(isLong ? 8 : 6);
  header[0] = FIN | opcode;
  header[1] = MASKED | (isLong ? 126 : payload.length);
  if (isLong) header.writeUInt16BE(payload.length, 2);
  return Buffer.concat([header, payload]);
}

function closeText(payload: Buffer): string {
  if (payload.length < 2) return "close frame without a code";
  return `close frame ${payload.readUInt16BE(0)} ${payload.toString("utf8", 2)}`.trimEnd();
}
