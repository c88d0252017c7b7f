/**
 * Loaded into the server's process before the server itself (`deno run --preload`): a line of stdin makes
 * one of its threads fail, such as `loop thread 1`.
 *
 * @module
 */

import { onStdinLine } from "../server/stdin_lines.ts";
import { FAULTS } from "./faults.ts";

const entry = import.meta.resolve("./failing_thread.ts");

globalThis.Worker = class extends Worker {
  constructor(_entry: string | URL, options?: WorkerOptions) {
    super(entry, options);
  }
};

/** Never closed: it would lose what it has not sent. Made when the server is up, as it is waited for. */
let faults: BroadcastChannel | undefined;

onStdinLine((line) => {
  faults ??= new BroadcastChannel(FAULTS);
  for (const fault of line.trim().split("\n")) faults.postMessage(fault);
});
