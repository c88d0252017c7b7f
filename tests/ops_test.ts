import { assert, assertEquals } from "@std/assert";
import { Metrics } from "../server/metrics/metrics.ts";
import { externalValues } from "./support/external_values.ts";
import { usesIn } from "./support/server/promql.ts";

const OPS = new URL("../server/ops/", import.meta.url);
const read = (name: string) => Deno.readTextFileSync(new URL(name, OPS));

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: { readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; h: number };
  readonly targets?: readonly { readonly refId: string; readonly expr: string }[];
}

const rules = read("alerts.yml");
const dashboard = JSON.parse(read("dashboard.json"));
const panels: readonly Panel[] = dashboard.panels;
const graphs = panels.filter(({ type }) => type !== "row");
const queries = graphs.flatMap(({ title, targets }) =>
  targets!.map(({ expr }) => ({ where: `panel "${title}"`, expr }))
);

/** Each rule's text, from its name to the next one's. */
const chunks = rules.split(/^ *- (?=(?:alert|record):)/m).slice(1).map((text) => ({
  name: /^(?:alert|record): (\S+)/.exec(text)![1],
  isRecord: text.startsWith("record"),
  expr: /\bexpr:(.*?)(?=^ *(?:for|labels|annotations):|$(?![^]))/ms.exec(text)![1],
  text,
}));

/** What is exposed: each series' name with the values of each of its labels. */
async function exposedSeries(): Promise<Map<string, Map<string, Set<string>>>> {
  const metrics = new Metrics([{ profile: "json", pongWaitMs: 60_000, boundMs: 60_100 }]);
  metrics.read(externalValues(1));
  const series = new Map<string, Map<string, Set<string>>>();
  for (const line of (await metrics.text()).split("\n")) {
    const [, name, labels = ""] = /^(\w+)(?:\{(.*)\})? /.exec(line) ?? [];
    if (name === undefined) continue;
    const values = series.get(name) ?? new Map([["instance", new Set<string>()]]);
    for (const [, label, value] of labels.matchAll(/(\w+)="([^"]*)"/g)) {
      values.set(label, (values.get(label) ?? new Set()).add(value));
    }
    series.set(name, values);
  }
  return series;
}

const series = await exposedSeries();
for (const { name, isRecord } of chunks) {
  const labels = ["instance", "profile"].map((label) => [label, new Set<string>()] as const);
  if (isRecord) series.set(name, new Map(labels));
}

/** Reasons why an expression returns nothing. */
function faultsOf({ where, expr }: { where: string; expr: string }): string[] {
  const { selectors, grouped } = usesIn(expr);
  const known = selectors.filter(({ metric }) => series.has(metric));
  const groupable = new Set(known.flatMap(({ metric }) => [...series.get(metric)!.keys()]));
  return [
    ...(selectors.length === 0 ? [`${where}: names no metric`] : []),
    ...selectors.filter((it) => !known.includes(it)).map(({ metric }) =>
      `${where}: nothing exposes ${metric}`
    ),
    ...known.flatMap(({ metric, matchers }) =>
      matchers.flatMap(({ label, values }) => {
        const exposed = series.get(metric)!.get(label);
        if (exposed === undefined) return [`${where}: ${metric} has no label ${label}`];
        return values.filter((value) => exposed.size > 0 && !exposed.has(value))
          .map((value) => `${where}: ${metric} has no ${label} ${value}`);
      })
    ),
    ...grouped.filter((label) => !groupable.has(label)).map((label) =>
      `${where}: groups by ${label}, which none of its metrics has`
    ),
  ];
}

Deno.test("Every query of the dashboard uses metrics, labels and values that exist", () => {
  assert(queries.length > 30);
  assertEquals(queries.flatMap(faultsOf), []);
});

Deno.test("Every rule uses metrics, labels and values that exist, in its texts, too", () => {
  assert(chunks.length > 5);
  assertEquals(chunks.flatMap(({ name, expr }) => faultsOf({ where: name, expr })), []);
  for (const { name, expr, text, isRecord } of chunks) {
    for (const [metric] of text.matchAll(/(?<![\w:])systole_\w+/g)) {
      const shown = series.has(metric) || series.has(`${metric}_bucket`);
      assert(shown, `${name} names ${metric}, which nothing exposes`);
    }
    if (isRecord) continue;
    const { grouped, selectors } = usesIn(expr);
    const kept = [
      ...grouped,
      ...selectors.some(({ metric }) => metric.includes(":")) ? ["instance", "profile"] : [],
    ];
    for (const [, label] of text.matchAll(/\$labels\.(\w+)/g)) {
      assert(kept.includes(label), `${name} has no label ${label} left`);
    }
    assert(
      /^ *summary: \S/m.test(text) && /^ *description: \S/m.test(text),
      `${name} has no summary or description`,
    );
    assert(/severity: (warning|critical)/.test(text), `${name} has no severity`);
  }
});

Deno.test("The dashboard shows every metric there is", () => {
  const shown = queries.flatMap(({ expr }) => usesIn(expr).selectors.map(({ metric }) => metric));
  const base = (name: string) => name.replace(/_(bucket|sum|count)$/, "");
  const missing = [...series.keys()].filter((name) => !shown.some((it) => base(it) === base(name)));
  assertEquals(missing, []);
});

Deno.test("The dashboard's panels have unique ids and do not overlap", () => {
  assert(dashboard.schemaVersion >= 39);
  assertEquals(new Set(panels.map(({ id }) => id)).size, panels.length);
  const taken = new Map<string, string>();
  for (const { title, gridPos: { x, y, w, h } } of panels) {
    assert(x >= 0 && w > 0 && h > 0 && x + w <= 24, `${title} exceeds the grid`);
    for (let column = x; column < x + w; column++) {
      for (let line = y; line < y + h; line++) {
        const cell = `${column}:${line}`;
        assertEquals(taken.get(cell), undefined, `${title} overlaps ${taken.get(cell)}`);
        taken.set(cell, title);
      }
    }
  }
});

Deno.test("The dashboard's panels have a description, and query the selected data source", () => {
  const variables = dashboard.templating.list.map(({ name }: { name: string }) => name);
  for (const { title, description, datasource, targets } of graphs) {
    assert(title && description, `panel "${title}" has no description`);
    assertEquals(datasource?.uid, "${datasource}", title);
    assertEquals(new Set(targets!.map(({ refId }) => refId)).size, targets!.length, title);
  }
  for (const [, name] of JSON.stringify(dashboard).matchAll(/\$\{?([a-zA-Z]\w*)/g)) {
    assert(variables.includes(name), `nothing declares $${name}`);
  }
});

/** Runs the checker of Prometheus. @throws {AssertionError} with its output */
async function promtool(...args: string[]): Promise<void> {
  const command = new Deno.Command("promtool", { args, cwd: OPS, stdout: "piped" });
  const { code, stdout, stderr } = await command.output();
  const text = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("");
  assertEquals(code, 0, `promtool ${args.join(" ")}: ${text}`);
}

const hasPromtool = (Deno.env.get("PATH") ?? "").split(":").some((folder) => {
  try {
    return Deno.statSync(`${folder}/promtool`).isFile;
  } catch {
    return false;
  }
});
if (!hasPromtool) console.warn("skipped: promtool is not on the PATH (Debian: prometheus)");

Deno.test({
  name: "promtool accepts the rules and the dashboard's queries, and each alert fires as it should",
  ignore: !hasPromtool,
  async fn() {
    await promtool("check", "rules", "alerts.yml");
    await promtool("test", "rules", "alerts_test.yml");
    const file = await Deno.makeTempFile({ suffix: ".yml" });
    try {
      const asRules = queries.map(({ expr }, i) => ({
        record: `query_${i}`,
        expr: expr.replace(/\$__(rate_interval|range)/g, "5m"),
      }));
      await Deno.writeTextFile(file, JSON.stringify({ groups: [{ name: "all", rules: asRules }] }));
      await promtool("check", "rules", file);
    } finally {
      await Deno.remove(file);
    }
  },
});

Deno.test("Each alert has a test in which it fires", () => {
  const tests = read("alerts_test.yml");
  const untested = chunks.filter(({ name, isRecord }) =>
    !isRecord && !new RegExp(`alertname(: |=")${name}\\b`).test(tests)
  );
  assertEquals(untested.map(({ name }) => name), []);
});
