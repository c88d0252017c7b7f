/**
 * Loaded into the server's process before the server itself (`deno run --preload`): a number on
 * stdin blocks the event loop for so many ms. Unlike a paused process, a blocked one burns its core
 * and has all its clocks; only nothing in its loop gets a turn.
 *
 * @module
 */

import { onStdinLine } from "./stdin_lines.ts";

onStdinLine((line) => {
  const endMs = performance.now() + Number(line);
  while (performance.now() < endMs);
});
