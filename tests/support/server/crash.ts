/**
 * Preloaded into a server: SIGUSR2 makes it say one more thing and crash in the same turn.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";

Deno.addSignalListener("SIGUSR2", () => {
  setTimeout(() => {
    getLogger("systole").info("last words");
    throw new Error("crashed on purpose");
  }, 0);
});
