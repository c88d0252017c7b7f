/**
 * The probe's client socket, over npm:ws: the handshake, and how the other side closed the connection.
 * The server's socket, ws_socket.ts, does not connect and needs less detail about the close.
 *
 * @module
 */

// @ts-types="@types/ws"
import { WebSocket } from "ws";
import type { IncomingMessage } from "node:http";
import type { Clock } from "../../base/clock.ts";
import { datesProblem } from "./certificate.ts";
import {
  explainAnswer,
  explainError,
  explainTimeout,
  type HandshakeStage,
  isUntrusted,
  type Rejection,
} from "./rejection.ts";

/** What to connect to. */
export interface ProbeTarget {
  /** `ws:` or `wss:`. */
  readonly url: URL;
  /** Header fields in addition to the handshake's own. */
  readonly headers: Readonly<Record<string, string>>;
  /** Subprotocols to offer. */
  readonly subprotocols: readonly string[];
  /** Whether to accept any certificate. */
  readonly insecure: boolean;
  /** The timeout of the whole handshake, ms. */
  readonly timeoutMs: number;
}

/** How the other side closed a connection. */
export type PeerEnd =
  /** A close frame; `code` is null for one without a code. */
  | { readonly how: "close_frame"; readonly code: number | null; readonly text: string }
  /** A TCP FIN without a close frame. */
  | { readonly how: "fin" }
  /** A TCP reset. */
  | { readonly how: "reset" }
  /** An invalid frame; the probe closed the connection. */
  | { readonly how: "bad_frame"; readonly problem: string }
  /** Another network error. */
  | { readonly how: "network"; readonly problem: string };

/** The events of a socket. */
export interface ProbeSocketEvents {
  /** A whole message, text or binary. */
  message(text: string): void;
  /** A control ping. It has not been answered. */
  ping(payload: Uint8Array): void;
  /** A control pong. */
  pong(payload: string): void;
  /** The connection is closed: the last event. */
  closed(end: PeerEnd): void;
}

/** An open connection. After the close all methods do nothing. */
export interface ProbeSocket {
  /** The subprotocol that the server chose; empty for none. */
  readonly subprotocol: string;
  /** The extensions that the server agreed to. */
  readonly extensions: readonly string[];
  /** Starts reading, and the events. */
  attach(events: ProbeSocketEvents): void;
  /** Sends a text message. */
  send(text: string): void;
  /** Sends a control ping. */
  ping(payload: string): void;
  /** Answers a control ping. */
  pong(payload: Uint8Array): void;
  /** Sends a close frame; `closed` follows when the peer has answered. */
  close(): void;
  /** Closes TCP at once. */
  terminate(): void;
}

/** Connects within the timeout. @returns a rejection if there is no connection */
export function connect(target: ProbeTarget, clock: Clock): Promise<ProbeSocket | Rejection> {
  const { url, timeoutMs } = target;
  return new Promise((resolve) => {
    let stage: HandshakeStage = "connecting";
    const ws = new WebSocket(url, [...target.subprotocols], {
      headers: { ...target.headers },
      rejectUnauthorized: !target.insecure,
      autoPong: false,
      finishRequest(request) {
        request.on("socket", (raw) => raw.once("connect", () => stage = "waiting"));
        request.end();
      },
    });
    const settle = (result: ProbeSocket | Rejection) => {
      cancel();
      resolve(result);
    };
    const cancel = clock.after(timeoutMs, () => {
      settle(explainTimeout(url, timeoutMs, stage));
      ws.terminate();
    });
    const socket = new WsProbeSocket(ws);
    ws.on("error", async (error: Error & { code?: string }) => {
      cancel();
      const { message, code } = error;
      const dates = isUntrusted(code) ? await datesProblem(url, { clock, timeoutMs }) : undefined;
      settle(explainError(url, { code: dates ?? code, message }));
    });
    ws.on("unexpected-response", (request, response) => {
      settle(explainAnswer(url, responseOf(response)));
      request.destroy();
    });
    ws.on("open", () => {
      ws.pause(); // a first frame may have arrived already, and there is no listener yet
      settle(socket);
    });
  });
}

function responseOf({ statusCode = 0, headers }: IncomingMessage) {
  return {
    status: statusCode,
    location: headers.location,
    challenge: headers["www-authenticate"],
    retryAfter: headers["retry-after"],
  };
}

class WsProbeSocket implements ProbeSocket {
  readonly #ws: WebSocket;
  /** The error that broke the connection, if there was one. */
  #failure: PeerEnd | undefined;

  constructor(ws: WebSocket) {
    this.#ws = ws;
    ws.on("upgrade", ({ socket }) => {
      // ws does not report TCP errors: without this listener a reset looks like a FIN.
      socket.on("error", (error: Error & { code?: string }) => {
        this.#failure ??= error.code === "ECONNRESET"
          ? { how: "reset" }
          : { how: "network", problem: error.code ?? error.message };
      });
    });
    ws.on("error", (error) => this.#failure ??= { how: "bad_frame", problem: error.message });
  }

  get subprotocol(): string {
    return this.#ws.protocol;
  }

  get extensions(): readonly string[] {
    return this.#ws.extensions.split(",").map((name) => name.trim()).filter((name) => name !== "");
  }

  attach(events: ProbeSocketEvents): void {
    const ws = this.#ws;
    ws.on("message", (data) => events.message(data.toString()));
    ws.on("ping", (payload) => events.ping(payload));
    ws.on("pong", (payload) => events.pong(payload.toString()));
    ws.on("close", (code, text) => events.closed(this.#endOf(code, text.toString())));
    ws.resume();
  }

  send(text: string): void {
    if (this.#isOpen) this.#ws.send(text);
  }

  ping(payload: string): void {
    if (this.#isOpen) this.#ws.ping(payload);
  }

  pong(payload: Uint8Array): void {
    if (this.#isOpen) this.#ws.pong(payload);
  }

  close(): void {
    this.#ws.close(1000, "probe done");
  }

  terminate(): void {
    this.#ws.terminate();
  }

  get #isOpen(): boolean {
    return this.#ws.readyState === WebSocket.OPEN;
  }

  /** 1005 and 1006 are never sent: they mean no code, and no close frame. */
  #endOf(code: number, text: string): PeerEnd {
    if (code === 1006) return this.#failure ?? { how: "fin" };
    return { how: "close_frame", code: code === 1005 ? null : code, text };
  }
}
