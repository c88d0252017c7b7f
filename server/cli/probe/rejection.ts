/**
 * Explains why there is no connection: what happened and what to do. Pure. Quotes nothing that may
 * contain a credential: no query, no body, of a challenge only its scheme.
 *
 * @module
 */

import { STATUS_TEXT } from "@std/http/status";
import { printable, shownUrl } from "./format.ts";

/** Why there is no connection. */
export interface Rejection {
  /** The kind of the problem, for programs. */
  readonly error:
    | "refused"
    | "unknown_host"
    | "unreachable"
    | "timeout"
    | "tls"
    | "http"
    | "not_http"
    | "hung_up"
    | "handshake"
    | "network";
  /** What happened, for people: a sentence without its full stop. */
  readonly message: string;
  /** What to do about it. */
  readonly advice: string;
  /** The HTTP status, if there was a response. */
  readonly status?: number;
}

/** The parts of an HTTP response that the explanation uses. */
export interface RejectionResponse {
  /** The status code. */
  readonly status: number;
  /** Header `Location`. */
  readonly location?: string;
  /** Header `WWW-Authenticate`. */
  readonly challenge?: string;
  /** Header `Retry-After`. */
  readonly retryAfter?: string;
}

/** An error of the platform. */
export interface ConnectError {
  /** Its code, if it has one. */
  readonly code?: string;
  /** The platform's error text. */
  readonly message: string;
}

/** How far the handshake was at the timeout. */
export type HandshakeStage = "connecting" | "waiting";

/** The server answered the upgrade request with another status than 101. */
export function explainAnswer(url: URL, answer: RejectionResponse): Rejection {
  const { status } = answer;
  const known = STATUS_TEXT[status];
  const message = `${shownUrl(url)} answered ${status}${known === undefined ? "" : ` ${known}`}`;
  return { error: "http", status, message, advice: adviceOn(url, answer) };
}

function adviceOn(
  url: URL,
  { status, location, challenge, retryAfter }: RejectionResponse,
): string {
  if (status >= 300 && status < 400) {
    if (location === undefined) return "It is a redirect without a target: look at the server.";
    return `It is a redirect, which no browser follows for a WebSocket. Probe its target: ${
      targetOf(location, url)
    }`;
  }
  switch (status) {
    case 401: {
      const scheme = challenge?.trim().split(/[\s,]/)[0];
      const asks = scheme ? ` It asks for: ${printable(scheme)}.` : "";
      return `The credential is missing or wrong: give one with --key or --header.${asks}`;
    }
    case 403:
      return "The server rejects this client: check the credential's rights, the Origin " +
        '(--header "Origin: https://…") and lists of allowed addresses.';
    case 404:
      return "There is no WebSocket at this path: check the path, and a proxy's routes.";
    case 426:
      return "It requires another protocol or version, or a proxy on the way does not forward " +
        "the Upgrade header: for nginx, proxy_http_version 1.1 and both Upgrade headers.";
    case 429:
    case 503:
      return retryAfter === undefined
        ? "It accepts no more connections now: try again later, or look at its limits."
        : `It accepts no more connections now: try again after ${wait(retryAfter)}.`;
  }
  if (status >= 500) return "The server, or a proxy before it, failed: look at its log.";
  if (status < 300) {
    return "It is an HTTP server, but no WebSocket at this path: check the path, and that a proxy " +
      "on the way forwards the Upgrade header.";
  }
  return "It does not accept this upgrade request: check the path, --header and --protocol.";
}

function wait(retryAfter: string): string {
  return /^\d+$/.test(retryAfter) ? `${retryAfter} s` : printable(retryAfter);
}

function targetOf(location: string, base: URL): string {
  if (!URL.canParse(location, base)) return "one that is not a URL";
  const target = new URL(location, base);
  target.protocol = target.protocol.replace("http", "ws");
  return shownUrl(target);
}

/** The server has not answered in time. */
export function explainTimeout(url: URL, timeoutMs: number, stage: HandshakeStage): Rejection {
  const seconds = `${timeoutMs / 1_000} s`;
  return stage === "connecting"
    ? {
      error: "timeout",
      message: `No connection to ${url.host} within ${seconds}`,
      advice: "A firewall may drop the packets: check host and port, or wait longer (--timeout).",
    }
    : {
      error: "timeout",
      message: `${url.host} accepted the connection but did not finish the handshake in ${seconds}`,
      advice:
        "It hangs, has another protocol, or requires TLS (wss://); or wait longer (--timeout).",
    };
}

/** The connection or the handshake failed. */
export function explainError(url: URL, { code = "", message }: ConnectError): Rejection {
  const { host } = url;
  switch (code) {
    case "ECONNREFUSED":
      return {
        error: "refused",
        message: `Nothing listens at ${host}: the connection was refused`,
        advice: "Start the server, or check host and port.",
      };
    case "ENOTFOUND":
    case "EAI_AGAIN":
    case "EAI_NODATA":
      return {
        error: "unknown_host",
        message: `No address is known for ${url.hostname}`,
        advice: "Check the spelling, and that this machine's DNS works.",
      };
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "ETIMEDOUT":
      return {
        error: "unreachable",
        message: `${host} is unreachable (${code})`,
        advice: "Check the network, a VPN, and firewalls on the way.",
      };
    case "ECONNRESET":
    case "EPIPE":
      return {
        error: "hung_up",
        message: `${host} accepted the connection and closed it during the handshake`,
        advice: "It may require TLS (wss://), or limit its clients: look at its log.",
      };
  }
  if (code.startsWith("HPE_")) {
    return {
      error: "not_http",
      message: `${host} is no HTTP server`,
      advice: "Check the port; if it is a TLS port, use wss://.",
    };
  }
  const tls = explainTls(url, { code, message });
  if (tls !== undefined) return tls;
  if (code === "") {
    return {
      error: "handshake",
      message: `${host} sent an invalid handshake response: ${printable(message)}`,
      advice: "Check --protocol (the server must choose one of those), and the path.",
    };
  }
  return {
    error: "network",
    message: `No connection to ${host} (${printable(code)})`,
    advice: "Check host, port and network.",
  };
}

/** Codes of node:tls for a certificate without a trusted issuer. */
const UNTRUSTED = /SELF_SIGNED|UNABLE_TO_(GET|VERIFY)|CERT_UNTRUSTED|INVALID_CA/;

/** Whether the certificate is untrusted; in Deno an expired one has the same code. */
export function isUntrusted(code = ""): boolean {
  return UNTRUSTED.test(code);
}

function explainTls({ host, hostname }: URL, { code, message }: Required<ConnectError>) {
  const rejection = (what: string, advice: string): Rejection => ({
    error: "tls",
    message: `TLS with ${host} failed: ${what} (${printable(code)})`,
    advice,
  });
  if (isUntrusted(code)) {
    return rejection(
      "no issuer that this machine trusts has signed its certificate",
      "Trust its issuer with DENO_CERT=ca.pem before the command, or accept any with --insecure.",
    );
  }
  if (code === "CERT_HAS_EXPIRED") {
    return rejection("its certificate has expired", "Renew it; --insecure connects anyway.");
  }
  if (code === "CERT_NOT_YET_VALID") {
    return rejection("its certificate is not valid yet", "Check the clocks of both machines.");
  }
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return rejection(
      `its certificate is not for ${hostname}`,
      "Use a name that is in the certificate; --insecure connects anyway.",
    );
  }
  if (code === "ERR_SSL_WRONG_VERSION_NUMBER") {
    return rejection("it does not use TLS", "Use ws://, or check the port.");
  }
  if (!/^(ERR_SSL|ERR_TLS|CERT)_/.test(code)) return undefined;
  return rejection(printable(message), "Look at the server's TLS settings.");
}
