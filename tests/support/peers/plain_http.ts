/**
 * HTTP/1.1 by hand over any stream: one request, one connection, every header as the test wants it
 * (fetch sets Host itself and keeps connections).
 *
 * @module
 */

import { within } from "../until.ts";

/** Makes a connection to the server under test. */
export type Dial = () => Promise<Deno.Conn>;

/** What is asked. */
export interface HttpRequest {
  readonly method?: string;
  readonly path?: string;
  /** Host is `127.0.0.1` unless named here. */
  readonly headers?: Readonly<Record<string, string>>;
  /** ASCII; its length is told. */
  readonly body?: string;
}

/** What was answered. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

const HEAD_END = "\r\n\r\n";
const ANSWER_MS = 20_000;

/** Headers that ask for a WebSocket. The key is the example of RFC 6455 section 1.2. */
export const UPGRADE_HEADERS: Readonly<Record<string, string>> = {
  Connection: "Upgrade",
  Upgrade: "websocket",
  "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
};

/** The bytes of a request. */
export function requestBytes(
  { method = "GET", path = "/", headers = {}, body = "" }: HttpRequest,
): Uint8Array {
  const lines = [`${method} ${path} HTTP/1.1`];
  for (const [name, value] of Object.entries({ Host: "127.0.0.1", ...headers })) {
    lines.push(`${name}: ${value}`);
  }
  if (body !== "") lines.push(`Content-Length: ${body.length}`);
  return new TextEncoder().encode(lines.join("\r\n") + HEAD_END + body);
}

/**
 * Asks once.
 *
 * @throws {TooLate} when the answer is not whole in time: it may be none that ends, as after a 101
 */
export async function ask(dial: Dial, request: HttpRequest): Promise<HttpAnswer> {
  using conn = await dial();
  const headers = { Connection: "close", ...request.headers };
  await writeAll(conn, requestBytes({ ...request, headers }));
  return await within("a whole HTTP answer", ANSWER_MS, readAnswer(conn));
}

async function readAnswer(conn: Deno.Conn): Promise<HttpAnswer> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(65_536);
  let text = "";
  for (;;) {
    const count = await conn.read(buffer);
    if (count !== null) text += decoder.decode(buffer.subarray(0, count), { stream: true });
    const end = text.indexOf(HEAD_END);
    if (end >= 0) {
      const head = parseHead(text.slice(0, end));
      const body = wholeBody(head.headers, text.slice(end + HEAD_END.length));
      if (body !== undefined) return { ...head, body };
    }
    if (count === null) throw new Error(`no whole answer but ${JSON.stringify(text)}`);
  }
}

/** Undefined while something is missing. Chunks count characters: what we stream is ASCII. */
function wholeBody(headers: Headers, text: string): string | undefined {
  if (headers.get("transfer-encoding") === "chunked") return joinChunks(text);
  const { length } = new TextEncoder().encode(text);
  return length >= Number(headers.get("content-length")) ? text : undefined;
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

function joinChunks(text: string): string | undefined {
  let whole = "";
  for (let at = 0; at < text.length;) {
    const lineEnd = text.indexOf("\r\n", at);
    const length = parseInt(text.slice(at, lineEnd), 16);
    if (length === 0) return whole;
    whole += text.slice(lineEnd + 2, lineEnd + 2 + length);
    at = lineEnd + 2 + length + 2;
  }
  return undefined;
}
