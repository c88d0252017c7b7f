/**
 * The programs that `deno task compile` makes. Where the runtime that they embed cannot be downloaded,
 * which a warning tells, the Deno that runs this test takes its place in the files, and what is
 * embedded runs under the same permissions.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { integrationTest } from "../support/integration_test_case.ts";
import { outputOf } from "../support/peers/program.ts";
import { PROJECT, ServerProcess } from "../support/server/server_process.ts";
import { withFolder } from "../support/temporary_folder.ts";

const { tasks, version } = JSON.parse(await Deno.readTextFile(new URL("deno.json", PROJECT)));
const command: string = tasks.compile.command;

/** The flags that a program is compiled with. */
function flagsOf(name: string): string[] {
  const [, flags] = new RegExp(`--output bin/${name} (.*?) bin/`).exec(command)!;
  return flags.split(" ").map((flag) => flag.replaceAll("'", ""));
}

/** Runs the task, with a folder in place of `bin`. @returns whether the programs can run */
async function compileInto(folder: string): Promise<boolean> {
  const deno = Deno.execPath();
  const script = command.replaceAll(/\bdeno (?=bundle|compile)/g, `${deno} `)
    .replaceAll(/(?<= )bin\//g, `${folder}/`);
  const options = { cwd: PROJECT.pathname };
  try {
    await outputOf(["sh", "-ec", script], options);
    return true;
  } catch (error) {
    if (!`${error}`.includes("denort")) throw error;
    console.warn("the runtime of compiled programs cannot be downloaded: they are not started");
    await outputOf(["sh", "-ec", script], { ...options, env: { DENORT_BIN: deno } });
    return false;
  }
}

integrationTest(
  "deno task compile makes a server and a probe that need no other file",
  () =>
    withFolder(async (folder) => {
      const canRun = await compileInto(folder);
      for (const name of ["systole", "systole-probe"]) {
        assert((await Deno.stat(`${folder}/${name}`)).size > 10_000_000, name);
      }
      // Away from the project, so that nothing else of it can be found.
      const commandOf = (name: string) =>
        canRun ? [`${folder}/${name}`] : [
          Deno.execPath(),
          "run",
          "--no-config",
          "--unstable-kv",
          ...flagsOf(name),
          `${folder}/${name}.js`,
        ];
      await using server = await ServerProcess.start({
        command: commandOf("systole"),
        cwd: folder,
      });
      assertEquals((await server.line("listening")).version, version);
      for (const path of ["/", "/docs/recipes", "/sdk.js", "/sdk.tgz", "/api/v1/openapi.json"]) {
        assertEquals((await server.ask({ path })).status, 200, path);
      }
      await using threads = await ServerProcess.start({
        command: commandOf("systole"),
        cwd: folder,
        env: { WORKERS: "2" },
      });
      assertEquals((await threads.metrics()).value("systole_threads"), 2);
      const probe = [...commandOf("systole-probe"), "--count", "1", "--json"];
      const probed = await outputOf([...probe, `127.0.0.1:${server.port}/ws`], { cwd: folder });
      assert(probed.includes('"answered":1'), probed);
    }),
);
