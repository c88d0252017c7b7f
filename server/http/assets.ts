/**
 * The live page with its scripts, and the client library for pages of any origin. They need no
 * right: what they show does.
 *
 * @module
 */

import { ifNoneMatch } from "@std/http/etag";
import { acceptsEncodings } from "@std/http/negotiation";
import { STATUS_CODE } from "@std/http/status";
import { type Context, Hono } from "hono";
import { problem } from "../base/problem.ts";
import { VERSION } from "../base/version.ts";
import type { ApiEnv, App } from "./caller.ts";
import { described, empty, file, problemResponses, type Responses } from "./description.ts";
import { loadSdkPackage, type WebFile } from "./web_files.ts";

/** Nothing but what this very server serves, and nothing inline. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

const FOR_ANY_ORIGIN = {
  "Access-Control-Allow-Origin": "*",
  "Cross-Origin-Resource-Policy": "cross-origin",
};

/** For what never changes under its address. */
const IMMUTABLE = "public, max-age=31536000, immutable";

/** The error response of every route whose path names a file. */
export const NOT_THERE: Responses = problemResponses({ 404: "nothing is there" });

export interface AssetsOptions {
  /** The files by their paths. */
  readonly webFiles: ReadonlyMap<string, WebFile>;
}

/** Builds the routes. */
export function assetRoutes({ webFiles }: AssetsOptions): App {
  const app = new Hono<ApiEnv>();
  const describe = (summary: string, type: string, errors?: Responses) =>
    described({
      summary,
      tag: "page",
      access: "open",
      responses: {
        200: file("It", type),
        304: empty("It has not changed"),
        ...errors,
      },
    });
  const serve = (path: string, context: Context<ApiEnv>, headers?: Record<string, string>) => {
    const found = webFiles.get(path);
    return found === undefined ? missing(path) : answer(context, found, headers);
  };
  app.get(
    "/",
    describe("The live page", "text/html"),
    (context) => serve("/", context, { "Content-Security-Policy": POLICY }),
  );
  app.get(
    "/web/:name",
    describe("What the live page is made of", "text/javascript", NOT_THERE),
    (context) => serve(`/web/${context.req.param("name")}`, context),
  );
  app.get(
    "/sdk.js",
    describe("The client library: one module, for pages of any origin", "text/javascript"),
    (context) =>
      serve("/sdk.js", context, { ...FOR_ANY_ORIGIN, "X-TypeScript-Types": "/sdk.d.ts" }),
  );
  app.get(
    "/sdk.d.ts",
    describe("Its types", "application/typescript"),
    (context) => serve("/sdk.d.ts", context, FOR_ANY_ORIGIN),
  );
  app.get(
    `/sdk@${VERSION}.js`,
    describe("The client library of this version, to be kept for ever", "text/javascript"),
    (context) => serve("/sdk.js", context, { ...FOR_ANY_ORIGIN, "Cache-Control": IMMUTABLE }),
  );
  let archive: ReturnType<typeof loadSdkPackage> | undefined; // made when it is first asked for
  app.get(
    "/sdk.tgz",
    described({
      summary: "The client library as a package for npm",
      tag: "page",
      access: "open",
      responses: { 200: file("It", "application/gzip") },
    }),
    () =>
      new Response(archive ??= loadSdkPackage(), {
        headers: { ...FOR_ANY_ORIGIN, "Content-Type": "application/gzip" },
      }),
  );
  return app;
}

/** Answers with a file, or that it has not changed. */
export function answer(
  { req }: Context<ApiEnv>,
  { type, plain, gzip, etag }: WebFile,
  more: Record<string, string> = {},
): Response {
  const headers = {
    "Cache-Control": "no-cache", // to be asked for again: an update of the server is seen at once
    "ETag": etag,
    "Vary": "Accept-Encoding",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    ...more,
  };
  const known = req.header("if-none-match");
  if (known !== undefined && !ifNoneMatch(known, etag)) {
    return new Response(null, { status: STATUS_CODE.NotModified, headers });
  }
  // Without a value anything may be sent (RFC 9110 12.5.3); plain is what every client reads.
  const isZipped = Boolean(req.header("accept-encoding")) &&
    acceptsEncodings(req.raw, "gzip", "identity") === "gzip";
  return new Response(isZipped ? gzip : plain, {
    headers: { ...headers, "Content-Type": type, ...(isZipped && { "Content-Encoding": "gzip" }) },
  });
}

function missing(path: string): Response {
  return problem(STATUS_CODE.NotFound, `nothing is at ${path.slice(0, 256)}`);
}
