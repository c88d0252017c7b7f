/**
 * The command line of `deno task bench`.
 * Owns its flags and their text; pure.
 *
 * @module
 */

import { SERVER_NAMES, type ServerName } from "./servers.ts";
import { LOAD_NAMES, type LoadName } from "./sizes.ts";

/** What `--help` prints. */
export const USAGE = `Measures this server beside others: deno task bench [flags]

  --only LOADS      only these loads, separated by commas: ${LOAD_NAMES.join(", ")}
  --servers NAMES   only these servers: ${SERVER_NAMES.join(", ")}
  --json            one JSON object instead of the table
  --markdown        the table of the manual instead: medians by server
  --short           small loads, once, that check counts and measure nothing
  --help            this text

All loads with all servers take about fifteen minutes and need two cores.`;

/** How results are printed. */
export type Format = "text" | "json" | "markdown";

/** What to measure, and how to print it. */
export interface BenchArguments {
  loads: LoadName[];
  servers: ServerName[];
  format: Format;
  isShort: boolean;
}

/** @returns a text that says what is wrong, or that was asked for by `--help` */
export function parseArguments(
  args: readonly string[],
): BenchArguments | { text: string; code: 0 | 2 } {
  const parsed: BenchArguments = {
    loads: [...LOAD_NAMES],
    servers: [...SERVER_NAMES],
    format: "text",
    isShort: false,
  };
  const wrong = (what: string) => ({ text: `Cannot run: ${what}\n\n${USAGE}`, code: 2 as const });
  const rest = args.flatMap((arg) => /^--\w+=/.test(arg) ? splitFlag(arg) : [arg]);
  while (rest.length > 0) {
    const flag = rest.shift()!;
    switch (flag) {
      case "--help":
        return { text: USAGE, code: 0 };
      case "--json":
      case "--markdown":
        parsed.format = flag === "--json" ? "json" : "markdown";
        break;
      case "--short":
        parsed.isShort = true;
        break;
      case "--only":
      case "--servers": {
        const known = flag === "--only" ? LOAD_NAMES : SERVER_NAMES;
        const names = (rest.shift() ?? "").split(",");
        const unknown = names.find((name) => !known.some((other) => other === name));
        if (unknown !== undefined) {
          return wrong(`${flag} takes names out of ${known.join(", ")}, got "${unknown}"`);
        }
        if (flag === "--only") parsed.loads = LOAD_NAMES.filter((name) => names.includes(name));
        else parsed.servers = SERVER_NAMES.filter((name) => names.includes(name));
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
