import { assertRejects } from "@std/assert";
import { type Env, parseConfig } from "../server/config/config.ts";
import { StartError } from "../server/base/errors.ts";
import { startServer } from "../server/server.ts";

const SILENT = { debug() {}, info() {}, warning() {}, error() {} };

/** The sanitizers of tests see what is left behind. */
async function leavesNothingBehind(env: Env, tls?: { cert: string; key: string }): Promise<void> {
  const files = { credentials: {}, ...(tls !== undefined && { tls }) };
  const options = { config: parseConfig(env), log: SILENT, files };
  await assertRejects(() => startServer(options), StartError, "Cannot start");
}

Deno.test("startServer() leaves no store open when it cannot listen", async () => {
  using other = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await leavesNothingBehind({ PORT: String(other.addr.port) });
});

Deno.test("startServer() leaves no store open when its certificate does not work", async () => {
  await leavesNothingBehind({ PORT: "0" }, { cert: "none", key: "none" });
});

Deno.test("startServer() leaves nothing open when it would be open to others", async () => {
  await leavesNothingBehind({ PORT: "0", DENO_DEPLOYMENT_ID: "abc" });
});
