/**
 * `deno task sim`: runs seeds for a minute and says what they went through and what was found. With
 * `--seed=1234` it replays one seed, event by event. See README.md.
 *
 * @module
 */

import { paceOf, planOf } from "./core/plan.ts";
import { explain, Summary } from "./core/report.ts";
import { shrink } from "./core/shrink.ts";
import { simulate } from "./core/simulation.ts";

const USAGE =
  `deno task sim [--from=SEED] [--seconds=60 | --count=1000] [--single | --several] [--quiet]
deno task sim --seed=SEED [--quiet]
deno task sim --pace [--from=SEED] [--several]

  --from     the first seed; a fresh one by default
  --seconds  how long to run seeds
  --count    how many seeds to run, instead of --seconds
  --seed     replays one seed, event by event
  --pace     runs one large, quiet hub for an hour, to measure
  --single   runs those seeds alone that have one node
  --several  runs those that have several; measures three of them
  --quiet    prints no events of a seed, and of a failed one not what led to it`;

const FRESH_SEEDS = 1_000_000_000;
const OPTIONS = ["from", "seconds", "count", "seed", "single", "several", "quiet", "pace"];

if (import.meta.main) Deno.exitCode = await run(Deno.args);

async function run(args: readonly string[]): Promise<number> {
  const options = new Map(args.map((arg) => {
    const [name, value = ""] = arg.replace(/^--/, "").split("=");
    return [name, value];
  }));
  if ([...options].some(([name, value]) => !OPTIONS.includes(name) || !/^\d*$/.test(value))) {
    console.log(USAGE);
    return 2;
  }
  const seed = options.get("seed");
  if (options.has("pace")) {
    return await measure(Number(options.get("from") ?? 1), options.has("several") ? 3 : 1);
  }
  return seed === undefined ? await runMany(options) : await replay(Number(seed), options);
}

async function measure(seed: number, nodes: number): Promise<number> {
  const summary = new Summary();
  summary.add(await simulate(paceOf(seed, nodes)));
  console.log(summary.text());
  for (const { findings: [{ invariant, what }] } of summary.failed) {
    console.log(`breaks "${invariant}": ${what}`);
  }
  return summary.failed.length > 0 ? 1 : 0;
}

async function replay(seed: number, options: ReadonlyMap<string, string>): Promise<number> {
  const onNote = options.has("quiet") ? undefined : (line: string) => console.log(line);
  const { hash, findings, events } = await simulate(planOf(seed), { onNote });
  console.log(`seed ${seed}: ${events} events, SHA-256 of the event log ${hash}`);
  return findings.length > 0 ? 1 : 0;
}

async function runMany(options: ReadonlyMap<string, string>): Promise<number> {
  const from = Number(options.get("from") ?? Math.floor(Math.random() * FRESH_SEEDS));
  const count = Number(options.get("count") ?? Infinity);
  const seconds = options.has("count") ? Infinity : Number(options.get("seconds") ?? 60);
  const endMs = performance.now() + seconds * 1_000;
  const summary = new Summary();
  console.log(`seeds from ${from}`);
  for (let i = 0; i < count && performance.now() < endMs; i++) {
    const plan = planOf(from + i);
    if (options.has((plan.nodes ?? 1) === 1 ? "several" : "single")) continue;
    const result = await simulate(plan);
    summary.add(result);
    if (result.findings.length === 0) continue;
    const [{ invariant, what }] = result.findings;
    console.log(`seed ${from + i} breaks "${invariant}": ${what}`);
    if (options.has("quiet")) break;
  }
  console.log(summary.text());
  const [first] = summary.failed;
  if (first === undefined) return 0;
  if (!options.has("quiet")) console.log(`\n${await explain(await shrink(first))}`);
  return 1;
}
