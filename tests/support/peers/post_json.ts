/**
 * A POST with a JSON body, as a backend makes it. One connection per call, closed with it.
 *
 * @module
 */

import type { HttpAnswer } from "./plain_http.ts";
import type { ServerProcess } from "../server/server_process.ts";
import { within } from "../until.ts";

/** What is sent along. */
export interface PostOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** As JSON. */
  readonly body?: unknown;
}

/** Posts to a path of a server. */
export async function postJson(
  server: ServerProcess,
  path: string,
  { headers = {}, body }: PostOptions = {},
): Promise<HttpAnswer> {
  using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  const answer = fetch(new URL(path, server.url.href.replace(/^ws/, "http")), {
    client,
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const response = await within(`an answer of ${path}`, 5_000, answer);
  return { status: response.status, headers: response.headers, body: await response.text() };
}
