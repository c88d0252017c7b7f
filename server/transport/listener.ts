/**
 * The listening socket: makes the HTTP(S) server, binds it, and decides whether others can reach it.
 * Owns the effects of DENO_SERVE_ADDRESS, under which Deno itself replaces the address of every listen.
 *
 * @module
 */

import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerOptions } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { connect, isIPv6 } from "node:net";
import type { TlsPair } from "../config/files.ts";
import type { Listen } from "../base/option_values.ts";
import { StartError } from "../base/errors.ts";
import { isLoopback } from "../auth/origin.ts";
import { completeUpgrades } from "./upgrade_compat.ts";

/** Whether a request asks for a WebSocket, among other protocols or alone. */
function asksForWebSocket({ headers }: IncomingMessage): boolean {
  return /\bwebsocket\b/i.test(headers.upgrade ?? "");
}

/** Options that are not yet in the types of Node. */
interface NewOptions {
  /** Node 24.9: whether a request that asks to upgrade is given to `upgrade`. */
  shouldUpgradeCallback(request: IncomingMessage): boolean;
  /** Node 24.6: added to `keepAliveTimeout`, which the client is told, ms. */
  keepAliveTimeoutBuffer: number;
}

/** Times in ms. A request's own time is the business of `PendingConnections`. */
const OPTIONS: ServerOptions & NewOptions = {
  shouldUpgradeCallback: asksForWebSocket,
  keepAliveTimeout: 4_000,
  keepAliveTimeoutBuffer: 1_000, // idle for 5 s at most
  headersTimeout: 0,
  requestTimeout: 0,
};

/**
 * Makes the server, with TLS when there is a certificate. A request for another protocol than WebSocket
 * (`curl --http2` and Java's HttpClient offer h2c) is answered as if it asked for none: RFC 9110, 7.8.
 *
 * @throws {StartError} when the certificate and the key do not work
 */
export function makeHttpServer(tls: TlsPair | undefined): Server {
  const server = tls === undefined ? createServer(OPTIONS) : makeTlsServer(tls);
  completeUpgrades(server, asksForWebSocket);
  return server;
}

function makeTlsServer(tls: TlsPair): Server {
  try {
    // Deno's https accepts any text as a pair and fails at each handshake instead (2.9.6).
    if (!isPair(tls)) throw new Error("the key does not belong to the certificate");
    return createTlsServer({ ...OPTIONS, ...tls }) as unknown as Server;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new StartError(`Cannot start: TLS_CERT_FILE and TLS_KEY_FILE do not work: ${why}`, {
      cause,
    });
  }
}

/** Does what `X509Certificate.checkPrivateKey()` does, which Deno before 2.7 does not implement. */
function isPair({ cert, key }: TlsPair): boolean {
  const [certified, own] = [
    new X509Certificate(cert).publicKey,
    createPublicKey(createPrivateKey(key)),
  ].map((publicKey) => publicKey.export({ type: "spki", format: "der" }));
  return certified.equals(own);
}

/**
 * Binds the server.
 *
 * @param sharesPort whether others of this user may listen on the same port: Linux spreads connections
 * @returns the address really bound
 * @throws {StartError} when the address cannot be used
 */
export async function listen(
  server: Server,
  address: Listen,
  { sharesPort = false }: { readonly sharesPort?: boolean } = {},
): Promise<Listen> {
  try {
    if (address.kind === "unix") await removeStaleSocket(address.path);
    try {
      await bind(server, address, sharesPort);
    } catch (error) {
      if (!isBracketed(error, address)) throw error;
      await bind(server, address, sharesPort);
    }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const isInUse = (cause as { code?: string }).code === "EADDRINUSE";
    const advice = isInUse && address.kind === "tcp" ? "; choose another port with PORT=" : "";
    const message = `Cannot start: cannot listen on ${formatAddress(address)}: ${why}${advice}`;
    throw new StartError(message, { cause });
  }
  // Deno before 2.8 reports 0.0.0.0 for a unix socket.
  const bound = address.kind === "unix" ? null : server.address();
  if (bound === null || typeof bound === "string") return address;
  return { kind: "tcp", host: bound.address, port: bound.port };
}

/** Whether other machines can connect. @param onDeploy on Deno Deploy they can */
export function reachableByOthers(address: Listen, onDeploy: boolean): boolean {
  return onDeploy || (address.kind === "tcp" && !isLoopback(address.host));
}

/** The address as text, for people. */
export function formatAddress(address: Listen, scheme = "tcp"): string {
  if (address.kind === "unix") return `unix:${address.path}`;
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  return `${scheme}://${host}:${address.port}`;
}

function bind(server: Server, address: Listen, sharesPort: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    if (address.kind === "unix") server.listen(address.path, resolve);
    else if (!sharesPort) server.listen(address.port, address.host, resolve);
    else server.listen({ port: address.port, host: address.host, reusePort: true }, resolve);
  });
}

/**
 * Deno 2.9.6 looks the IPv6 address of DENO_SERVE_ADDRESS up with its brackets on, but puts it in the
 * place of the first listen's address only: a second one gets ours, which is the same without them.
 */
function isBracketed(error: unknown, address: Listen): boolean {
  const { code } = error as { code?: string };
  return code === "ENOTFOUND" && address.kind === "tcp" && isIPv6(address.host);
}

/** Removes the socket file of a server that has ended; one that answers stays. */
async function removeStaleSocket(path: string): Promise<void> {
  try {
    if (!(await Deno.lstat(path)).isSocket) return; // listen() will report what is wrong
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  if (await answers(path)) return;
  await Deno.remove(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ path });
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", () => resolve(false));
  });
}
