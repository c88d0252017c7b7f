/**
 * The story of one client in any runtime: it lives, loses its server, says twenty things to nobody,
 * comes back and reads them all on the next server, in order. The client is sdk_script.mjs.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { SDK_FOLDER } from "../../../server/cli/sdk.ts";
import { ServerProcess } from "../server/server_process.ts";
import { until } from "../until.ts";

/** The client's program. */
export const SDK_SCRIPT = new URL("sdk_script.mjs", import.meta.url);

/** The library as it is served. */
export const BUILT_SDK = new URL("sdk.js", SDK_FOLDER);

/** A first start also downloads the runtime. */
const PATIENCE_MS = 60_000;

/** The program under way; disposing of it waits for its end. */
export interface Teller extends AsyncDisposable {
  /** Lines that it has printed. */
  readonly lines: readonly string[];
  /** What it or its runtime complained of. */
  complaints(): string;
}

/** Lives through the story. @param start runs the program with the library's and the hub's address */
export async function outlivesItsServer(
  start: (library: URL, hub: URL) => Teller | Promise<Teller>,
): Promise<void> {
  await using first = await ServerProcess.start();
  const { port, url } = first;
  await using teller = await start(BUILT_SDK, new URL("/ws", url));
  const stage = (wanted: string) =>
    until(wanted, () => stagesOf(teller).find(({ stage }) => stage === wanted), {
      withinMs: PATIENCE_MS,
    }).catch((cause) => {
      throw new Error(`${teller.lines.join("\n")} ${teller.complaints()}`, { cause });
    });
  assertEquals((await stage("alive")).status, "healthy");
  await first[Symbol.asyncDispose](); // killed, without a word
  const lost = await stage("lost");
  assertEquals(lost.readyState, WebSocket.CONNECTING);
  assert(lost.buffered > 0);
  await using second = await ServerProcess.start({ env: { PORT: `${port}` } });
  const { heard, seen, code, reason } = await stage("closed");
  assertEquals(heard, ["hello", ...Array.from({ length: 20 }, (_, index) => index)]);
  assertEquals([code, reason], [1000, "Client closed"]);
  assertEquals([seen.open, seen.heartbeattimeout, seen.drop], [2, undefined, undefined]);
  await second.line("connection closed");
}

// deno-lint-ignore no-explicit-any -- each stage has its own details
function stagesOf({ lines }: Teller): any[] {
  return lines.map((line) => JSON.parse(line));
}
