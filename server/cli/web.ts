/**
 * `deno task web`: makes the one module that holds every file which the hub serves: the live page with
 * its scripts, uPlot, and the client library. Types are stripped and imports get the addresses that a
 * browser resolves. The result is committed, so that the server needs no build step, no permission to
 * read, and nothing that the oldest supported Deno lacks (text imports, `stripTypeScriptTypes`).
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { stripTypeScriptTypes } from "node:module";
import uplotStyle from "uplot/dist/uPlot.min.css" with { type: "text" };
import uplotScript from "uplot/dist/uPlot.esm.js" with { type: "text" };

import { packSdk } from "./sdk_package.ts";

const WEB_FOLDER = new URL("../web/", import.meta.url);
const SDK_FOLDER = new URL("../sdk/dist/", import.meta.url);

/** Where the committed build is. */
export const WEB_BUILD: URL = new URL("dist/files.ts", WEB_FOLDER);

/** What scripts import that has another address in a browser. */
const ADDRESSES: Readonly<Record<string, string>> = {
  "uplot": "/web/uplot.js",
  "../sdk/heartbeat_socket.ts": "/sdk.js",
};

/** Builds the module anew. @returns its text */
export async function buildWeb(): Promise<string> {
  const [code, types] = await Promise.all(
    ["sdk.js", "sdk.d.ts"].map((name) => Deno.readTextFile(new URL(name, SDK_FOLDER))),
  );
  const archive = Buffer.from(await packSdk({ code, types })).toString("base64");
  const files: Record<string, string> = {
    "/sdk.js": code,
    "/sdk.d.ts": types,
    "/web/uplot.js": uplotScript,
    "/web/uplot.css": uplotStyle,
  };
  const names = [...Deno.readDirSync(WEB_FOLDER)].map(({ name }) => name);
  for (const name of names.filter((name) => /\.(ts|css|svg|html)$/.test(name)).sort()) {
    const text = await Deno.readTextFile(new URL(name, WEB_FOLDER));
    const path = name === "index.html" ? "/" : `/web/${name}`;
    files[path] = name.endsWith(".ts") ? scriptOf(text) : text;
  }
  const entries = Object.entries(files).map(([path, text]) =>
    `  ${JSON.stringify(path)}:\n    ${JSON.stringify(text)},\n`
  );
  return "// Made by `deno task web` from server/web/ and server/sdk/dist/. Do not edit.\n\n" +
    "/** Every file of the page and the client library by its path on the web. */\n" +
    `export const WEB_FILES: Readonly<Record<string, string>> = {\n${entries.join("")}};\n\n` +
    "/** The client library as an npm package: a tar archive in base64. */\n" +
    `export const SDK_PACKAGE: string =\n  ${JSON.stringify(archive)};\n`;
}

function scriptOf(text: string): string {
  return stripTypeScriptTypes(text).replace(
    /(?<=\bfrom )"([^"]+)"/g,
    (quoted, name: string) => name in ADDRESSES ? `"${ADDRESSES[name]}"` : quoted,
  );
}

if (import.meta.main) {
  await Deno.mkdir(new URL("./", WEB_BUILD), { recursive: true });
  await Deno.writeTextFile(WEB_BUILD, await buildWeb());
}
