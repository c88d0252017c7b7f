/**
 * From an HTTP upgrade request to a Client: route, guard, handshake. Every refusal is an HTTP answer
 * that says what was wrong; a peer that goes away meanwhile harms nobody.
 *
 * @module
 */

import { STATUS_CODE, STATUS_TEXT } from "@std/http/status";
import type { IncomingMessage } from "node:http";
import type { Socket as NetSocket } from "node:net";
import { Client, type ClientContext } from "./client.ts";
import type { Admission } from "./guard/admission.ts";
import { hostIsLoopback, originAllowed } from "./guard/origin.ts";
import { parseTarget, type Routes } from "./routes.ts";
import type { WsAcceptor } from "./ws_socket.ts";

/** What the room works with. */
export interface UpgraderOptions {
  /** Shakes hands. */
  readonly acceptor: WsAcceptor;
  /** Chooses the profile. */
  readonly routes: Routes;
  /** Counts who is in. */
  readonly admission: Admission;
  /** What the new clients share. */
  readonly context: ClientContext;
  /** See `originAllowed`. */
  readonly allowedOrigins: readonly string[];
  /** Whether the Host header must be loopback. */
  readonly loopbackHostOnly: boolean;
}

interface Refused {
  readonly status: number;
  readonly detail: string;
  readonly retryAfterSeconds?: number;
}

/** See the module. */
export class Upgrader {
  readonly #options: UpgraderOptions;
  #draining = false;

  /** Accepts until `drain()`. */
  constructor(options: UpgraderOptions) {
    this.#options = options;
  }

  /** Refuses everybody from now on. */
  drain(): void {
    this.#draining = true;
  }

  /** Answers one upgrade request. */
  upgrade(request: IncomingMessage, raw: NetSocket, head: Uint8Array): void {
    raw.on("error", () => raw.destroy()); // a reset during the handshake must not end the process
    const { acceptor, routes, admission, context } = this.#options;
    const target = parseTarget(request.url);
    const profile = target && routes.profileOf(target);
    if (profile === undefined) {
      return refuse(raw, { status: STATUS_CODE.NotFound, detail: "no WebSocket here; use /ws" });
    }
    const address = raw.remoteAddress ?? "";
    const refused = this.#refusal(request) ?? this.#admit(address);
    if (refused !== undefined) return refuse(raw, refused);
    const onEnd = () => admission.leave(address);
    let accepted = false;
    acceptor.accept(request, raw, head, (socket) => {
      accepted = true;
      new Client({ socket, profile, address, onEnd }, context);
    });
    if (!accepted) onEnd(); // the handshake was not a valid one, and ws has answered it
  }

  #refusal({ headers }: IncomingMessage): Refused | undefined {
    const { allowedOrigins, loopbackHostOnly } = this.#options;
    if (this.#draining) {
      const detail = "the server is restarting";
      return { status: STATUS_CODE.ServiceUnavailable, detail, retryAfterSeconds: 1 };
    }
    if (loopbackHostOnly && !hostIsLoopback(headers.host)) {
      const detail = "this open server answers only to a loopback Host";
      return { status: STATUS_CODE.Forbidden, detail };
    }
    if (!originAllowed(headers.origin, headers.host, allowedOrigins)) {
      return { status: STATUS_CODE.Forbidden, detail: "this Origin is not in ALLOWED_ORIGINS" };
    }
  }

  #admit(address: string): Refused | undefined {
    const { admission, context } = this.#options;
    const detail = admission.enter(address, context.clock.now());
    if (detail === undefined) return undefined;
    return { status: STATUS_CODE.ServiceUnavailable, detail, retryAfterSeconds: 1 };
  }
}

/** Answers with problem details (RFC 9457) and ends TCP. */
function refuse(raw: NetSocket, { status, detail, retryAfterSeconds }: Refused): void {
  const title = STATUS_TEXT[status];
  const body = JSON.stringify({ title, status, detail });
  const lines = [
    `HTTP/1.1 ${status} ${title}`,
    "Connection: close",
    "Content-Type: application/problem+json",
    `Content-Length: ${new TextEncoder().encode(body).length}`,
  ];
  if (retryAfterSeconds !== undefined) lines.push(`Retry-After: ${retryAfterSeconds}`);
  raw.end(`${lines.join("\r\n")}\r\n\r\n${body}`);
}
