/**
 * A small HTTP server on a loopback port of its own, for pages that tests open in a browser: so a
 * page is of another origin than the server that it talks to.
 *
 * @module
 */

/** What is served under a path: HTML, or text with headers of its own. */
export type Served = string | { readonly text: string; readonly headers: Record<string, string> };

/** It runs until it is disposed of. */
export interface PageServer extends AsyncDisposable {
  readonly url: URL;
}

/** Serves texts by path; anything else is 404. */
export function servePages(texts: Readonly<Record<string, Served>>): PageServer {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, ({ url }) => {
    const served = { "/favicon.ico": "", ...texts }[new URL(url).pathname];
    if (served === undefined) return new Response("not here", { status: 404 });
    const { text, headers } = typeof served === "string" ? { text: served, headers: {} } : served;
    return new Response(text, { headers: { "content-type": "text/html", ...headers } });
  });
  return {
    url: new URL(`http://127.0.0.1:${server.addr.port}/`),
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
