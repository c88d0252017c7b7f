import { assert, assertEquals } from "@std/assert";

/**
 * The layers of `server/`, the lowest first. A module imports from its own layer or from a lower
 * one. A layer is a list of folders and files; folders that share a layer do not import each other.
 */
const LAYERS: readonly (readonly string[])[] = [
  ["base/"],
  ["message.ts", "close_codes.ts"],
  ["liveness/"],
  ["logging/", "redis/", "metrics/", "diagnosis/"],
  ["stores/"],
  ["brokers/"],
  ["auth/"],
  ["profiles/"],
  ["config/"],
  ["transport/"],
  ["hub/", "hub.ts"],
  ["client/", "client.ts", "read_pump.ts", "write_pump.ts"],
  ["sdk/"],
  ["http/"],
  ["web/"],
  ["server.ts", "drain.ts"],
  ["threads/"],
  ["main.ts", "mod.ts", "cli/"],
];

/** The pump's files stand beside the folder of their layer: together they are one part. */
const PUMP = ["hub.ts", "client.ts", "read_pump.ts", "write_pump.ts"];

/** Packages that only one module may know; ws by its two ends, the server's and the probe's. */
const IMPORTERS: Readonly<Record<string, readonly string[]>> = {
  "ws": ["transport/ws_socket.ts", "cli/probe/socket.ts"],
  "@hono/node-server": ["server.ts"],
  "prom-client": ["metrics/exposition.ts"],
  "@logtape/logtape": ["logging/logging.ts"],
  "ioredis": ["redis/ioredis.ts", "redis/connection.ts"],
  "jose": ["auth/tokens.ts"],
  "uplot": ["web/chart.ts"],
};

const ROOT = new URL("../server/", import.meta.url);

interface Module {
  readonly name: string;
  readonly text: string;
  /** Names of the modules of `server/` that it imports. */
  readonly imports: readonly string[];
  /** Packages that it imports. */
  readonly packages: readonly string[];
}

function modulesIn(folder: string): Module[] {
  return [...Deno.readDirSync(new URL(folder, ROOT))].flatMap(({ name, isDirectory }) => {
    if (isDirectory) return name === "dist" ? [] : modulesIn(`${folder}${name}/`);
    if (!name.endsWith(".ts") || name.endsWith(".d.ts")) return [];
    const url = new URL(folder + name, ROOT);
    const text = Deno.readTextFileSync(url);
    const from = [...text.matchAll(/^(?:import|export)\b[^;]*?\bfrom "([^"]+)"/gm)]
      .map(([, specifier]) => specifier);
    const imports = from.filter((specifier) => specifier.startsWith("."))
      .map((specifier) => new URL(specifier, url).href.slice(ROOT.href.length))
      .filter((target) => !target.includes("/dist/"));
    const packages = from.filter((specifier) => !specifier.startsWith("."));
    return [{ name: folder + name, text, imports, packages }];
  });
}

const modules = modulesIn("");

const isIn = (name: string, place: string) =>
  place.endsWith("/") ? name.startsWith(place) : name === place;

const layerOf = (name: string) =>
  LAYERS.findIndex((layer) => layer.some((place) => isIn(name, place)));

const folderOf = (name: string) => name.includes("/") ? name.split("/")[0] : "";

/** Whether a module may import another one. */
function mayImport(name: string, target: string): boolean {
  const [from, to] = [layerOf(name), layerOf(target)];
  if (from !== to) return from > to;
  const isOnePart = LAYERS[from].length === 1 || folderOf(name) === folderOf(target) ||
    PUMP.some((file) => LAYERS[from].includes(file)) ||
    from === LAYERS.length - 1;
  return isOnePart;
}

Deno.test("Every module stands in a layer", () => {
  assertEquals(modules.map(({ name }) => name).filter((name) => layerOf(name) < 0), []);
});

Deno.test("A module imports only from its own folder or a lower layer", () => {
  const wrong = modules.flatMap(({ name, imports }) =>
    imports.filter((target) => !mayImport(name, target)).map((target) => `${name} -> ${target}`)
  );
  assertEquals(wrong, []);
});

Deno.test("No module imports itself by way of others", () => {
  const byName = new Map(modules.map((module) => [module.name, module]));
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (name: string, path: readonly string[]): void => {
    if (path.includes(name)) {
      circles.push([...path.slice(path.indexOf(name)), name].join(" -> "));
      return;
    }
    if (done.has(name)) return;
    for (const target of byName.get(name)?.imports ?? []) visit(target, [...path, name]);
    done.add(name);
  };
  for (const { name } of modules) visit(name, []);
  assertEquals(circles, []);
});

Deno.test("A package that one module wraps is imported by no other", () => {
  for (const { name, packages } of modules) {
    for (const from of packages) {
      const few = IMPORTERS[from];
      assert(few?.includes(name) ?? true, `${name} imports ${from}, which is for ${few} alone`);
    }
  }
});

Deno.test("A module says what it is for", () => {
  for (const { name, text } of modules) {
    assert(/^\/\*\*[^]*?@module[^]*?\*\//.test(text), `${name} has no @module`);
  }
});

Deno.test("Pumps, hub, transport and liveness know no profile by name", () => {
  const neutral = ["hub.ts", "client.ts", "read_pump.ts", "write_pump.ts", "hub/", "client/"]
    .concat("transport/", "liveness/");
  for (const { name, text } of modules) {
    if (!neutral.some((place) => isIn(name, place))) continue;
    const code = text.replace(/\/\*[^]*?\*\/|\/\/.*/g, "");
    assert(!/["'`](json|events-hub|infoway|tank|talo)["'`]/.test(code), name);
  }
});
