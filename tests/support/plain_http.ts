/**
 * HTTP/1.1 by hand over any stream: one request, one connection, every header as the test wants it
 * (fetch sets Host itself and keeps connections).
 *
 * @module
 */

import { join } from "./frames.ts";

/** Makes a connection to the server under test. */
export type Dial = () => Promise<Deno.Conn>;

/** What is asked. */
export interface HttpRequest {
  readonly method?: string;
  readonly path?: string;
  /** Host is `127.0.0.1` unless named here. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** What was answered. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

const HEAD_END = "\r\n\r\n";

/** Headers that ask for a WebSocket. The key is the example of RFC 6455 section 1.2. */
export const UPGRADE_HEADERS: Readonly<Record<string, string>> = {
  Connection: "Upgrade",
  Upgrade: "websocket",
  "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
};

/** The bytes of a request without a body. */
export function requestBytes(
  { method = "GET", path = "/", headers = {} }: HttpRequest,
): Uint8Array {
  const lines = [`${method} ${path} HTTP/1.1`];
  for (const [name, value] of Object.entries({ Host: "127.0.0.1", ...headers })) {
    lines.push(`${name}: ${value}`);
  }
  return new TextEncoder().encode(lines.join("\r\n") + HEAD_END);
}

/** Asks once and reads until the server ends the connection. */
export async function ask(dial: Dial, request: HttpRequest): Promise<HttpAnswer> {
  using conn = await dial();
  const headers = { Connection: "close", ...request.headers };
  await writeAll(conn, requestBytes({ ...request, headers }));
  const pieces: Uint8Array[] = [];
  const buffer = new Uint8Array(65_536);
  for (;;) {
    const count = await conn.read(buffer);
    if (count === null) break;
    pieces.push(buffer.slice(0, count));
  }
  const text = new TextDecoder().decode(join(pieces));
  const end = text.indexOf(HEAD_END);
  if (end < 0) throw new Error(`no HTTP answer but ${JSON.stringify(text.slice(0, 200))}`);
  const { status, headers: answered } = parseHead(text.slice(0, end));
  const rest = text.slice(end + HEAD_END.length);
  const chunked = answered.get("transfer-encoding") === "chunked";
  return { status, headers: answered, body: chunked ? joinChunks(rest) : rest };
}

/** Status and headers of an answer, without the empty line that ends them. */
export function parseHead(head: string): { status: number; headers: Headers } {
  const [first, ...lines] = head.split("\r\n");
  const headers = new Headers();
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return { status: Number(first.split(" ")[1]), headers };
}

/** Writes all of it. */
export async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

function joinChunks(text: string): string {
  let whole = "";
  for (let at = 0;;) {
    const lineEnd = text.indexOf("\r\n", at);
    const length = parseInt(text.slice(at, lineEnd), 16);
    if (!(length > 0)) return whole;
    whole += text.slice(lineEnd + 2, lineEnd + 2 + length); // chars = bytes: our bodies are ASCII
    at = lineEnd + 2 + length + 2;
  }
}
