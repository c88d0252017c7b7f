/**
 * Every fenced block of README and the manuals is checked by its language:
 *
 * - sh, console: each command is one that exists; curl and wscat lines are run against a server, and
 *   what a console block shows of wscat is what comes.
 * - js: run by Deno against a server, each WebSocket in it gets connected.
 * - json, jsonl: parsed, and read by the code that reads such a thing.
 * - yaml: what it names exists; promtool checks it where that is installed.
 * - text: diagrams, and output that is compared with the program's.
 *
 * recipes.md has other languages, too: recipes_test.ts and recipe_libraries_test.ts run
 * what is in them.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { parseKeys } from "../../server/auth/keys.ts";
import { run as runKey } from "../../server/cli/key.ts";
import { parseProbeArgs } from "../../server/cli/probe/options.ts";
import { OPTIONS, PLATFORM } from "../../server/config/options.ts";
import { GRANT_FIELDS } from "../../server/auth/claims_schema.ts";
import { labelOf } from "../../server/web/event_labels.ts";
import { BENCH, CLUSTER_BENCH, parseArguments } from "../bench/arguments.ts";
import { allDocuments, type Block, type Document, manual, plain } from "../support/docs.ts";
import { integrationTest } from "../support/integration_test_case.ts";
import { TextClient } from "../support/peers/text_client.ts";
import { Wscat } from "../support/peers/wscat.ts";
import { ServerProcess } from "../support/server/server_process.ts";
import { withFolder } from "../support/temporary_folder.ts";
import { until } from "../support/until.ts";

const PROJECT = new URL("../../", import.meta.url);
const { tasks, imports } = JSON.parse(Deno.readTextFileSync(new URL("deno.json", PROJECT)));
const CREDENTIAL = "reader.secret";

/** The versions of Deno that README says are supported. */
const SUPPORTED = /^deno@2\.([5-8]\.\d+|9\.[0-6])$/;

/** Its programs and configurations are run by recipes_test.ts and recipe_libraries_test.ts. */
const RECIPES = "server/docs/recipes.md";
const RECIPE_LANGUAGES = ["nginx", "caddy", "python", "go", "php", "ruby", "ts", "tsx"];

const documents = allDocuments();
const blocks = documents.flatMap((document) =>
  document.blocks.map((block) => ({ document, block }))
);
const nameOf = ({ path }: Document, { line, language }: Block) => `${path}:${line} (${language})`;

/** The blocks of some languages, each with the place where it stands. */
const blocksIn = (...languages: string[]) =>
  blocks.filter(({ block }) => languages.includes(block.language));

Deno.test("Every fenced block says its language, one that this file checks", () => {
  const known = ["sh", "console", "js", "json", "jsonl", "yaml", "text"];
  for (const { document, block } of blocks) {
    const languages = document.path === RECIPES ? [...known, ...RECIPE_LANGUAGES] : known;
    assert(languages.includes(block.language), nameOf(document, block));
  }
});

// Commands.

/** The words of each command of a shell script, its comments left out. */
function commandsOf(script: string): string[][] {
  const commands: string[][] = [];
  for (const line of script.replaceAll("\\\n", " ").split("\n")) {
    let words: string[] = [];
    const tokens = line.matchAll(/'([^']*)'|"([^"]*)"|(&&|\|)|(#.*)|([^\s'"]+)/g);
    for (const [, single, double, joint, comment, word] of tokens) {
      if (comment !== undefined) break;
      if (joint !== undefined) {
        commands.push(words);
        words = [];
      } else words.push(single ?? double ?? word);
    }
    commands.push(words);
  }
  return commands.filter((words) => words.length > 0);
}

/** The commands that somebody types in a block. */
const typedIn = ({ language, text }: Block) =>
  language === "sh"
    ? commandsOf(text)
    : text.split("\n").filter((line) => line.startsWith("$ ")).flatMap((line) =>
      commandsOf(line.slice(2))
    );

function checkCommand(words: readonly string[]): void {
  const [program, ...args] = words.filter((word) => !/^[A-Z_]+=/.test(word));
  for (const [, name] of words.join(" ").matchAll(/(?:^| )([A-Z_]+)=/g)) {
    assert(name in OPTIONS || name in PLATFORM, `${name} is no option`);
  }
  const call = [program, ...args].join(" ");
  if (program === "npx" && args[1] === "wscat") return;
  if (program === "npx") {
    assertMatch(args[1], SUPPORTED, call);
    return checkCommand(["deno", ...args.slice(2)]);
  }
  if (program === "curl") return;
  if (program === "podman") return checkPodman(args);
  if (program === "promtool") return void Deno.statSync(new URL(args.at(-1)!, PROJECT));
  assertEquals(program, "deno", call);
  const rest = args.filter((arg, i) => !(i === 1 && arg === "-q"));
  if (rest[0] === "task") return checkTask(rest[1], rest.slice(2));
  assert(rest[0] === "run" || rest[0] === "install", call);
  if (/^https:/.test(rest.at(-1)!)) return;
  Deno.statSync(new URL(rest.at(-1)!, PROJECT));
}

/** The options of the Containerfile's command have its values. */
function checkPodman(args: readonly string[]): void {
  const file = "server/ops/Containerfile";
  if (args[0] === "build") return assertEquals(args[args.indexOf("--file") + 1], file);
  assertEquals(args[0], "run");
  const container = Deno.readTextFileSync(new URL(file, PROJECT));
  const valueOf = (option: string) => args[args.indexOf(option) + 1];
  assert(container.includes(`EXPOSE ${valueOf("--publish").split(":")[1]}`));
  assert(container.includes(`VOLUME ["${valueOf("--volume").split(":")[1]}"]`));
}

function checkTask(name: string, args: readonly string[]): void {
  assert(name in tasks, `there is no task ${name}`);
  if (name === "probe") assert(parseProbeArgs(args) !== undefined);
  else if (name === "key") assertEquals(runKey(args).code, 0, runKey(args).text);
  else if (name === "bench") assert("loads" in parseArguments(args, BENCH));
  else if (name === "bench:cluster") assert("loads" in parseArguments(args, CLUSTER_BENCH));
  else assertEquals(args, []);
}

for (const { document, block } of blocksIn("sh", "console")) {
  Deno.test(`${nameOf(document, block)} has only commands that exist`, () => {
    const commands = typedIn(block);
    assert(commands.length > 0);
    commands.forEach(checkCommand);
  });
}

/** The address of the manuals' server, replaced by that of a server of the test. */
const at = (server: ServerProcess, text: string) =>
  text.replace(/\b(localhost|127\.0\.0\.1):8080/g, `$1:${server.port}`)
    .replaceAll("<credential>", CREDENTIAL);

for (const { document, block } of blocksIn("sh", "console")) {
  const calls = typedIn(block).filter(([program]) => program === "curl");
  if (calls.length === 0) continue;
  integrationTest(`${nameOf(document, block)} is answered`, async () => {
    await using server = await ServerProcess.start();
    using client = await TextClient.connect(new URL("/ws", server.url));
    const { clientId } = await client.nextJson();
    for (const [, ...args] of calls) {
      await curl(args.map((arg) => at(server, arg).replace("<id>", clientId)));
    }
  });
}

/** What curl does with the arguments that the manuals give it. */
async function curl(args: readonly string[]): Promise<void> {
  const headers = new Headers();
  let [method, body, url] = ["GET", undefined as string | undefined, ""];
  for (let i = 0; i < args.length; i++) {
    if (args[i] === "-X") method = args[++i];
    else if (args[i] === "-d") body = args[++i];
    else if (args[i] === "-H") headers.append(...args[++i].split(": ") as [string, string]);
    else if (args[i].startsWith("http")) url = args[i];
    else assertEquals(args[i], "-s");
  }
  const response = await fetch(url, { method, headers, body });
  const text = await response.text();
  assert(response.ok, `${args.join(" ")}: ${response.status} ${text}`);
}

for (const { document, block } of blocksIn("console")) {
  const [call] = typedIn(block);
  if (call[2] !== "wscat") continue;
  integrationTest(`${nameOf(document, block)} is what wscat shows`, async () => {
    await using server = await ServerProcess.start();
    await using wscat = new Wscat(...call.slice(3).map((word) => at(server, word)));
    let epoch = "";
    for (const line of block.text.split("\n").slice(1)) {
      const frame = at(server, line.slice(2));
      if (line.startsWith("> ")) {
        await wscat.type(frame.replace('"epoch":"…"', `"epoch":"${epoch}"`));
      } else if (line.startsWith("< ")) {
        const got = await wscat.nextJson();
        epoch = got.epoch ?? epoch;
        assertLike(got, JSON.parse(frame));
      } else assertEquals(line, "Connected (press CTRL+C to quit)");
    }
  });
}

/** Ids and times differ from run to run. */
const VOLATILE = /^(…|[0-9a-f]{8}-[0-9a-f-]{27}|\d{4}-\d\d-\d\dT[\d:.]+Z|\d{13})$/;

/**
 * Asserts that a value is like an example: the same fields in order, the same values but volatile ones;
 * `"…":"…"` at the end of an object stands for its other fields.
 */
function assertLike(actual: unknown, example: unknown): void {
  const masked = (value: unknown, like: unknown): unknown => {
    if (VOLATILE.test(String(like)) && typeof value === typeof like) return like;
    if (typeof value !== "object" || value === null || typeof like !== "object") return value;
    if (Array.isArray(value)) return value;
    const shown = Object.keys(like ?? {}).indexOf("…");
    const entries = Object.entries(value);
    const fields = shown < 0 ? entries : [...entries.slice(0, shown), ["…", "…"] as const];
    return Object.fromEntries(
      fields.map(([key, inner]) => [key, masked(inner, (like as Record<string, unknown>)?.[key])]),
    );
  };
  assertEquals(JSON.stringify(masked(actual, example)), JSON.stringify(example));
}

integrationTest("deploy.md shows what a start logs", async () => {
  const [line] = manual("deploy").blocks.flatMap(({ text }) => text.match(/listening .*/g) ?? []);
  const shown = [...line.matchAll(/(\w+)=(\S+)/g)];
  await using server = await ServerProcess.start();
  const { time: _, level: _level, message, logger: __, ...logged } = await server.line("listening");
  assertEquals(message, "listening");
  assertEquals(shown.map(([, name]) => name), Object.keys(logged));
  for (const [, name, value] of shown) {
    if (name === "address") continue;
    const text = typeof logged[name] === "object" ? JSON.stringify(logged[name]) : logged[name];
    assertEquals(String(text), value, name);
  }
});

// Frames.

/** Where a client of each profile connects to try its frames. */
const PLACES: Readonly<Record<string, string>> = {
  "json": "/ws/json",
  "events-hub": "/ws/events-hub?event_types=health",
  "infoway": "/ws?business=crypto",
  "tank": "/ws/tank",
  "talo": "/ws/talo",
};

const frameTables = manual("messages").tables.filter(({ header }) => header[0] === "client sends");

for (const [profile, place] of Object.entries(PLACES)) {
  integrationTest(`messages.md: ${profile} accepts every frame of its table`, async () => {
    const frames = frameTables.filter(({ section }) => section === profile)
      .flatMap(({ rows }) => rows.map(([first]) => plain(first)));
    assert(frames.length > 1);
    await using server = await ServerProcess.start();
    using client = await TextClient.connect(new URL(place, server.url));
    for (const frame of frames) client.send(at(server, frame));
    await until(
      "all frames",
      async () =>
        (await server.metrics()).value("systole_messages_received_total", { profile }) ===
          frames.length || undefined,
    );
    const metrics = await server.metrics();
    for (const name of ["messages_malformed", "commands_denied"]) {
      assertEquals(metrics.value(`systole_${name}_total`, { profile }), 0, name);
    }
    const errors = client.texts.filter((text) =>
      /"type":"error"|"res":"v1\.error"|"code":5\d\d|"message":"error"/.test(text)
    );
    assertEquals(errors, []);
  });
}

Deno.test("messages.md: every frame in its text is JSON", () => {
  const frames = [...manual("messages").text.matchAll(/`(\{"[^`]*)`/g)].map(([, frame]) => frame);
  assert(frames.length > 20);
  for (const frame of frames) assertEquals(typeof JSON.parse(frame), "object");
});

// Programs.

for (const { document, block } of blocksIn("js")) {
  if (document.path === RECIPES) continue;
  integrationTest(`${nameOf(document, block)} runs and connects`, async () => {
    await using server = await ServerProcess.start();
    await withFolder(async (folder) => {
      const connections = block.text.match(/\bnew (WebSocket|HeartbeatSocket)\(/g)!.length;
      const opened = async () => {
        const { body } = await server.ask({ path: "/api/v1/stats" });
        return JSON.parse(body).totals;
      };
      await Deno.writeTextFile(`${folder}/snippet.js`, at(server, block.text));
      const child = new Deno.Command(Deno.execPath(), {
        args: ["run", "--quiet", "--no-config", "--allow-net", `--allow-import`, "snippet.js"],
        cwd: folder,
        env: { NO_COLOR: "1" },
        stdout: "null",
        stderr: "piped",
      }).spawn();
      const stderr = new Response(child.stderr).text();
      try {
        await until(
          "its connections",
          async () => (await opened()).opened === connections || undefined,
          { withinMs: 20_000 },
        );
        const { malformed, denied } = await opened();
        assertEquals({ malformed, denied }, { malformed: 0, denied: 0 });
      } finally {
        child.kill("SIGKILL");
        await child.status;
        assertEquals(await stderr, "");
      }
    });
  });
}

// Data.

/** Who reads a JSON block, by a field that it has. */
const READERS: Readonly<Record<string, (value: Record<string, unknown>) => void>> = {
  secretSha256: (key) => assertEquals(parseKeys(JSON.stringify([key])).length, 1),
  systole: ({ systole }) => {
    const fields = Object.keys(systole as object);
    assertEquals(fields.filter((field) => !(field in GRANT_FIELDS)), []);
  },
  imports: (value) => {
    const names = Object.keys(value.imports as object);
    assertEquals(names.filter((name) => !(name in imports)), []);
  },
  events: ({ events, ...figures }) => {
    for (const { kind, atMs } of events as { kind: never; atMs: number }[]) {
      assert(labelOf({ kind, atMs, value: 0 } as never), `${kind} is no event`);
    }
    assertEquals(Object.keys(figures), ["reason", "cause", "seconds", "silentSeconds"]);
  },
};

for (const { document, block } of blocksIn("json")) {
  Deno.test(`${nameOf(document, block)} is read by the code`, () => {
    const value = JSON.parse(block.text);
    const reader = Object.keys(READERS).find((field) => field in value);
    assert(reader !== undefined, "nothing reads such JSON");
    READERS[reader](value);
  });
}

for (const { document, block } of blocksIn("jsonl")) {
  Deno.test(`${nameOf(document, block)} is what the probe prints`, () => {
    const source = ["report", "session"].map((name) =>
      Deno.readTextFileSync(new URL(`server/cli/probe/${name}.ts`, PROJECT))
    ).join();
    for (const line of block.text.split("\n")) {
      const { kind } = JSON.parse(line);
      assert(source.includes(`"${kind}"`), `the probe prints no ${kind}`);
    }
  });
}

for (const { document, block } of blocksIn("yaml")) {
  Deno.test(`${nameOf(document, block)} names rules that exist, and Prometheus takes it`, async () => {
    const [, file] = /^rule_files: \[(\S+)\]$/m.exec(block.text)!;
    const rules = await Deno.readTextFile(new URL(`server/ops/${file}`, PROJECT));
    const folder = await Deno.makeTempDir();
    try {
      await Deno.writeTextFile(`${folder}/${file}`, rules);
      await Deno.writeTextFile(`${folder}/prometheus.yml`, block.text);
      const args = ["check", "config", "--syntax-only", `${folder}/prometheus.yml`];
      const { success, stderr } = await new Deno.Command("promtool", { args }).output();
      assert(success, new TextDecoder().decode(stderr));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      console.warn("without promtool on the PATH only the names are checked");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

for (const { document, block } of blocksIn("text")) {
  Deno.test(`${nameOf(document, block)} is a diagram, or what deno task key prints`, () => {
    if (/[─▶▼]/.test(block.text)) return;
    const example = /API_KEYS='\[(.*)\]' deno task start/.exec(block.text)!;
    const printed = /API_KEYS='\[(.*)\]' deno task start/.exec(
      runKey(["--id", "reader", "--subscribe", "news/*"]).text,
    )!;
    const withoutHash = (json: string) => ({ ...JSON.parse(json), secretSha256: "" });
    assertEquals(withoutHash(example[1]), withoutHash(printed[1]));
  });
}
