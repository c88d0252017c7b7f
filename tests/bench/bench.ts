/**
 * `deno task bench`: what this server costs beside others, in one run on this machine.
 * Owns the order of things and the exit code: 0, also when a target is missed, which is a result; 1
 * when something broke: a lost delivery, a connection that ended, a server that did not start; 2 for
 * a wrong command line, or a system without /proc.
 *
 * @module
 */

import { type BenchArguments, parseArguments } from "./arguments.ts";
import { BenchProcesses } from "./bench_processes.ts";
import { LOADS } from "./loads.ts";
import { reportText } from "./report.ts";
import { type Outcome, Results, targetOutcomes } from "./results.ts";
import { prepareServers } from "./servers.ts";
import { FULL, SHORT } from "./sizes.ts";

/** On stderr, so that stdout holds the report alone. */
function say(progress: string): void {
  console.error(progress);
}

async function measure(
  { loads, servers: names, isShort }: BenchArguments,
  { processes, folder }: { processes: BenchProcesses; folder: string },
): Promise<Outcome> {
  const startMs = performance.now();
  const sizes = isShort ? SHORT : FULL;
  say("preparing the servers");
  const { servers, missing } = await prepareServers(names, folder);
  for (const { name, why } of missing) say(`not measured: ${name}: ${why}`);
  const results = new Results();
  for (const load of loads) {
    say(`${secondsSince(startMs)} s: ${load}`);
    await LOADS[load]({ processes, servers, sizes, results });
  }
  const figures = isShort ? [] : results.figures();
  return {
    machine: machine(),
    tookSeconds: secondsSince(startMs),
    repetitions: sizes.repetitions,
    servers: servers.map(({ name, label }) => ({ name, label })),
    missing,
    figures,
    counts: results.counts,
    failures: results.failures,
    targets: targetOutcomes(figures),
  };
}

function secondsSince(startMs: number): number {
  return Math.round((performance.now() - startMs) / 1_000);
}

function machine(): Outcome["machine"] {
  const [, processor = "unknown"] = /^model name\s*: (.*)$/m.exec(
    Deno.readTextFileSync("/proc/cpuinfo"),
  ) ?? [];
  const system = `${Deno.build.os} ${Deno.osRelease()}`;
  return { processor, cores: navigator.hardwareConcurrency, system };
}

async function main(): Promise<number> {
  const parsed = parseArguments(Deno.args);
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
  try {
    const outcome = await measure(parsed, { processes, folder });
    console.log(reportText(outcome, parsed));
    return outcome.failures.length > 0 ? 1 : 0;
  } catch (error) {
    console.error(`Bench failed: ${error instanceof Error ? error.message : error}`);
    return 1;
  } finally {
    await clean();
  }
}

Deno.exit(await main());
