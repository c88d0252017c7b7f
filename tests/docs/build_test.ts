import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  buildDocs,
  DOCS_FOLDER,
  DOCS_MODULE,
  linkTargets,
  MANUALS,
} from "../../server/cli/docs.ts";
import { DOCS } from "../../server/docs/dist/docs.ts";
import { withApi } from "../support/server/api.ts";

const pages = Object.entries(DOCS).filter(([name]) => !name.endsWith(".css"));

Deno.test("deno task docs: the committed pages are those of these sources", async () => {
  const again = "the manuals have changed: run deno task docs and commit server/docs/dist";
  assert(await buildDocs() === await Deno.readTextFile(DOCS_MODULE), again);
});

Deno.test("Every manual of the folder is built, and each is in the navigation of each", () => {
  const files = [...Deno.readDirSync(DOCS_FOLDER)].map(({ name }) => name);
  const names = files.filter((name) => name.endsWith(".md")).map((name) => name.slice(0, -3));
  assertEquals(names.toSorted(), MANUALS.toSorted());
  assertEquals(pages.map(([name]) => name), [...MANUALS]);
  for (const [name, html] of pages) {
    const navigation = html.slice(html.indexOf("<nav"), html.indexOf("</nav>"));
    assertEquals(navigation.match(/href="\/docs/g)?.length, MANUALS.length, name);
    assertEquals(navigation.match(/aria-current="page"/g)?.length, 1, name);
  }
});

Deno.test("Each link between pages leads to a page or a section that exists", async () => {
  const targets = await linkTargets();
  for (const [name, html] of pages) {
    const own = name === "index" ? "/docs" : `/docs/${name}`;
    for (const [, href] of html.matchAll(/<a [^>]*href="([^"]+)"/g)) {
      if (["/", "#manual"].includes(href) || href.startsWith("https://")) continue;
      const target = href.startsWith("#") ? own + href : href;
      assert(targets.has(target), `${own} links to ${href}`);
    }
  }
});

Deno.test("A page loads nothing from elsewhere, runs no script and has no inline style", () => {
  for (const [name, html] of pages) {
    const loaded = html.matchAll(/<(?:link|img|script|iframe)[^>]*(?:href|src)="([^"]+)"/g);
    for (const [, address] of loaded) assertMatch(address, /^\/(docs|web)\//, name);
    assert(!/<script|<style|<[^>]+ (style|on\w+)="|javascript:/i.test(html), name);
    const ids = [...html.matchAll(/<[^>]+ id="([^"]+)"/g)].map(([, id]) => id);
    assertEquals(new Set(ids).size, ids.length, `${name} has an id twice`);
  }
  assert(!/url\(|@import/.test(DOCS["docs.css"]));
});

Deno.test("GET /docs and /docs/{name} are the pages, for every client, under a strict policy", () =>
  withApi({ keys: true }, async (api) => {
    for (const [name, text] of Object.entries(DOCS)) {
      const path = name === "index" ? "/docs" : `/docs/${name}`;
      const response = await api.call(path);
      assertEquals([response.status, await response.text()], [200, text], path);
      const { headers } = response;
      const type = name.endsWith(".css") ? "text/css" : "text/html";
      assertEquals(headers.get("Content-Type"), `${type}; charset=utf-8`);
      assertEquals(headers.get("Content-Security-Policy")?.split("; "), [
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
      ]);
      assertEquals(headers.get("Cache-Control"), "no-cache");
      assertEquals(headers.get("X-Content-Type-Options"), "nosniff");
      const known = { "If-None-Match": headers.get("ETag")! };
      assertEquals((await api.call(path, { headers: known })).status, 304, path);
    }
    const zipped = await api.call("/docs", { headers: { "Accept-Encoding": "gzip" } });
    assertEquals(zipped.headers.get("Content-Encoding"), "gzip");
    await zipped.body?.cancel();
  }));

for (const path of ["/docs/index", "/docs/nothing", "/docs/keys.md", "/docs/__proto__"]) {
  Deno.test(`GET ${path} is 404`, () =>
    withApi({}, async (api) => assertEquals((await api.json(path)).status, 404)));
}
