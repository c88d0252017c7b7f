/**
 * The opening handshake (RFC 6455 section 4.2.1), checked before `ws` sees it, so that an invalid one
 * is rejected in the same form as every other rejection. Pure.
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import type { IncomingMessage } from "node:http";

/** What is wrong with a handshake. */
export interface HandshakeProblem {
  readonly status: number;
  readonly detail: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** 13 is RFC 6455; 8 is the draft that `ws` also implements. */
const VERSIONS = ["13", "8"];

/** 16 bytes in base64. */
const KEY = /^[+/0-9A-Za-z]{22}==$/;

/** A token of RFC 9110 section 5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Finds what is wrong with a handshake, if anything is. */
export function handshakeProblem(
  { method, headers }: Pick<IncomingMessage, "method" | "headers">,
): HandshakeProblem | undefined {
  if (method !== "GET") {
    return {
      status: STATUS_CODE.MethodNotAllowed,
      detail: "a WebSocket handshake is a GET",
      headers: { Allow: "GET" },
    };
  }
  if (!VERSIONS.includes(headers["sec-websocket-version"] ?? "")) {
    return {
      status: STATUS_CODE.UpgradeRequired,
      detail: "Sec-WebSocket-Version must be 13",
      headers: { "Sec-WebSocket-Version": "13", Upgrade: "websocket" },
    };
  }
  if (!KEY.test(headers["sec-websocket-key"] ?? "")) {
    return {
      status: STATUS_CODE.BadRequest,
      detail: "Sec-WebSocket-Key must be 16 bytes in base64",
    };
  }
  const offered = headers["sec-websocket-protocol"]?.split(",").map((name) => name.trim());
  if (offered === undefined) return undefined;
  if (!offered.every((name) => TOKEN.test(name)) || new Set(offered).size < offered.length) {
    return {
      status: STATUS_CODE.BadRequest,
      detail: "Sec-WebSocket-Protocol must be a list of different tokens",
    };
  }
}
