/**
 * The probe's end of a WebSocket, over npm:ws: the handshake, and an end with the side that caused it
 * and how. ws_socket.ts is the server's end; a client masks, dials and needs other news of the end.
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
  isUntrusted,
  type Refusal,
  type Stage,
} from "./rejection.ts";

/** What to connect to. */
export interface ProbeTarget {
  /** `ws:` or `wss:`. */
  readonly url: URL;
  /** Header fields beside the handshake's own. */
  readonly headers: Readonly<Record<string, string>>;
  /** Subprotocols to offer. */
  readonly subprotocols: readonly string[];
  /** Whether any certificate will do. */
  readonly insecure: boolean;
  /** How long the whole handshake may take, ms. */
  readonly timeoutMs: number;
}

/** How the other side ended a connection. */
export type PeerEnd =
  /** With a close frame. `code` is null for a close frame without one. */
  | { readonly how: "close_frame"; readonly code: number | null; readonly text: string }
  /** TCP was ended in order, without a close frame. */
  | { readonly how: "fin" }
  /** TCP was reset. */
  | { readonly how: "reset" }
  /** What came is no valid frame; the probe hung up. */
  | { readonly how: "bad_frame"; readonly problem: string }
  /** The network failed. */
  | { readonly how: "network"; readonly problem: string };

/** The events of a connection. */
export interface ProbeSocketEvents {
  /** A whole message, text or binary. */
  message(text: string): void;
  /** A control ping. It has not been answered. */
  ping(payload: Uint8Array): void;
  /** A control pong. */
  pong(payload: string): void;
  /** The last call. */
  closed(end: PeerEnd): void;
}

/** An open connection. All calls are harmless after its end. */
export interface ProbeSocket {
  /** The subprotocol that the server chose; empty for none. */
  readonly subprotocol: string;
  /** The extensions that the server agreed to. */
  readonly extensions: readonly string[];
  /** Starts the events; nothing has been read before. */
  attach(events: ProbeSocketEvents): void;
  /** Sends a text message. */
  send(text: string): void;
  /** Sends a control ping. */
  ping(payload: string): void;
  /** Answers a control ping. */
  pong(payload: Uint8Array): void;
  /** Sends a close frame; `closed` follows when the peer has answered. */
  close(): void;
  /** Ends at once. */
  terminate(): void;
}

/** Completes the handshake within the timeout. @returns the rejection otherwise */
export function connect(target: ProbeTarget, clock: Clock): Promise<ProbeSocket | Refusal> {
  const { url, timeoutMs } = target;
  return new Promise((resolve) => {
    let stage: Stage = "connecting";
    const ws = new WebSocket(url, [...target.subprotocols], {
      headers: { ...target.headers },
      rejectUnauthorized: !target.insecure,
      autoPong: false,
      finishRequest(request) {
        request.on("socket", (raw) => raw.once("connect", () => stage = "waiting"));
        request.end();
      },
    });
    const settle = (outcome: ProbeSocket | Refusal) => {
      cancel();
      resolve(outcome);
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
      settle(explainAnswer(url, refusalOf(response)));
      request.destroy();
    });
    ws.on("open", () => {
      ws.pause(); // a first frame may be here already, before the listeners are
      settle(socket);
    });
  });
}

function refusalOf({ statusCode = 0, headers }: IncomingMessage) {
  return {
    status: statusCode,
    location: headers.location,
    challenge: headers["www-authenticate"],
    retryAfter: headers["retry-after"],
  };
}

class WsProbeSocket implements ProbeSocket {
  readonly #ws: WebSocket;
  /** What broke the connection, if something did. */
  #fault: PeerEnd | undefined;

  constructor(ws: WebSocket) {
    this.#ws = ws;
    ws.on("upgrade", ({ socket }) => {
      // ws keeps TCP's errors to itself: without this a reset looks like an orderly end.
      socket.on("error", (error: Error & { code?: string }) => {
        this.#fault ??= error.code === "ECONNRESET"
          ? { how: "reset" }
          : { how: "network", problem: error.code ?? error.message };
      });
    });
    ws.on("error", (error) => this.#fault ??= { how: "bad_frame", problem: error.message });
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

  /** 1005 and 1006 are never sent: they say that there was no code, or no close frame. */
  #endOf(code: number, text: string): PeerEnd {
    if (code === 1006) return this.#fault ?? { how: "fin" };
    return { how: "close_frame", code: code === 1005 ? null : code, text };
  }
}
