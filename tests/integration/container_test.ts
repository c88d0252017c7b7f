/**
 * server/ops/Containerfile without a container: its instructions, run in a folder that stands for
 * the image's, with the Deno that runs this test. The base image itself is not fetched.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { integrationTest } from "../support/integration_test_case.ts";
import { PROJECT, ServerProcess } from "../support/server/server_process.ts";
import { withFolder } from "../support/temporary_folder.ts";

const text = await Deno.readTextFile(new URL("server/ops/Containerfile", PROJECT));
const instructions = text.split("\n").filter((line) => /^[A-Z]/.test(line)).map((line) => {
  const [, name, argument] = /^([A-Z]+) (.*)$/.exec(line)!;
  return { name, argument };
});
const all = (name: string) =>
  instructions.filter((it) => it.name === name).map(({ argument }) => argument);
const [command] = all("CMD").map((argument) => JSON.parse(argument) as string[]);
const [healthCheck] = all("HEALTHCHECK").map((argument) =>
  JSON.parse(argument.slice(argument.indexOf("["))) as string[]
);
const env = Object.fromEntries(all("ENV")[0].split(" ").map((word) => word.split("=")));
const [user] = all("USER");

/** Of "reader.secret", with the right to everything. */
const KEYS = JSON.stringify([{
  id: "reader",
  secretSha256: "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b",
}]);

async function run(args: readonly string[], cwd: string, path = ""): Promise<Deno.CommandOutput> {
  const deno = Deno.execPath().replace(/[^/]*$/, "");
  const env = { PATH: `${path}:${deno}:${Deno.env.get("PATH")}` };
  return await new Deno.Command("env", { args: [...args], cwd, env }).output();
}

/** Does what a build does; `chown` has no effect, since this machine has no user of that name. */
async function buildIn(folder: string): Promise<void> {
  const programs = await Deno.makeTempDir();
  await Deno.writeTextFile(`${programs}/chown`, "#!/bin/sh\n", { mode: 0o755 });
  try {
    for (const { name, argument } of instructions) {
      const steps: Readonly<Record<string, readonly string[]>> = {
        RUN: ["sh", "-ec", argument],
        COPY: [
          "cp",
          "-r",
          ...argument.split(" ").map((path, i, { length }) =>
            i < length - 1 ? new URL(path, PROJECT).pathname : path
          ),
        ],
      };
      if (!(name in steps)) continue;
      const { success, stderr } = await run(steps[name], folder, programs);
      assert(success, `${name} ${argument}: ${new TextDecoder().decode(stderr)}`);
    }
  } finally {
    await Deno.remove(programs, { recursive: true });
  }
}

Deno.test("Containerfile: the newest supported Deno, not root, the folder of DATA_DIR a volume", async () => {
  const [, version] = /NEWEST=deno@(\S+)/.exec(
    await Deno.readTextFile(new URL(".ci/run", PROJECT)),
  )!;
  assertEquals(all("FROM"), [`docker.io/denoland/deno:alpine-${version}`]);
  assertEquals(user, "deno");
  assertEquals(JSON.parse(all("VOLUME")[0]), [`${all("WORKDIR")[0]}/${env.DATA_DIR}`]);
  assert(all("RUN").some((argument) => argument.includes(`chown deno:deno ${env.DATA_DIR}`)));
  assertEquals(all("EXPOSE"), [env.PORT]);
});

integrationTest(
  "Containerfile: its build serves, is healthy, keeps its data and drains",
  async () => {
    await withFolder(async (folder) => {
      await buildIn(folder);
      const settings = Object.entries({ ...env, PORT: "0" }).map((entry) => entry.join("="));
      const refused = await run([...settings, ...command], folder);
      assertEquals(refused.code, 1);
      assertStringIncludes(new TextDecoder().decode(refused.stderr), "API_KEYS");

      await using server = await ServerProcess.start({
        command: ["env", `--chdir=${folder}`, ...command],
        env: { ...env, PORT: "0", API_KEYS: KEYS },
      });
      const check = healthCheck.map((word) => word.replace(`:${env.PORT}/`, `:${server.port}/`));
      assertEquals((await run(check, folder)).code, 0);
      assert([...Deno.readDirSync(`${folder}/${env.DATA_DIR}`)].length > 0);
      Deno.kill(server.pid, "SIGTERM");
      assertEquals((await server.status).code, 0);
      await server.line("drained");
      assertEquals((await run(check, folder)).code, 1);
    });
  },
);
