/**
 * The client library as an npm package: what `npm install http://<hub>/sdk.tgz` unpacks.
 *
 * @module
 */

import { pack } from "tar-stream";
import { VERSION } from "../base/version.ts";

/** The time of all files, as npm's own packages have it: the same sources make the same bytes. */
const TIME = new Date("1985-10-26T08:15:00Z");

const README = `# Systole's client library

A WebSocket that keeps its connection alive. This package comes from a Systole hub, whose manual of
the library is at \`/docs/sdk\`.

\`\`\`js
import { HeartbeatSocket } from "@systole/sdk";

const socket = new HeartbeatSocket("ws://localhost:8080/ws");
socket.onmessage = ({ data }) => console.log(data);
\`\`\`
`;

const MANIFEST = {
  name: "@systole/sdk",
  version: VERSION,
  description: "A WebSocket with heartbeats, reconnects and subscriptions",
  license: "MIT",
  type: "module",
  main: "./sdk.js",
  types: "./sdk.d.ts",
  exports: { ".": { types: "./sdk.d.ts", default: "./sdk.js" } },
  sideEffects: false,
  files: ["sdk.js", "sdk.d.ts"],
};

/** The tar archive, not compressed. */
export async function packSdk(
  { code, types }: { readonly code: string; readonly types: string },
): Promise<Uint8Array> {
  const files = {
    "package.json": `${JSON.stringify(MANIFEST, null, 2)}\n`,
    "README.md": README,
    "sdk.js": code,
    "sdk.d.ts": types,
  };
  const archive = pack();
  for (const [name, text] of Object.entries(files)) {
    archive.entry({ name: `package/${name}`, mtime: TIME, mode: 0o644 }, text);
  }
  archive.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of archive as AsyncIterable<Uint8Array>) chunks.push(chunk);
  return new Uint8Array(await new Blob(chunks as BlobPart[]).arrayBuffer());
}
