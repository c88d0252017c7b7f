/**
 * A server as the SDK's WebSocket sees it, without a wire: it can be up or down, answer heartbeats or
 * be silent, and keeps every socket that was ever made, so that a test can speak through an old one.
 *
 * @module
 */

import { type Fields, fieldsOf, HEARTBEAT_ID_PREFIX } from "../../../server/sdk/profile.ts";
import type { WebSocketConstructor } from "../../../server/sdk/options.ts";

/** One side's view is WebSocket's; the methods below the line are the server's. */
export class FakeWebSocket {
  onopen: (() => void) | null = null;
  onmessage: ((event: MessageEvent) => void) | null = null;
  onerror: (() => void) | null = null;
  onclose: ((event: CloseEvent) => void) | null = null;
  readyState = 0;
  protocol = "";
  extensions = "";
  bufferedAmount = 0;
  binaryType: BinaryType = "blob";
  /** When the attempt began, on the monotonic clock. */
  readonly bornMs: number = performance.now();
  /** What the client sent. */
  readonly sent: unknown[] = [];
  /** How it closed. */
  closedWith: { code?: number; reason?: string } | undefined;
  readonly url: string;
  readonly protocols: string | string[];
  readonly #server: FakeServer;

  constructor(server: FakeServer, url: string | URL, protocols: string | string[] = []) {
    this.#server = server;
    this.url = `${url}`;
    this.protocols = protocols;
    server.sockets.push(this);
    if (server.answersAttempts) {
      setTimeout(() => server.isUp ? this.accept() : this.refuse(), server.latencyMs);
    }
  }

  send(data: unknown): void {
    if (this.readyState === 0) throw new DOMException("still connecting", "InvalidStateError");
    if (this.readyState !== 1) return;
    this.sent.push(data);
    if (this.#server.answersBeats) this.answer(data);
    for (const reply of this.#server.repliesTo?.(data) ?? []) {
      const event = new MessageEvent("message", { data: reply });
      setTimeout(() => this.onmessage?.(event), this.#server.latencyMs);
    }
  }

  close(code?: number, reason?: string): void {
    if (reason !== undefined && reason.length > 123) {
      throw new DOMException("reason too long", "SyntaxError");
    }
    if (this.readyState >= 2) return;
    const wasOpen = this.readyState === 1;
    this.readyState = 2;
    this.closedWith = { code, reason };
    if (!this.#server.answersCloses) return;
    const [seenCode, seenReason] = wasOpen ? [code ?? 1005, reason ?? ""] : [1006, ""];
    setTimeout(() => this.end(seenCode, seenReason), this.#server.latencyMs);
  }

  /** The attempt succeeds. */
  accept(): void {
    if (this.readyState !== 0) return;
    this.readyState = 1;
    this.onopen?.();
  }

  /** The attempt fails. */
  refuse(): void {
    if (this.readyState !== 0) return;
    this.readyState = this.#server.tellsOfFailures ? 3 : 0;
    this.onerror?.();
    if (this.#server.tellsOfFailures) this.onclose?.(new CloseEvent("close", { code: 1006 }));
  }

  /** The server says something. */
  say(data: unknown): void {
    const text = typeof data === "string" ? data : JSON.stringify(data);
    this.onmessage?.(new MessageEvent("message", { data: text }));
  }

  /** The connection ends. */
  end(code: number, reason = ""): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.onclose?.(new CloseEvent("close", { code, reason, wasClean: code !== 1006 }));
  }

  /** Answers a json heartbeat, after the server's latency. */
  answer(data: unknown): void {
    const { type, id, timestamp } = fieldsOf(`${data}`);
    if (type !== "ping") return;
    setTimeout(() => this.say({ type: "pong", id, timestamp }), this.#server.latencyMs);
  }

  /** The JSON messages that the client sent, but for its own heartbeats. */
  // deno-lint-ignore no-explicit-any -- tests look into them freely
  get messages(): any[] {
    return this.sent.map((text) => fieldsOf(`${text}`)).filter((it) => !isBeat(it));
  }

  /** The json heartbeats that it sent. */
  // deno-lint-ignore no-explicit-any -- tests look into them freely
  get beats(): any[] {
    return this.sent.map((text) => fieldsOf(`${text}`)).filter(isBeat);
  }
}

export class FakeServer {
  /** Whether attempts succeed. */
  isUp = true;
  /** Whether attempts end by themselves at all. */
  answersAttempts = true;
  /** Whether a close event follows the error event of a failed attempt; in Node 22 it does not. */
  tellsOfFailures = true;
  /** Whether json heartbeats are answered. */
  answersBeats = true;
  /** What a server of another kind says to a frame. */
  repliesTo: ((data: unknown) => readonly unknown[]) | undefined;
  /** Whether it takes its part in the closing handshake. */
  answersCloses = true;
  /** One way is as long as both: ms from a frame to its answer. */
  latencyMs = 20;
  /** Every one, in order. */
  readonly sockets: FakeWebSocket[] = [];

  /** For the option `WebSocket`. */
  get WebSocket(): WebSocketConstructor {
    const server = this as FakeServer;
    return function (url: string | URL, protocols?: string | string[]) {
      return new FakeWebSocket(server, url, protocols);
    } as unknown as WebSocketConstructor;
  }

  /** The newest socket. */
  get last(): FakeWebSocket {
    return this.sockets.at(-1)!;
  }

  /** Its end: as if the process were killed. */
  die(): void {
    this.isUp = false;
    for (const socket of this.sockets) if (socket.readyState === 1) socket.end(1006);
  }
}

function isBeat({ type, id }: Fields): boolean {
  return type === "ping" && `${id}`.startsWith(HEARTBEAT_ID_PREFIX);
}
