/**
 * The files of the live page and the client library, ready to be sent: with type, entity tag and
 * compressed form. Their texts are the build of `deno task web`.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { SDK_PACKAGE, WEB_FILES } from "../web/dist/files.ts";

/** A file as it is sent. */
export interface WebFile {
  /** Its Content-Type. */
  readonly type: string;
  readonly plain: Uint8Array<ArrayBuffer>;
  readonly gzip: Uint8Array<ArrayBuffer>;
  /** Weak, since both forms share it. */
  readonly etag: string;
}

const TYPES: Readonly<Record<string, string>> = {
  "/": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".js": "text/javascript; charset=utf-8",
  ".ts": "text/javascript; charset=utf-8", // types are stripped; names stay, so that imports resolve
  ".d.ts": "application/typescript; charset=utf-8",
};

/** Prepares all files. @returns them by their paths */
export function loadWebFiles(): ReadonlyMap<string, WebFile> {
  return new Map(
    Object.entries(WEB_FILES).map(([path, text]) => {
      const [extension] = /(\.d)?\.\w+$/.exec(path) ?? [path];
      return [path, fileOf(text, TYPES[extension])];
    }),
  );
}

/** The client library as an npm package: a compressed archive. */
export function loadSdkPackage(): Uint8Array<ArrayBuffer> {
  return new Uint8Array(gzipSync(Buffer.from(SDK_PACKAGE, "base64")));
}

/** Prepares one file. */
export function fileOf(text: string, type: string): WebFile {
  const plain = new TextEncoder().encode(text);
  const hash = createHash("sha256").update(plain).digest("base64url");
  return { type, plain, gzip: new Uint8Array(gzipSync(plain)), etag: `W/"${hash.slice(0, 22)}"` };
}
