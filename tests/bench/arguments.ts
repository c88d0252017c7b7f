/**
 * The command lines of `deno task bench` and `deno task bench:cluster`.
 * Owns their flags and their text; pure.
 *
 * @module
 */

import { CLUSTER_LOAD_NAMES } from "./cluster_sizes.ts";
import { SETUP_NAMES } from "./setups.ts";
import { SERVER_NAMES } from "./servers.ts";
import { LOAD_NAMES } from "./sizes.ts";

/** What a bench can be told to leave out, and what `--help` says of it. */
export interface BenchNames<Load extends string, Server extends string> {
  readonly task: string;
  readonly what: string;
  readonly loads: readonly Load[];
  readonly servers: readonly Server[];
  readonly lasts: string;
}

/** The names that `deno task bench` takes. */
export const BENCH: BenchNames<typeof LOAD_NAMES[number], typeof SERVER_NAMES[number]> = {
  task: "bench",
  what: "Measures this server beside others",
  loads: LOAD_NAMES,
  servers: SERVER_NAMES,
  lasts: "All loads with all servers take about fifteen minutes and need two cores.",
};

/** The names that `deno task bench:cluster` takes. */
export const CLUSTER_BENCH: BenchNames<
  typeof CLUSTER_LOAD_NAMES[number],
  typeof SETUP_NAMES[number]
> = {
  task: "bench:cluster",
  what: "Measures one hub of several processes or threads beside one of one process",
  loads: CLUSTER_LOAD_NAMES,
  servers: SETUP_NAMES,
  lasts: "All loads with all servers take about five minutes, and need two cores and redis-server.",
};

/** What `--help` prints. */
export function usageOf(
  { task, what, loads, servers, lasts }: BenchNames<string, string>,
): string {
  return `${what}: deno task ${task} [flags]

  --only LOADS      only these loads, separated by commas: ${loads.join(", ")}
  --servers NAMES   only these servers: ${servers.join(", ")}
  --json            one JSON object instead of the table
  --markdown        the table of the manual instead: medians by server
  --short           small loads, once, that check counts and measure nothing
  --help            this text

${lasts}`;
}

/** How results are printed. */
export type Format = "text" | "json" | "markdown";

/** What to measure, and how to print it. */
export interface BenchArguments<Load extends string, Server extends string> {
  loads: Load[];
  servers: Server[];
  format: Format;
  isShort: boolean;
}

/** @returns a text that says what is wrong, or that was asked for by `--help` */
export function parseArguments<Load extends string, Server extends string>(
  args: readonly string[],
  names: BenchNames<Load, Server>,
): BenchArguments<Load, Server> | { text: string; code: 0 | 2 } {
  const parsed: BenchArguments<Load, Server> = {
    loads: [...names.loads],
    servers: [...names.servers],
    format: "text",
    isShort: false,
  };
  const usage = usageOf(names);
  const wrong = (what: string) => ({ text: `Cannot run: ${what}\n\n${usage}`, code: 2 as const });
  const rest = args.flatMap((arg) => /^--\w+=/.test(arg) ? splitFlag(arg) : [arg]);
  while (rest.length > 0) {
    const flag = rest.shift()!;
    switch (flag) {
      case "--help":
        return { text: usage, code: 0 };
      case "--json":
      case "--markdown":
        parsed.format = flag === "--json" ? "json" : "markdown";
        break;
      case "--short":
        parsed.isShort = true;
        break;
      case "--only":
      case "--servers": {
        const known = flag === "--only" ? names.loads : names.servers;
        const given = (rest.shift() ?? "").split(",");
        const unknown = given.find((name) => !known.some((other) => other === name));
        if (unknown !== undefined) {
          return wrong(`${flag} takes names out of ${known.join(", ")}, got "${unknown}"`);
        }
        if (flag === "--only") parsed.loads = names.loads.filter((name) => given.includes(name));
        else parsed.servers = names.servers.filter((name) => given.includes(name));
        break;
      }
      default:
        return wrong(`there is no flag ${flag}`);
    }
  }
  if (parsed.isShort && parsed.format === "markdown") {
    return wrong("--short has no figures for --markdown");
  }
  return parsed;
}

function splitFlag(arg: string): string[] {
  const at = arg.indexOf("=");
  return [arg.slice(0, at), arg.slice(at + 1)];
}
