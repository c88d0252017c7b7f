/**
 * server/ops/systole@.service: systemd's own checker reads it, and its command, run with its
 * environment, ends as systemd ends a service. The sandbox itself needs a systemd that runs.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { GENERAL_OPTIONS, OPTIONS } from "../../server/config/options.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import { replaced } from "../support/recipes.ts";
import { PROJECT, ServerProcess } from "../support/server/server_process.ts";
import { withFolder } from "../support/temporary_folder.ts";

const NAME = "systole@.service";
const DENO = "/usr/local/bin/deno";
const unit = await Deno.readTextFile(new URL(`server/ops/${NAME}`, PROJECT));

/** From 0 to 100; a service without any protection has 96, by systemd-analyze. */
const MAX_EXPOSURE = 20;

const valueOf = (key: string) => new RegExp(`^${key}=(.*)$`, "m").exec(unit)![1];
const environment = valueOf("Environment").replaceAll("%i", "0").split(" ").map((word) =>
  word.split("=") as [string, string]
);

/** @returns what it says of this unit on stderr */
async function analyze(args: readonly string[], cwd: string): Promise<string> {
  const command = new Deno.Command("systemd-analyze", { args: ["--no-pager", ...args, NAME], cwd });
  const { success, stdout, stderr } = await command.output();
  const [printed, said] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assert(success, printed + said);
  return said.split("\n").filter((line) => line.includes(NAME)).join("\n");
}

Deno.test("systole@.service: its options exist, a drain fits, code may be made while it runs", () => {
  const names = environment.map(([name]) => name).filter((name) => name !== "DENO_DIR");
  assertEquals(names.filter((name) => !(name in OPTIONS)), []);
  assert(Number(valueOf("TimeoutStopSec")) * 1_000 > GENERAL_OPTIONS.SHUTDOWN_MS.fallback);
  assert(!/^MemoryDenyWriteExecute/m.test(unit));
});

integrationTest(
  "systole@.service: systemd accepts it and finds it well protected",
  () =>
    withFolder(async (folder) => {
      // Where the programs are is the machine's.
      await Deno.writeTextFile(`${folder}/${NAME}`, replaced(unit, DENO, Deno.execPath()));
      // `verify` fails for what cannot start; what it does not know it only says.
      assertEquals(await analyze(["verify"], folder), "");
      await analyze(["security", "--offline=true", `--threshold=${MAX_EXPOSURE}`], folder);
    }),
);

integrationTest(
  "systole@.service: its command drains when all its processes get a SIGTERM",
  async () => {
    const command = valueOf("ExecStart").split(" ");
    assertEquals(command.shift(), DENO);
    const env = Object.fromEntries(environment.filter(([name]) => name !== "DENO_DIR"));
    await using server = await ServerProcess.start({ command: [Deno.execPath(), ...command], env });
    const children = Deno.readTextFileSync(`/proc/${server.pid}/task/${server.pid}/children`);
    for (const pid of [server.pid, ...children.trim().split(" ").map(Number)]) {
      Deno.kill(pid, "SIGTERM");
    }
    assertEquals((await server.status).code, 0);
    await server.line("drained");
  },
);
