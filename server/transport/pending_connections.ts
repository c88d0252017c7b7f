/**
 * Connections that have sent no whole request: TLS handshakes, heads and bodies of requests that do not
 * end, and kept-alive connections between two requests. They count in no limit of open WebSockets, so
 * their time and their number have limits here. Deno before 2.8 does not announce its connections:
 * there, none is found here, and the limits have no effect.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket as NetSocket } from "node:net";
import type { TrustedProxies } from "../auth/client_address.ts";
import { problemRejection, responseText } from "../base/problem.ts";
import { clientOf } from "../base/subnet.ts";
import type { TimerTask, Wheel } from "../liveness/wheel.ts";
import type { Logger } from "../logging/logging.ts";
import type { Metrics } from "../metrics/metrics.ts";
import type { PendingCut } from "../metrics/table.ts";

/** How often those that have waited too long are looked for, ms. */
const CHECK_MS = 250;

/** Limits of connections without a whole request. */
export interface PendingLimits {
  /** From the connection, or the answer before, to the end of a request, ms. */
  readonly requestWaitMs: number;
  /** At the same time; 0 = no limit. */
  readonly maxPendingConnections: number;
  /** Of one client, which is an IPv4 address or an IPv6 /64, at the same time; 0 = no limit. */
  readonly maxConnectionsPerAddress: number;
}

export interface PendingConnectionsOptions {
  readonly limits: PendingLimits;
  /** The clients behind a proxy cannot be told apart before their request. */
  readonly proxies: Pick<TrustedProxies, "isTrusted">;
  readonly wheel: Wheel;
  readonly metrics: Pick<Metrics, "pendingCut">;
  readonly log: Logger;
}

interface Pending {
  /** Time on the wheel. */
  readonly sinceMs: number;
  /** Empty where it has no limit of its own. */
  readonly client: string;
  /** The request is on its way, and no answer yet. */
  readonly mayAnswer: boolean;
  readonly onClose: () => void;
}

/** The answer to a request that does not end. */
const TIMED_OUT = responseText(
  problemRejection(STATUS_CODE.RequestTimeout, "no whole request came within REQUEST_WAIT_MS"),
);

/** One for the server. */
export class PendingConnections implements TimerTask {
  readonly #options: PendingConnectionsOptions;
  /** Those that wait, in the order in which they began to. */
  readonly #waiting = new Map<NetSocket, Pending>();
  readonly #known = new WeakSet<NetSocket>();
  /** TLS handshakes by address and port of the peer: what comes out of one is another socket. */
  readonly #handshakes = new Map<string, NetSocket>();
  readonly #cuts = { request_timeout: 0, too_many_pending: 0, too_many_from_address: 0 };
  #isScheduled = false;

  constructor(options: PendingConnectionsOptions) {
    this.#options = options;
  }

  /** How many wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Watches all connections of a server. Called before it handles requests. */
  watch(server: Server, isTls: boolean): void {
    server.on("connection", (socket: NetSocket) => {
      if (!isTls) return this.#begin(socket, this.#nowMs());
      const peer = peerOf(socket);
      if (peer === undefined) return; // found once the handshake is done
      this.#handshakes.set(peer, socket);
      socket.once("close", () => this.#handshakes.delete(peer));
      this.#begin(socket, this.#nowMs());
    });
    server.on("secureConnection", (socket: NetSocket) => {
      const raw = this.#handshakes.get(peerOf(socket) ?? "");
      const sinceMs = raw === undefined ? undefined : this.#end(raw);
      this.#begin(socket, sinceMs ?? this.#nowMs());
    });
    server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      const { socket } = request;
      if (!this.#known.has(socket)) return;
      if (hasBody(request)) request.once("end", () => this.#end(socket));
      else this.#end(socket);
      response.once("close", () => {
        this.#end(socket);
        if (!socket.destroyed) this.#wait(socket, { sinceMs: this.#nowMs(), mayAnswer: false });
      });
    });
    server.prependListener("upgrade", (_request: IncomingMessage, socket: NetSocket) => {
      this.#end(socket);
    });
  }

  onDue(nowMs: number, mayExpire: boolean): number {
    const { limits: { requestWaitMs } } = this.#options;
    if (mayExpire) {
      for (const [socket, { sinceMs }] of this.#waiting) {
        if (nowMs >= sinceMs + requestWaitMs) this.#cut(socket, "request_timeout");
      }
    }
    this.#report();
    this.#isScheduled = this.#waiting.size > 0;
    return this.#isScheduled ? nowMs + CHECK_MS : Infinity;
  }

  get expires(): boolean {
    return true;
  }

  #nowMs(): number {
    return this.#options.wheel.now();
  }

  #begin(socket: NetSocket, sinceMs: number): void {
    this.#known.add(socket);
    this.#wait(socket, { sinceMs, mayAnswer: true });
  }

  #wait(socket: NetSocket, since: Pick<Pending, "sinceMs" | "mayAnswer">): void {
    const { wheel, proxies, limits: { maxPendingConnections, maxConnectionsPerAddress } } =
      this.#options;
    const address = socket.remoteAddress ?? "";
    const client = maxConnectionsPerAddress === 0 || proxies.isTrusted(address)
      ? ""
      : clientOf(address);
    const onClose = () => this.#waiting.delete(socket);
    socket.once("close", onClose);
    this.#waiting.set(socket, { ...since, client, onClose });
    if (maxPendingConnections > 0 && this.#waiting.size > maxPendingConnections) {
      const [oldest] = this.#waiting.keys();
      this.#cut(oldest, "too_many_pending");
    }
    if (client !== "") this.#limitClient(client, maxConnectionsPerAddress);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    wheel.schedule(this, wheel.now() + CHECK_MS);
  }

  #limitClient(client: string, limit: number): void {
    const own = [...this.#waiting].filter(([, pending]) => pending.client === client);
    if (own.length > limit) this.#cut(own[0][0], "too_many_from_address");
  }

  /** It waits no more. @returns since when it has waited; undefined when it has not */
  #end(socket: NetSocket): number | undefined {
    const pending = this.#waiting.get(socket);
    if (pending === undefined) return undefined;
    socket.off("close", pending.onClose);
    this.#waiting.delete(socket);
    return pending.sinceMs;
  }

  /** Ends a connection; one that has begun a request is told why. */
  #cut(socket: NetSocket, reason: PendingCut): void {
    const { mayAnswer } = this.#waiting.get(socket)!;
    const isHandshake = this.#handshakes.get(peerOf(socket) ?? "") === socket;
    this.#end(socket);
    this.#cuts[reason]++;
    this.#options.metrics.pendingCut(reason);
    const isTold = reason === "request_timeout" && mayAnswer && !isHandshake &&
      socket.bytesRead > 0;
    if (!isTold) return void socket.destroy();
    socket.end(TIMED_OUT); // the first bytes on this connection: the kernel takes them at once
    socket.destroySoon();
  }

  /** One line for all that were cut since the last: a flood of connections must not flood the log. */
  #report(): void {
    const cuts = this.#cuts;
    const tooMany = cuts.too_many_pending + cuts.too_many_from_address;
    if (cuts.request_timeout + tooMany === 0) return;
    const { log } = this.#options;
    const text = "connections without a whole request were cut";
    if (tooMany > 0) log.warning(text, { ...cuts });
    else log.info(text, { ...cuts });
    cuts.request_timeout = cuts.too_many_pending = cuts.too_many_from_address = 0;
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}

/** Undefined on a unix socket. */
function peerOf({ remoteAddress, remotePort }: NetSocket): string | undefined {
  return remotePort === undefined ? undefined : `${remoteAddress} ${remotePort}`;
}
