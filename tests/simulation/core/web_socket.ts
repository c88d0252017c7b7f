/**
 * The platform's WebSocket of a simulated page or program, for the client library.
 *
 * @module
 */

import type { WebSocketConstructor } from "../../../server/sdk/options.ts";
import type { Connection } from "./connection.ts";

/** Who connects and sends for the sockets of one client. */
export interface WebSocketHost {
  connect(socket: SimWebSocket, protocols: readonly string[]): Connection;
  send(connection: Connection, text: string): void;
}

export class SimWebSocket {
  onopen: ((event: Event) => void) | null = null;
  onmessage: ((event: MessageEvent) => void) | null = null;
  onerror: ((event: Event) => void) | null = null;
  onclose: ((event: CloseEvent) => void) | null = null;
  readyState = 0;
  protocol = "";
  extensions = "";
  binaryType: BinaryType = "blob";
  readonly url: string;
  readonly connection: Connection;
  readonly #host: WebSocketHost;
  #closed: { code: number; reason: string } | undefined;

  constructor(host: WebSocketHost, url: string | URL, protocols: string | readonly string[] = []) {
    this.#host = host;
    this.url = `${url}`;
    this.connection = host.connect(this, [protocols].flat());
  }

  get bufferedAmount(): number {
    return this.connection.up.waitingBytes;
  }

  send(data: string): void {
    if (this.readyState === 0) throw new DOMException("still connecting", "InvalidStateError");
    if (this.readyState === 1) this.#host.send(this.connection, data);
  }

  close(code?: number, reason = ""): void {
    if (this.readyState >= 2) return;
    const wasOpen = this.readyState === 1;
    this.readyState = 2;
    if (wasOpen) return this.connection.send({ kind: "close", code: code ?? 1005, reason });
    this.connection.reset("the client gives up the attempt");
  }

  opened(protocol: string): void {
    if (this.readyState !== 0) return;
    this.readyState = 1;
    this.protocol = protocol;
    this.onopen?.(new Event("open"));
  }

  received(data: string): void {
    if (this.readyState === 1) this.onmessage?.(new MessageEvent("message", { data }));
  }

  /** The server's close frame has come; the stack answers it. */
  closing(code: number, reason: string): void {
    this.#closed = { code, reason };
    if (this.readyState < 2) this.readyState = 2;
  }

  ended(): void {
    if (this.readyState === 3) return;
    const wasConnecting = this.readyState === 0;
    this.readyState = 3;
    if (wasConnecting) this.onerror?.(new Event("error"));
    const { code, reason } = this.#closed ?? { code: 1006, reason: "" };
    const wasClean = this.#closed !== undefined;
    this.onclose?.(new CloseEvent("close", { code, reason, wasClean }));
  }
}

/** The class for the option `WebSocket`. */
export function webSocketOf(host: WebSocketHost): WebSocketConstructor {
  return function (url: string | URL, protocols?: string | string[]) {
    return new SimWebSocket(host, url, protocols);
  } as unknown as WebSocketConstructor;
}
