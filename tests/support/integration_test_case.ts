/**
 * One integration test: sanitizers on (Deno 2.9 has them off by default), and as many descriptors
 * open afterwards as before, since the sanitizers see no socket of `node:net` or `ws`.
 *
 * @module
 */

import { until } from "./until.ts";

/** Registers a test. Its body must end whatever it started. */
export function integrationTest(name: string, body: () => Promise<void>): void {
  Deno.test({
    name,
    sanitizeOps: true,
    sanitizeResources: true,
    async fn() {
      await warmUp();
      const before = descriptors("self");
      await body();
      await until(
        "the test's own descriptors closed",
        () => descriptors("self").length <= before.length,
      ).catch((error) => {
        throw new Error(`left open: ${difference(descriptors("self"), before)}`, { cause: error });
      });
    },
  });
}

/** What each open descriptor of a process is; empty where there is no /proc. */
export function descriptors(pid: number | "self"): string[] {
  if (Deno.build.os !== "linux") return [];
  const folder = `/proc/${pid}/fd`;
  const kinds: string[] = [];
  for (const { name } of Deno.readDirSync(folder)) {
    try {
      kinds.push(Deno.readLinkSync(`${folder}/${name}`));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error; // the descriptor of this very look
    }
  }
  return kinds;
}

let warm = false;

/** What the runtime opens once and keeps must be there before we count. */
async function warmUp(): Promise<void> {
  if (warm) return;
  warm = true;
  await new Deno.Command(Deno.execPath(), { args: ["--version"], stdout: "null" }).output();
}

function difference(now: string[], before: string[]): string {
  const old = new Set(before);
  return now.filter((kind) => !old.has(kind)).join(", ");
}
