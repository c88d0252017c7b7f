import { assert, assertEquals, assertMatch } from "@std/assert";
import { loadWebFiles } from "../../server/http/web_files.ts";
import { buildWeb, WEB_BUILD } from "../../server/cli/web.ts";
import { type Call, withApi } from "../support/server/api.ts";

const FILES = loadWebFiles();

Deno.test("deno task web: the committed build is that of these sources", async () => {
  const again = "the page or the SDK has changed: run deno task web and commit server/web/dist";
  assert(await buildWeb() === await Deno.readTextFile(WEB_BUILD), again);
});

/** Asks for a file. */
function get(path: string, headers: Record<string, string> = {}): Promise<Response> {
  const asked = Promise.withResolvers<Response>();
  const call: Call = { headers };
  return withApi({ keys: true }, async (api) => {
    const response = await api.call(path, call);
    asked.resolve(new Response(await response.arrayBuffer().then(orNothing), response));
  }).then(() => asked.promise);
}

const orNothing = (body: ArrayBuffer) => body.byteLength === 0 ? null : body;

Deno.test("GET / is the page, without a credential, with a policy that allows nothing foreign or inline", async () => {
  const { status, headers, body } = await get("/");
  await body?.cancel();
  assertEquals(status, 200);
  assertEquals(headers.get("Content-Type"), "text/html; charset=utf-8");
  const policy = headers.get("Content-Security-Policy")!.split("; ");
  assertEquals(policy, [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'none'",
  ]);
});

Deno.test("Every file has its type, and must be revalidated", async () => {
  const types: Record<string, string> = {
    ts: "text/javascript; charset=utf-8",
    js: "text/javascript; charset=utf-8",
    css: "text/css; charset=utf-8",
    svg: "image/svg+xml",
    "": "text/html; charset=utf-8",
  };
  assert(FILES.size > 20, "the page has files");
  for (const path of FILES.keys()) {
    const response = await get(path);
    const { status, headers } = response;
    assert((await response.text()).length > 0, path);
    const extension = /\.(\w+)$/.exec(path)?.[1] ?? "";
    const type = path === "/sdk.d.ts"
      ? "application/typescript; charset=utf-8"
      : types[extension] ?? "no such type";
    assertEquals([path, status, headers.get("Content-Type")], [path, 200, type]);
    assertEquals(headers.get("X-Content-Type-Options"), "nosniff", path);
    assertEquals(headers.get("Referrer-Policy"), "no-referrer", path);
    assertEquals([headers.get("Cache-Control"), headers.get("Vary")], [
      "no-cache",
      "Accept-Encoding",
    ]);
    const known = await get(path, { "If-None-Match": `"other", ${headers.get("ETag")}` });
    assertEquals([known.status, known.body, known.headers.get("ETag")], [
      304,
      null,
      headers.get("ETag"),
    ]);
  }
});

Deno.test("An ETag is compared weakly, and one of another version is no match", async () => {
  const etag = (await get("/sdk.js")).headers.get("ETag")!;
  assertMatch(etag, /^W\/"[\w-]{22}"$/);
  const status = async (tag: string) => (await get("/sdk.js", { "If-None-Match": tag })).status;
  assertEquals(await status(etag.slice(2)), 304);
  assertEquals(await status("*"), 304);
  assertEquals(await status('W/"another"'), 200);
  const tags = [...FILES.values()].map(({ etag }) => etag);
  assertEquals(new Set(tags).size, tags.length);
});

Deno.test("A file is compressed if the client accepts it", async () => {
  const plain = await get("/web/uplot.js");
  const length = (await plain.arrayBuffer()).byteLength;
  assertEquals(plain.headers.get("Content-Encoding"), null);
  for (const accepted of ["gzip", "br, gzip;q=0.5", "deflate,GZIP"]) {
    const response = await get("/web/uplot.js", { "Accept-Encoding": accepted });
    assertEquals(response.headers.get("Content-Encoding"), "gzip", accepted);
    const zipped = await response.arrayBuffer();
    assert(zipped.byteLength < length / 2);
    const stream = new Blob([zipped]).stream().pipeThrough(new DecompressionStream("gzip"));
    assertEquals((await new Response(stream).arrayBuffer()).byteLength, length);
  }
  for (const accepted of ["br", "gzip;q=0", "gzip; q=0.00", "gzipped", ""]) {
    const { headers } = await get("/web/uplot.js", { "Accept-Encoding": accepted });
    assertEquals(headers.get("Content-Encoding"), null, accepted);
  }
});

Deno.test("The client library may be imported by pages of any origin, and names its types", async () => {
  for (const path of ["/sdk.js", "/sdk.d.ts"]) {
    const { headers } = await get(path, { Origin: "https://elsewhere.example" });
    assertEquals(headers.get("Access-Control-Allow-Origin"), "*");
    assertEquals(headers.get("Cross-Origin-Resource-Policy"), "cross-origin");
  }
  assertEquals((await get("/sdk.js")).headers.get("X-TypeScript-Types"), "/sdk.d.ts");
  assertEquals((await get("/")).headers.get("Access-Control-Allow-Origin"), null);
});

for (
  const path of [
    "/web/nothing.js",
    "/web/",
    "/web/../server.ts",
    "/web/..%2fserver.ts",
    "/web/%2e%2e/server.ts",
    "/web/..%5cserver.ts",
    "/web//etc/passwd",
    "/web/index.html",
    "/web/screenshot.png",
    "/web/__proto__",
  ]
) {
  Deno.test(`GET ${path} is 404: only files of the page are served`, async () => {
    assertEquals((await get(path)).status, 404);
  });
}

Deno.test("Every file of the page's folder is served, except its pictures", () => {
  const folder = new URL("../../server/web/", import.meta.url);
  const names = [...Deno.readDirSync(folder)].filter(({ isFile }) => isFile).map(({ name }) =>
    name
  );
  const served = names.filter((name) => !name.endsWith(".png"));
  const paths = served.map((name) => name === "index.html" ? "/" : `/web/${name}`);
  const ours = [...FILES.keys()].filter((path) => !/^\/sdk|uplot/.test(path));
  assertEquals(ours.sort(), paths.sort());
});

Deno.test("Scripts are served in a form that browsers run: no types, resolvable addresses", () => {
  const scripts = [...FILES].filter(([path]) => /^\/web\/.*\.ts$/.test(path));
  assert(scripts.length > 10);
  for (const [path, { plain }] of scripts) {
    const text = new TextDecoder().decode(plain);
    for (const [, from] of text.matchAll(/^(?:import|export)\b[^;]*?\bfrom "([^"]+)"/gm)) {
      const address = new URL(from, `http://hub${path}`);
      assertMatch(from, /^[./]/, path);
      assert(FILES.has(address.pathname), `${path} imports ${from}`);
    }
    assert(!/\b(interface|readonly) \w/.test(text.replace(/\/\*[^]*?\*\//g, "")), path);
  }
});
