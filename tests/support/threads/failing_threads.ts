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

onStdinLine((line) => {
  using faults = new BroadcastFaults();
  for (const fault of line.trim().split("\n")) faults.postMessage(fault);
});

class BroadcastFaults extends BroadcastChannel implements Disposable {
  constructor() {
    super(FAULTS);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
