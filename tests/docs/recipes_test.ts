/**
 * The configurations and programs of recipes.md are run as they stand there; only addresses are
 * replaced, by those of the test. What is missing on this machine is told by a warning; nginx must be
 * there (tests/run.ts). recipe_libraries_test.ts runs React, rxjs and graphql-ws.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import { freePort, recipes, replaced, snippet } from "../support/recipes.ts";
import { withFolder } from "../support/temporary_folder.ts";
import { pathOf } from "../support/installed.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import { ask } from "../support/peers/plain_http.ts";
import { outputOf, Program } from "../support/peers/program.ts";
import { TextClient } from "../support/peers/text_client.ts";
import { apiKeys, testKey } from "../support/server/credentials.ts";
import { listens, type NginxOptions, startNginx } from "../support/server/nginx.ts";
import { PROJECT, ServerProcess } from "../support/server/server_process.ts";

const JWT_SECRET = `signs tokens here ${crypto.randomUUID()}`;

Deno.test("recipes.md has only blocks that these tests run", () => {
  assertEquals(recipes.blocks.map(({ section, language }) => `${section}: ${language}`), [
    "Behind nginx: nginx",
    "Behind nginx: sh",
    "Behind Caddy: caddy",
    "Behind Caddy: sh",
    "JavaScript: js",
    "Python: python",
    "Go: go",
    "PHP: php",
    "Ruby: ruby",
    "React: tsx",
    "rxjs: ts",
    "graphql-ws: ts",
    "Inside your own Deno program: ts",
  ]);
});

// Proxies.

const KEY = testKey("guest", { admin: true });

/** Starts the hub with the options that stand beside a proxy. */
async function startBehindProxy(section: string, folder: string): Promise<ServerProcess> {
  const env = Object.fromEntries(
    [...snippet(section, "sh").matchAll(/\b([A-Z_]+)=(\S+)/g)].map(([, name, value]) =>
      [name, value] as const
    ),
  );
  await Deno.writeTextFile(`${folder}/${env.API_KEYS_FILE}`, apiKeys(KEY));
  env.API_KEYS_FILE = `${folder}/${env.API_KEYS_FILE}`;
  return await ServerProcess.start({ env });
}

/** A client of another address connects through a proxy, hears itself, and is known by its address. */
async function checkProxy(proxyPort: number, server: ServerProcess): Promise<void> {
  const headers = {
    Host: "hub.example.com",
    Origin: "https://app.example.com",
    Authorization: `Bearer ${KEY.credential}`,
    "X-Forwarded-For": "203.0.113.9", // a client may write what it likes
  };
  const url = `ws://127.0.0.1:${proxyPort}/ws`;
  const foreign = { headers: { ...headers, Origin: "https://foreign.example.com" } };
  const refusal = await TextClient.connect(url, foreign).catch((error: Error) => error);
  assertEquals((refusal as Error).message, "ended with 1006");
  using client = await TextClient.connect(url, { headers, localAddress: "127.0.0.2" });
  const { type, clientId } = await client.nextJson();
  assertEquals(type, "welcome");
  client.send({ type: "subscribe", channel: "news" });
  client.send({ type: "publish", channel: "news", data: "through the proxy" });
  assertEquals((await client.nextJson()).type, "subscribed");
  assertEquals((await client.nextJson()).data, "through the proxy");
  const answer = await server.ask({
    path: `/api/v1/connections/${clientId}`,
    headers: { Authorization: headers.Authorization },
  });
  assertEquals(JSON.parse(answer.body).address, "127.0.0.2");
  await client.close();
}

/** Starts nginx before a hub, as recipes.md configures it. */
function startBefore(hubPort: number, { folder, port }: Omit<NginxOptions, "config">) {
  const recipe = snippet("Behind nginx", "nginx");
  const config = replaced(recipe, "127.0.0.1:8080", `127.0.0.1:${hubPort}`);
  return startNginx({ folder, config, port });
}

integrationTest(
  "recipes.md: nginx passes the hub's clients on, with their address",
  () =>
    withFolder(async (folder) => {
      await using server = await startBehindProxy("Behind nginx", folder);
      const port = freePort();
      await using _nginx = await startBefore(server.port, { folder, port });
      await checkProxy(port, server);
    }),
);

integrationTest(
  "recipes.md: an open hub behind nginx refuses the Host of the proxy",
  () =>
    withFolder(async (folder) => {
      await using server = await ServerProcess.start();
      const port = freePort();
      await using _nginx = await startBefore(server.port, { folder, port });
      const dial = () => Deno.connect({ hostname: "127.0.0.1", port });
      for (const [Host, status] of [["hub.example.com", 403], ["localhost", 200]] as const) {
        assertEquals(
          (await ask(dial, { path: "/healthz", headers: { Host } })).status,
          status,
          Host,
        );
      }
    }),
);

integrationTest(
  "recipes.md: Caddy passes the hub's clients on, with their address",
  () =>
    withFolder(async (folder) => {
      await using server = await startBehindProxy("Behind Caddy", folder);
      const port = freePort();
      let config = snippet("Behind Caddy", "caddy");
      config = replaced(config, "127.0.0.1:8080", `127.0.0.1:${server.port}`);
      config = replaced(config, "hub.example.com", `http://hub.example.com:${port}`);
      if (pathOf("caddy") === undefined) {
        console.warn(
          "without caddy on the PATH only the addresses and the hub's options are checked",
        );
        return;
      }
      await Deno.writeTextFile(`${folder}/Caddyfile`, `{\n\tadmin off\n}\n${config}\n`);
      const env = { HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder };
      const command = ["caddy", "run", "--config", "Caddyfile", "--adapter", "caddyfile"];
      await using caddy = new Program(command, { cwd: folder, env });
      await caddy.until("Caddy listens", () => listens(port));
      await checkProxy(port, server);
    }),
);

// Tokens.

/** Each way to run a program that prints a token. */
const TOKEN_PROGRAMS = [
  { section: "JavaScript", language: "js", file: "token.mjs", command: ["node"] },
  {
    section: "JavaScript",
    language: "js",
    file: "token.mjs",
    command: [Deno.execPath(), "run", "-E"],
  },
  { section: "Python", language: "python", file: "token.py", command: ["python3"] },
  { section: "Go", language: "go", file: "token.go", command: ["go", "run"] },
  { section: "PHP", language: "php", file: "token.php", command: ["php"] },
  { section: "Ruby", language: "ruby", file: "token.rb", command: ["ruby"] },
];

for (const { section, language, file, command: [program, ...args] } of TOKEN_PROGRAMS) {
  integrationTest(
    `recipes.md: the token of ${section} (${program.replace(/.*\//, "")}) has the rights in it`,
    () =>
      withFolder(async (folder) => {
        const text = snippet(section, language);
        if (!program.startsWith("/") && pathOf(program) === undefined) {
          console.warn(`without ${program} on the PATH the ${section} program is not run`);
          return;
        }
        await Deno.writeTextFile(`${folder}/${file}`, text);
        const options = { cwd: folder, env: { JWT_SECRET } };
        const printed = await outputOf([program, ...args, file], options);
        assertMatch(printed, /^[\w-]+\.[\w-]+\.[\w-]+\n$/);
        await using server = await ServerProcess.start({ env: { JWT_SECRET } });
        const headers = { Authorization: `Bearer ${printed.trim()}` };
        using client = await TextClient.connect(new URL("/ws", server.url), { headers });
        assertEquals((await client.nextJson()).type, "welcome");
        client.send({ type: "subscribe", channel: "chat/1" });
        const { type, channel } = await client.nextJson();
        assertEquals([type, channel], ["subscribed", "chat/1"]);
        for (const type of ["subscribe", "publish"]) {
          client.send({ type, channel: "news/1", data: 1 });
          assertEquals((await client.nextJson()).code, "forbidden", type);
        }
        client.send({ type: "publish", channel: "chat/1", data: 1 });
        assertEquals((await client.nextJson()).type, "message");
        await client.close();
      }),
  );
}

// In a program.

integrationTest(
  "recipes.md: a hub runs in another program, and drains",
  () =>
    withFolder(async (folder) => {
      const port = freePort();
      const section = "Inside your own Deno program";
      const main = replaced(snippet(section, "ts"), '"8080"', `"${port}"`);
      await Deno.symlink(new URL(".", PROJECT).pathname, `${folder}/systole`);
      await Deno.writeTextFile(`${folder}/main.ts`, main);
      const text = recipes.text.slice(recipes.text.indexOf(`## ${section}`));
      const [, withConfig] = /`deno (run [^`]*)`/.exec(text)!;
      const [workspace, unstable] = ["workspace", "unstable"].map((name) => {
        const [, value] = new RegExp('`"' + name + '": ([^`]*)`').exec(text)!;
        return JSON.parse(value);
      });
      const inWorkspace = withConfig.replace("--config systole/deno.json ", "");
      for (const [i, command] of [withConfig, inWorkspace].entries()) {
        if (i === 1) {
          await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify({ workspace, unstable }));
        }
        const words = [Deno.execPath(), ...command.split(/\s+/)];
        await using program = new Program(words, { cwd: folder });
        await program.until("the hub listens", () => listens(port));
        using client = await TextClient.connect(`ws://127.0.0.1:${port}/ws`);
        const { type, pongWaitMs } = await client.nextJson();
        assertEquals([type, pongWaitMs], ["welcome", 30_000]);
        assertEquals((await program.end()).code, 0);
        assertEquals((await client.end()).code, 1012);
      }
    }),
);
