/**
 * The other end of a WebSocket, by hand over a bare stream, as badly behaved as a test wants it: it
 * reads only when asked to, answers nothing by itself, and writes any bytes.
 *
 * @module
 */

import { connect } from "node:net";
import {
  clientFrame,
  closeOf,
  type Frame,
  FrameSplitter,
  OPCODE,
  textFrame,
  textOf,
} from "./frames.ts";
import { type Dial, parseHead, requestBytes, UPGRADE_HEADERS, writeAll } from "./plain_http.ts";
import { within } from "../until.ts";

/** How a connection ended as the peer saw it. */
export interface Ending {
  /** Of the close frame; 1006 when there was none. */
  readonly code: number;
  /** Of the close frame. */
  readonly text: string;
  /** How TCP ended: in order, or by a reset. */
  readonly tcp: "fin" | "reset";
}

/** How a peer connects. */
export interface PeerOptions {
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Read buffer; small ones for crowds. */
  readonly readBytes?: number;
  /** A read that takes longer fails; Infinity in loops that wait for nothing in particular. */
  readonly patienceMs?: number;
}

export class RawPeer implements Disposable {
  /** The stream, for what has no method here. */
  readonly conn: Deno.Conn;
  /** What happened to TCP, once a read has found out. */
  tcp: "fin" | "reset" | undefined;
  readonly #splitter = new FrameSplitter();
  readonly #buffer: Uint8Array;
  readonly #timeoutMs: number;

  private constructor(conn: Deno.Conn, { readBytes = 65_536, patienceMs = 10_000 }: PeerOptions) {
    this.conn = conn;
    this.#buffer = new Uint8Array(readBytes);
    this.#timeoutMs = patienceMs;
  }

  /** TCP only, nothing said yet. */
  static async open(dial: Dial, options: PeerOptions = {}): Promise<RawPeer> {
    return new RawPeer(await dial(), options);
  }

  /**
   * TCP and the handshake; the welcome is still unread.
   *
   * @throws {Error} when the answer is not 101
   */
  static async connect(dial: Dial, options: PeerOptions = {}): Promise<RawPeer> {
    const peer = await RawPeer.open(dial, options);
    try {
      await peer.#upgrade(options);
      return peer;
    } catch (error) {
      peer.close();
      throw error;
    }
  }

  async #upgrade({ path = "/ws", headers = {} }: PeerOptions): Promise<void> {
    await this.write(requestBytes({ path, headers: { ...UPGRADE_HEADERS, ...headers } }));
    let head = "";
    while (!head.includes("\r\n\r\n")) {
      const bytes = await this.#read();
      if (bytes === undefined) throw new Error(`no handshake, TCP ended: ${this.tcp}`);
      head += String.fromCharCode(...bytes); // Latin-1, so that a frame behind the head survives
    }
    const end = head.indexOf("\r\n\r\n");
    const { status } = parseHead(head.slice(0, end));
    if (status !== 101) throw new Error(`no handshake: ${head.slice(0, end)}`);
    this.#splitter.push(Uint8Array.from(head.slice(end + 4), (char) => char.charCodeAt(0)));
  }

  /** Writes bytes as they are. */
  write(bytes: Uint8Array): Promise<void> {
    return writeAll(this.conn, bytes);
  }

  /** Sends a text frame; anything but a string as JSON. */
  send(message: unknown): Promise<void> {
    return this.write(textFrame(message));
  }

  /** Sends a pong, asked for or not. */
  pong(payload: Uint8Array | string = ""): Promise<void> {
    return this.write(clientFrame(OPCODE.pong, payload));
  }

  /** The next frame; undefined when TCP has ended (see `tcp`). A peer that does not call it does not read. */
  async read(): Promise<Frame | undefined> {
    for (;;) {
      const frame = this.#splitter.next();
      if (frame !== undefined) return frame;
      const bytes = await this.#read();
      if (bytes === undefined) return undefined;
      this.#splitter.push(bytes);
    }
  }

  /** Reads on to the next JSON message of a type. */
  // deno-lint-ignore no-explicit-any -- tests look into messages freely
  async message(type: string): Promise<any> {
    for (;;) {
      const frame = await this.read();
      if (frame === undefined) throw new Error(`no ${type} came, TCP ended: ${this.tcp}`);
      if (frame.opcode === OPCODE.close) {
        throw new Error(`no ${type} came but a close: ${JSON.stringify(closeOf(frame))}`);
      }
      if (frame.opcode !== OPCODE.text) continue;
      const message = JSON.parse(textOf(frame));
      if (message.type === type) return message;
    }
  }

  /** Reads on to the end, answering nothing, not even the close. */
  async ending(): Promise<Ending> {
    let close = { code: 1006, text: "" };
    for (;;) {
      const frame = await this.read();
      if (frame === undefined) return { ...close, tcp: this.tcp! };
      if (frame.opcode === OPCODE.close) close = closeOf(frame);
    }
  }

  /** Ends our direction of TCP without a word. */
  halfClose(): Promise<void> {
    return (this.conn as Deno.TcpConn).closeWrite();
  }

  /** Lets go of the descriptor. Idempotent. */
  close(): void {
    try {
      this.conn.close();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }

  /** @inheritdoc */
  [Symbol.dispose](): void {
    this.close();
  }

  async #read(): Promise<Uint8Array | undefined> {
    try {
      const reading = this.conn.read(this.#buffer);
      const count = this.#timeoutMs === Infinity
        ? await reading
        : await within("something to read", this.#timeoutMs, reading);
      if (count !== null) return this.#buffer.subarray(0, count);
      this.tcp = "fin";
    } catch (error) {
      this.tcp ??= endOf(error);
      if (this.tcp === undefined) throw error;
    }
    return undefined;
  }
}

/** What a failed read says of TCP; undefined when it says nothing of it. */
function endOf(error: unknown): "fin" | "reset" | undefined {
  const { ConnectionReset, UnexpectedEof, BadResource, Interrupted } = Deno.errors;
  if (error instanceof ConnectionReset) return "reset";
  if (error instanceof UnexpectedEof) return "fin"; // inside TLS, without its close_notify
  if (error instanceof BadResource || error instanceof Interrupted) return "fin"; // our own close
  return undefined;
}

/** Connects, writes and resets (RST, no FIN): what a phone does that drives into a tunnel. */
export function writeAndReset(port: number, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.write(bytes, () => socket.resetAndDestroy());
    });
    socket.once("close", () => resolve());
    socket.once("error", reject);
  });
}
