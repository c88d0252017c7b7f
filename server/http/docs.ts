/**
 * The manuals as pages at /docs. They need no right and run no script.
 *
 * Owns their addresses and their policy. Must not know how they are made (cli/docs.ts).
 *
 * @module
 */

import { STATUS_CODE } from "@std/http/status";
import { Hono } from "hono";
import { problem } from "../base/problem.ts";
import { DOCS } from "../docs/dist/docs.ts";
import { answer, NOT_THERE } from "./assets.ts";
import type { ApiEnv, App } from "./caller.ts";
import { described, empty, file, type Responses } from "./description.ts";
import { fileOf, type WebFile } from "./web_files.ts";

/** Style and icon of this very server, and nothing else: no script, no connection, no form. */
const POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  "img-src 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

/** By name. Made at the first request: compressing them takes longer than a start should. */
let files: ReadonlyMap<string, WebFile> | undefined;

/** Builds the routes. */
export function docsRoutes(): App {
  const app = new Hono<ApiEnv>();
  const describe = (summary: string, errors?: Responses) =>
    described({
      summary,
      tag: "page",
      access: "open",
      responses: {
        200: file("It", "text/html"),
        304: empty("It has not changed"),
        ...errors,
      },
    });
  app.get("/docs", describe("The manuals"), (context) => answer(context, docsFile("index")!, HEAD));
  app.get("/docs/:name", describe("One of the manuals", NOT_THERE), (context) => {
    const name = context.req.param("name");
    const found = name === "index" ? undefined : docsFile(name);
    if (found !== undefined) return answer(context, found, HEAD);
    return problem(STATUS_CODE.NotFound, `nothing is at /docs/${name.slice(0, 256)}`);
  });
  return app;
}

const HEAD = { "Content-Security-Policy": POLICY };

function docsFile(name: string): WebFile | undefined {
  files ??= new Map(
    Object.entries(DOCS).map(([name, text]) => [
      name,
      fileOf(text, `text/${name.endsWith(".css") ? "css" : "html"}; charset=utf-8`),
    ]),
  );
  return files.get(name);
}
