import { assert, assertEquals } from "@std/assert";
import { OPTIONS, PLATFORM } from "../server/config/options.ts";

const { tasks } = JSON.parse(
  await Deno.readTextFile(new URL("../deno.json", import.meta.url)),
) as { tasks: Record<string, { description: string; command: string }> };

/** What ws looks at when it loads. */
const WS_VARIABLES = ["WS_NO_BUFFER_UTIL", "WS_NO_UTF_8_VALIDATE"];

/** Variables that shells, tools and cloud providers set, and that are no option. */
const FOREIGN = [
  "AWS_SECRET_ACCESS_KEY",
  "DATABASE_URL",
  "DENO_AUTH_TOKENS",
  "DENO_KV_ACCESS_TOKEN",
  "GITHUB_TOKEN",
  "HOME",
  "HOSTNAME",
  "NPM_TOKEN",
  "PATH",
  "PWD",
  "SHELL",
  "SSH_AUTH_SOCK",
  "USER",
];

const command = tasks.start.command;
const patterns = /'--allow-env=([^']+)'/.exec(command)?.[1].split(",") ?? [];

/** As Deno reads `--allow-env`: a star at the end stands for any rest. */
const isAllowed = (pattern: string, name: string) =>
  pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern;

Deno.test("deno task start may read every option from the environment, and nothing else", () => {
  const needed = [...Object.keys(OPTIONS), ...Object.keys(PLATFORM), ...WS_VARIABLES];
  const readable = (name: string) => patterns.some((pattern) => isAllowed(pattern, name));
  assertEquals(needed.filter((name) => !readable(name)), []);
  assertEquals(FOREIGN.filter(readable), []);
  const unused = patterns.filter((pattern) => !needed.some((name) => isAllowed(pattern, name)));
  assertEquals(unused, []);
});

Deno.test("deno task start may listen and read files and write below data/, but not run or load", () => {
  assert(!/(^|\s)(-A|--allow-all|--allow-(run|ffi|sys))/.test(command));
  const [, ...writable] = command.split("--allow-write");
  assertEquals(writable.map((rest) => rest.split(" ")[0]), ["=data"]);
});

Deno.test("deno task dev is the start task with --watch", () => {
  assertEquals(tasks.dev.command, "WATCH=--watch deno task start");
  assert(command.startsWith("deno run $WATCH "));
});

Deno.test("deno task key may do nothing at all", () => {
  assertEquals(tasks.key.command, "deno run --no-prompt server/cli/key.ts");
});

Deno.test("deno task probe may use the network, read its key and what ws looks at, no more", () => {
  const variables = ["PROBE_KEY", ...WS_VARIABLES].join();
  assertEquals(
    tasks.probe.command,
    `deno run --no-prompt --allow-net --allow-env=${variables} server/cli/probe.ts`,
  );
});

Deno.test("deno task compile gives the programs the permissions of start and probe", () => {
  const flags = (name: string) =>
    new RegExp(`--output bin/${name} (.*?) bin/`).exec(tasks.compile.command)![1];
  assertEquals(`deno run $WATCH ${flags("systole")} server/main.ts`, command);
  assertEquals(`deno run ${flags("systole-probe")} server/cli/probe.ts`, tasks.probe.command);
});

Deno.test("Every task has a description", () => {
  for (const [name, { description }] of Object.entries(tasks)) assert(description, name);
});
