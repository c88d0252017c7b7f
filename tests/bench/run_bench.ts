/**
 * How a bench is run: its processes and its folder, from the start to the report.
 * Owns the order of things and the exit code: 0, also when a target is missed, which is a result; 1
 * when something broke: a lost delivery, a connection that ended, a server that did not start; 2 for
 * a wrong command line, or a system without /proc.
 *
 * @module
 */

import type { BenchArguments } from "./arguments.ts";
import { BenchProcesses } from "./bench_processes.ts";
import { reportText } from "./report.ts";
import {
  type MissingServer,
  type Outcome,
  type Results,
  type Suite,
  targetOutcomes,
} from "./results.ts";

/** What a bench works with. */
export interface BenchMeans {
  processes: BenchProcesses;
  /** A temporary folder. */
  folder: string;
  /** Says how far it is. */
  say(progress: string): void;
}

/** What a bench has done. */
export interface BenchRun<Figure extends string> {
  results: Results<Figure>;
  repetitions: number;
  servers: readonly { name: string; label: string }[];
  missing: MissingServer[];
}

/**
 * Runs a bench and prints what it has found.
 * @param parsed its command line
 * @returns the exit code
 */
export async function runBench<
  Figure extends string,
  Load extends string,
  Server extends string,
>(
  parsed: BenchArguments<Load, Server> | { text: string; code: number },
  suite: Suite<Figure>,
  measure: (
    parsed: BenchArguments<Load, Server>,
    means: BenchMeans,
  ) => Promise<BenchRun<Figure>>,
): Promise<number> {
  if ("text" in parsed) {
    console.log(parsed.text);
    return parsed.code;
  }
  if (Deno.build.os !== "linux") {
    console.error(`Cannot run: CPU and memory are read from /proc of Linux, got ${Deno.build.os}`);
    return 2;
  }
  const processes = new BenchProcesses();
  const folder = await Deno.makeTempDir({ prefix: "systole-bench-" });
  let cleaned: Promise<void> | undefined;
  // Once: a signal ends the children, and with them what waits for them.
  const clean = () =>
    cleaned ??= processes.stopAll().then(() => Deno.remove(folder, { recursive: true }));
  processes.onSignals(clean);
  const startMs = performance.now();
  const seconds = () => Math.round((performance.now() - startMs) / 1_000);
  // On stderr, so that stdout holds the report alone.
  const say = (progress: string) => console.error(`${seconds()} s: ${progress}`);
  try {
    const run = await measure(parsed, { processes, folder, say });
    const outcome = outcomeOf(run, { suite, isShort: parsed.isShort, tookSeconds: seconds() });
    console.log(reportText(outcome, parsed));
    return outcome.failures.length > 0 ? 1 : 0;
  } catch (error) {
    console.error(`Bench failed: ${error instanceof Error ? error.message : error}`);
    return 1;
  } finally {
    await clean();
  }
}

function outcomeOf<Figure extends string>(
  { results, repetitions, servers, missing }: BenchRun<Figure>,
  { suite, isShort, tookSeconds }: { suite: Suite<Figure>; isShort: boolean; tookSeconds: number },
): Outcome {
  const figures = isShort ? [] : results.figures();
  return {
    machine: machine(),
    tookSeconds,
    repetitions,
    ratio: suite.ratio.replace("subject", suite.subject),
    servers: servers.map(({ name, label }) => ({ name, label })),
    missing,
    figures,
    counts: results.counts,
    failures: results.failures,
    targets: targetOutcomes(figures, suite.targets),
  };
}

function machine(): Outcome["machine"] {
  const [, processor = "unknown"] = /^model name\s*: (.*)$/m.exec(
    Deno.readTextFileSync("/proc/cpuinfo"),
  ) ?? [];
  const system = `${Deno.build.os} ${Deno.osRelease()}`;
  return { processor, cores: navigator.hardwareConcurrency, system };
}
