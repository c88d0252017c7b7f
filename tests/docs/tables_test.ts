/** The tables of the manuals that the code has, too. */

import { assert, assertEquals } from "@std/assert";
import { VERSION } from "../../server/base/version.ts";
import { run as runKey } from "../../server/cli/key.ts";
import { USAGE as PROBE_USAGE } from "../../server/cli/probe/options.ts";
import {
  CAUSES,
  CLOSE_REASONS,
  REASON_NAMES,
  REJECTION_REASONS,
} from "../../server/close_codes.ts";
import { OPTIONS } from "../../server/config/options.ts";
import { LIVENESS_STATES } from "../../server/liveness/liveness.ts";
import { PROXY_PERIODS_MS } from "../../server/liveness/timing.ts";
import { Metrics } from "../../server/metrics/metrics.ts";
import { BENCH, usageOf } from "../bench/arguments.ts";
import {
  CLUSTER_FIGURES,
  CLUSTER_TARGETS,
  type ClusterFigureName,
} from "../bench/cluster_figures.ts";
import { CLUSTER_LOAD_NAMES } from "../bench/cluster_sizes.ts";
import { limitText } from "../bench/report.ts";
import { type FigureName, FIGURES, TARGETS } from "../bench/figures.ts";
import { SERVER_NAMES } from "../bench/servers.ts";
import { SETUP_NAMES } from "../bench/setups.ts";
import { LOAD_NAMES } from "../bench/sizes.ts";
import { externalValues } from "../support/external_values.ts";
import { withApi } from "../support/server/api.ts";
import { documentAt, firstCells, manual, plain, tableIn } from "../support/docs.ts";

const SERVER = new URL("../../server/", import.meta.url);

const TIMING = [
  "PONG_WAIT_MS",
  "PING_PERIOD_MS",
  "HEARTBEAT_TIMEOUT_MS",
  "MISSED_HEARTBEATS",
  "HEALTHY_LATENCY_MS",
  "DEGRADED_LATENCY_MS",
  "POOR_LATENCY_MS",
];

/** A column of the matrix: a profile, and what the names of its options begin with. */
const columnOf = (cell: string) => {
  const [profile, prefix = ""] = plain(cell).split(" ");
  return { profile, prefix: prefix.replace("…", "") };
};

const options = manual("options");
const [, meanings, defaults] = options.tables;
const columns = defaults.header.slice(1).map(columnOf);
const isTiming = (name: string) =>
  columns.some(({ prefix }) => TIMING.some((suffix) => name === prefix + suffix));

/** Rows as they stand in Markdown, so that a difference can be pasted. */
const markdown = (rows: readonly (readonly string[])[]) =>
  rows.map((row) => `| ${row.join(" | ")} |`).join("\n");

Deno.test("options.md lists every option with its unit, default and meaning", () => {
  const expected = Object.entries(OPTIONS).filter(([name]) => !isTiming(name)).map(
    ([name, { unit, default: shown, meaning }]) => [`\`${name}\``, unit, shown, meaning],
  );
  assertEquals(markdown(options.tables[0].rows), markdown(expected));
});

Deno.test("options.md gives each timing option of each profile its unit, default and meaning", () => {
  const notes = new Map(
    [...options.text.matchAll(/^(\d)\. (.*)$/gm)].map(([, number, note]) => [number, note]),
  );
  const expand = (cell: string) =>
    cell.replace(/( ?)\((\d)\)$/, (_, gap, number) => (gap && ", ") + notes.get(number));
  const meaningOf = (name: string) => meanings.rows.find(([other]) => plain(other) === name);
  const listed: string[][] = [];
  for (const [suffix, ...cells] of defaults.rows) {
    for (const [i, { profile, prefix }] of columns.entries()) {
      const name = prefix + plain(suffix);
      if (cells[i] === "—") {
        assert(!(name in OPTIONS), `${name} is an option`);
        continue;
      }
      const [, unit, meaning] = meaningOf(name) ?? meaningOf(plain(suffix))!;
      listed.push([name, unit, expand(cells[i]), `${profile}: ${meaning}`]);
    }
  }
  const expected = Object.entries(OPTIONS).filter(([name]) => isTiming(name)).map(
    ([name, { unit, default: shown, meaning }]) => {
      const { prefix } = columns.findLast(({ prefix }) => name.startsWith(prefix))!;
      const own = (text: string) => prefix === "" ? text : text.replaceAll(prefix, "");
      return [name, unit, own(shown), own(meaning)];
    },
  );
  assertEquals(markdown(listed).split("\n").sort(), markdown(expected).split("\n").sort());
});

Deno.test("options.md has the period of each proxy preset", () => {
  const presets = Object.entries(PROXY_PERIODS_MS).filter(([name]) => name !== "none");
  assertEquals(
    tableIn(options, "Proxy presets").rows.map(([name, seconds]) => [plain(name), Number(seconds)]),
    presets.map(([name, ms]) => [name, ms / 1_000]),
  );
});

const liveness = manual("liveness");

Deno.test("liveness.md lists every close reason with its code and whether to reconnect", () => {
  const table = tableIn(liveness, "How a connection ends");
  assertEquals(firstCells(table).toSorted(), REASON_NAMES.toSorted());
  for (const reason of REASON_NAMES) {
    const [, codes, retry] = table.rows.find(([first]) => plain(first) === reason)!;
    const { code, mayRetry } = CLOSE_REASONS[reason];
    if (reason !== "client_close") assert(codes.includes(String(code)), `${reason}: ${codes}`);
    assertEquals(!/^no\b/.test(retry), mayRetry, `${reason}: ${retry}`);
  }
});

Deno.test("liveness.md lists every cause, reason of a rejection, status and state", () => {
  const same = (section: string, names: readonly string[]) =>
    assertEquals(firstCells(tableIn(liveness, section)).toSorted(), names.toSorted(), section);
  same("Causes", CAUSES);
  same("Rejected upgrades", REJECTION_REASONS);
  same("Health", Object.keys(new Metrics().summary().health));
  same("Liveness states", LIVENESS_STATES);
});

Deno.test("metrics.md lists every metric and label that is exposed, and no other", async () => {
  const metrics = new Metrics([{ profile: "json", pongWaitMs: 60_000, boundMs: 60_100 }]);
  metrics.read(externalValues(1));
  const text = await metrics.text();
  const exposed = [...text.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name);
  const document = manual("metrics");
  assertEquals(document.tables.flatMap(firstCells).toSorted(), exposed.toSorted());
  const labels = new Set([...text.matchAll(/[{,](\w+)="/g)].map(([, label]) => label));
  const intro = document.text.slice(0, document.text.indexOf("\n## "));
  for (const label of labels) {
    if (label !== "le") assert(intro.includes(`\`${label}\``), `metrics.md has no label ${label}`);
  }
});

Deno.test("http.md lists every route with the right that it needs", () =>
  withApi({}, async (api) => {
    const { paths } = (await api.json("/api/v1/openapi.json")).body;
    const routes = Object.entries<Record<string, { security?: unknown[] }>>(paths).flatMap(
      ([path, item]) =>
        Object.entries(item).map(([method, { security }]) =>
          `${method.toUpperCase()} ${path}: ${security?.length === 0 ? "none" : "some"}`
        ),
    );
    const listed = tableIn(manual("http"), "Routes").rows.map(([route, right]) =>
      `${plain(route)}: ${right === "none" ? right : "some"}`
    );
    assertEquals(listed.sort(), routes.sort());
  }));

Deno.test("probe.md, performance.md and keys.md name the flags that the programs know", () => {
  const flags = (text: string) => new Set(text.match(/(?<![\w-])--[a-z]+/g));
  const { rows } = tableIn(manual("probe"), "Options");
  assertEquals(flags(rows.flat().join(" ")), flags(PROBE_USAGE));
  assertEquals(flags(manual("performance").text), flags(usageOf(BENCH)));
  const usage = flags(runKey(["--help"]).text);
  const known = flags(manual("keys").text);
  assertEquals([...known].filter((flag) => !usage.has(flag)), []);
});

Deno.test("performance.md lists every load, server, figure and target of the bench", () => {
  const performance = manual("performance");
  assertEquals(firstCells(tableIn(performance, "What is measured")), [...LOAD_NAMES]);
  assertEquals(firstCells(tableIn(performance, "The servers")), [...SERVER_NAMES]);
  assertEquals(
    firstCells(tableIn(performance, "Figures")),
    Object.values(FIGURES).map(({ label, unit }) => `${label}, ${unit}`),
  );
  assertEquals(
    tableIn(performance, "Targets").rows.map(([figure, target]) => [figure, target]),
    TARGETS.map((
      target,
    ) => [
      FIGURES[target.figure as FigureName].label,
      limitText(target, FIGURES[target.figure as FigureName]),
    ]),
  );
});

Deno.test("performance.md lists every load, setup, figure and target of the cluster bench", () => {
  const performance = manual("performance");
  assertEquals(firstCells(tableIn(performance, "Loads")), [...CLUSTER_LOAD_NAMES]);
  assertEquals(firstCells(tableIn(performance, "Setups")), [...SETUP_NAMES]);
  assertEquals(
    firstCells(tableIn(performance, "Cluster figures")),
    Object.values(CLUSTER_FIGURES).map(({ label, unit }) => `${label}, ${unit}`),
  );
  assertEquals(
    tableIn(performance, "Cluster targets").rows.map(([figure, target]) => [figure, target]),
    CLUSTER_TARGETS.map((target) => {
      const figure = CLUSTER_FIGURES[target.figure as ClusterFigureName];
      return [figure.label, limitText(target, figure)];
    }),
  );
});

Deno.test("sdk.md lists every option of the client library", async () => {
  const text = await Deno.readTextFile(new URL("sdk/options.ts", SERVER));
  const [, fields] = /export interface HeartbeatSocketOptions \{([^]*?)\n\}/.exec(text)!;
  const names = [...fields.matchAll(/^ +(\w+)\?:/gm)].map(([, name]) => name);
  assertEquals(firstCells(tableIn(manual("sdk"), "Options")).toSorted(), names.toSorted());
});

const architecture = manual("architecture");

Deno.test("architecture.md lists every file and folder at the top of server/", () => {
  const places = [...Deno.readDirSync(SERVER)].map(({ name, isDirectory }) =>
    isDirectory ? `${name}/` : name
  );
  assertEquals(firstCells(tableIn(architecture, "Folders")).toSorted(), places.toSorted());
});

Deno.test("architecture.md has the layers of architecture_test.ts", () => {
  const { text } = documentAt("tests/architecture_test.ts");
  const [, layers] = /const LAYERS[^=]*= (\[[^]*?\n\]);/.exec(text)!;
  const expected = [...layers.matchAll(/\[([^[\]]+)\]/g)].map(([, names]) =>
    [...names.matchAll(/"([^"]+)"/g)].map(([, name]) => name).join(", ")
  );
  const { rows } = tableIn(architecture, "Layers");
  assertEquals(rows.map(([, places]) => plain(places)), expected);
  assertEquals(rows.map(([number]) => number), rows.map((_, i) => String(i + 1)));
});

Deno.test("architecture.md names modules that exist", () => {
  const { rows } = tableIn(architecture, "The way of a frame");
  for (const [, module] of rows) {
    const [, place] = /^`([\w/]+(?:\.ts)?)`/.exec(module)!;
    Deno.statSync(new URL(place, SERVER));
  }
});

Deno.test("Each word of the glossary is used in the code of server/, as it is written", async () => {
  const code = (await sources(SERVER)).map((text) => text.replace(/\/\*[^]*?\*\/|\/\/.*/g, ""))
    .join("\n");
  const words = firstCells(tableIn(architecture, "Glossary"));
  assert(words.length >= 30);
  assertEquals(words.filter((word) => !new RegExp(`\\b${word}\\b`).test(code)), []);
});

async function sources(folder: URL): Promise<string[]> {
  const texts: string[] = [];
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const url = new URL(isDirectory ? `${name}/` : name, folder);
    if (isDirectory && name !== "dist") texts.push(...await sources(url));
    if (name.endsWith(".ts")) texts.push(await Deno.readTextFile(url));
  }
  return texts;
}

Deno.test("changelog.md begins with the version of deno.json", () => {
  assertEquals(/^## (\S+)$/m.exec(manual("changelog").text)?.[1], VERSION);
});
