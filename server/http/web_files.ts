/**
 * The files of the live page, made ready to be served: types stripped from the scripts,
 * names that only Deno resolves replaced by addresses, compressed. There is no build step.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { stripTypeScriptTypes } from "node:module";
import { gzipSync } from "node:zlib";
import sdkTypes from "../sdk/dist/sdk.d.ts" with { type: "text" };
import sdk from "../sdk/dist/sdk.js" with { type: "text" };
import uplotStyle from "uplot/dist/uPlot.min.css" with { type: "text" };
import uplotScript from "uplot/dist/uPlot.esm.js" with { type: "text" };
import { WEB_TEXTS } from "./web_texts.ts";

/** A file as it is sent. */
export interface WebFile {
  /** Its Content-Type. */
  readonly type: string;
  /** The bytes as they are. */
  readonly plain: Uint8Array<ArrayBuffer>;
  /** The same compressed, for who accepts it. */
  readonly gzip: Uint8Array<ArrayBuffer>;
  /** Tells one version from another; weak, since both forms share it. */
  readonly etag: string;
}

const JAVASCRIPT = "text/javascript; charset=utf-8";

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
  ts: JAVASCRIPT, // once its types are stripped; its name stays, so imports need no rewriting
};

/** What scripts import that has another address on the web. */
const ADDRESSES: Readonly<Record<string, string>> = {
  "uplot": "/web/uplot.js",
  "../sdk/heartbeat_socket.ts": "/sdk.js",
};

/** Prepares all files. @returns them by their paths */
export function loadWebFiles(): ReadonlyMap<string, WebFile> {
  const files = new Map([
    ["/sdk.js", fileOf(sdk, JAVASCRIPT)],
    ["/sdk.d.ts", fileOf(sdkTypes, "application/typescript; charset=utf-8")],
    ["/web/uplot.js", fileOf(uplotScript, JAVASCRIPT)],
    ["/web/uplot.css", fileOf(uplotStyle, TYPES.css)],
  ]);
  for (const [name, text] of Object.entries(WEB_TEXTS)) {
    const extension = name.slice(name.lastIndexOf(".") + 1);
    const path = name === "index.html" ? "/" : `/web/${name}`;
    files.set(path, fileOf(extension === "ts" ? scriptOf(text) : text, TYPES[extension]));
  }
  return files;
}

/** Makes a file ready to be served. */
export function fileOf(text: string, type: string): WebFile {
  const plain = new TextEncoder().encode(text);
  const hash = createHash("sha256").update(plain).digest("base64url");
  return { type, plain, gzip: new Uint8Array(gzipSync(plain)), etag: `W/"${hash.slice(0, 22)}"` };
}

function scriptOf(text: string): string {
  return stripTypeScriptTypes(text).replace(
    /(?<=\bfrom )"([^"]+)"/g,
    (quoted, name: string) => name in ADDRESSES ? `"${ADDRESSES[name]}"` : quoted,
  );
}
