/**
 * Loaded into the server's process before the server itself (`deno run --preload`), with V8's flag
 * `--expose-gc`: a line on stdin collects all garbage, and logs what memory is in use then.
 *
 * @module
 */

import { onStdinLine } from "./stdin_lines.ts";

declare const gc: () => void;

onStdinLine(() => {
  gc();
  gc(); // what the first one finalized
  const entry = { time: new Date(), level: "info", message: "memory", ...Deno.memoryUsage() };
  console.log(JSON.stringify(entry));
});
