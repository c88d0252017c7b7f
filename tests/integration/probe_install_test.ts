/**
 * The probe installed as a command, as the manual says: from a clone, and by URL.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { integrationTest } from "../support/integration_test_case.ts";
import { outputOf } from "../support/peers/program.ts";
import { PROJECT, ServerProcess } from "../support/server/server_process.ts";
import { withFolder } from "../support/temporary_folder.ts";

const { version } = JSON.parse(await Deno.readTextFile(new URL("deno.json", PROJECT)));

/** The commands of the manual: from a clone, and by URL. */
async function commands(): Promise<string[][]> {
  const manual = await Deno.readTextFile(new URL("server/docs/probe.md", PROJECT));
  const found = manual.match(/^deno install [^]*?(?=\n\n|\n```)/gm) ?? [];
  return found.map((command) => command.replaceAll("\\\n", " ").split(/\s+/).slice(1));
}

/** Installs into a folder and probes. */
function works(args: readonly string[], server: ServerProcess): Promise<void> {
  return withFolder(async (root) => {
    const cwd = PROJECT.pathname;
    await outputOf([Deno.execPath(), ...args, "--root", root, "--force"], { cwd });
    const env = { PATH: `${Deno.execPath().replace(/\/[^/]*$/, "")}:/usr/bin:/bin` };
    const probe = (...args: string[]) =>
      outputOf([`${root}/bin/systole-probe`, ...args], { cwd, env });
    assertEquals(await probe("--version"), `systole probe ${version}\n`);
    const probed = await probe("--count", "1", "--json", `127.0.0.1:${server.port}/ws`);
    assert(probed.includes('"answered":1'), probed);
  });
}

integrationTest("The probe is installed from a clone, and by URL, as the manual says", async () => {
  await using server = await ServerProcess.start();
  const [clone, byUrl] = await commands();
  await works(clone, server);
  // As a repository's host serves raw files.
  await using host = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    async ({ url }) => {
      const file = new URL(`.${new URL(url).pathname}`, PROJECT);
      const text = await Deno.readTextFile(file);
      return new Response(text, { headers: { "Content-Type": "text/plain; charset=utf-8" } });
    },
  );
  const at = `127.0.0.1:${(host.addr as Deno.NetAddr).port}`;
  const args = byUrl.map((word) =>
    word.replace("https://example.com/systole", `http://${at}`).replace("=example.com", `=${at}`)
  );
  await works(args, server);
});
