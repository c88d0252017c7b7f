/**
 * The client library as a package: installed by npm from a running hub, type-checked by TypeScript,
 * bundled by Vite, and run.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import { integrationTest } from "../support/integration_test_case.ts";
import { outputOf } from "../support/peers/program.ts";
import { ServerProcess } from "../support/server/server_process.ts";
import { withFolder } from "../support/temporary_folder.ts";

const PROGRAM = `
import { HeartbeatSocket, type HeartbeatSocketOptions } from "@systole/sdk";

const options: HeartbeatSocketOptions = { profile: "json", maxReconnectAttempts: 3 };
const socket = new HeartbeatSocket("ws://127.0.0.1:PORT/ws", options);
socket.addEventListener("message", ({ data }) => {
  console.log(JSON.parse(data).type);
  socket.close();
});
`;

const TSCONFIG = {
  compilerOptions: {
    noEmit: true,
    strict: true,
    exactOptionalPropertyTypes: true,
    types: [],
    lib: ["esnext", "dom"],
    target: "esnext",
    module: "esnext",
    moduleResolution: "bundler",
  },
  files: ["main.ts"],
};

integrationTest(
  "npm installs the library from a hub; tsc and vite take it, and what they make connects",
  async () => {
    await using server = await ServerProcess.start();
    const hub = `http://127.0.0.1:${server.port}`;
    await withFolder(async (folder) => {
      const write = (name: string, text: string) => Deno.writeTextFile(`${folder}/${name}`, text);
      await write("package.json", '{"name":"app","private":true,"type":"module"}');
      const run = (...command: string[]) => outputOf(command, { cwd: folder });
      const quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
      await run(
        "npm",
        "install",
        ...quiet,
        `${hub}/sdk.tgz`,
        "typescript@5.9.3",
        "vite@8.4.0",
      );
      const installed = JSON.parse(
        await Deno.readTextFile(`${folder}/node_modules/@systole/sdk/package.json`),
      );
      assertEquals(installed.version, (await server.line("listening")).version);
      await write("main.ts", PROGRAM.replace("PORT", `${server.port}`));
      await write("tsconfig.json", JSON.stringify(TSCONFIG));
      await run("npx", "tsc");
      await write("index.html", '<script type="module" src="/main.ts"></script>');
      await write("vite.config.js", "export default { build: { modulePreload: false } };"); // no page
      await run("npx", "vite", "build", "--logLevel", "warn");
      const assets = [...Deno.readDirSync(`${folder}/dist/assets`)].map(({ name }) => name);
      const bundle = assets.find((name) => name.endsWith(".js"))!;
      assertMatch(await Deno.readTextFile(`${folder}/dist/assets/${bundle}`), /heartbeattimeout/);
      const deno = [Deno.execPath(), "run", "--no-config", "--allow-net", "--quiet"] as const;
      assertEquals(await run(...deno, `dist/assets/${bundle}`), "welcome\n");
    });
  },
);

integrationTest(
  "The library of a version is kept for ever, another version is not there",
  async () => {
    await using server = await ServerProcess.start();
    const { version } = await server.line("listening");
    const { status, headers, body } = await server.ask({ path: `/sdk@${version}.js` });
    assertEquals([status, headers.get("cache-control")], [
      200,
      "public, max-age=31536000, immutable",
    ]);
    assertEquals(body, (await server.ask({ path: "/sdk.js" })).body);
    assertEquals((await server.ask({ path: "/sdk@0.0.9.js" })).status, 404);
  },
);
