/**
 * `deno task sim:mutants`: plants each fault of mutants/list.ts in a copy of the server and runs fresh
 * seeds on it until an invariant is broken. Two at a time, since each needs a processor.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { planOf } from "./core/plan.ts";
import { simulate } from "./core/simulation.ts";
import { type Mutant, MUTANTS } from "./mutants/list.ts";

const ROOT = new URL("../../", import.meta.url);

/** What a simulation needs of the repository. */
const FOLDERS = ["server", "tests/simulation", "tests/support/peers", "tests/support/fakes"];
const FILES = ["deno.json", "deno.lock"];

const WORKERS = 2;
/** Seeds run for so long at most for one mutant, s. */
const SECONDS = 20;
const FRESH_SEEDS = 1_000_000_000;

/** What became of one mutant. */
interface Outcome {
  readonly mutant: Mutant;
  /** The line of `deno task sim`; undefined: no seed has found it. */
  readonly found: string | undefined;
  /** Seeds that were run. */
  readonly seeds: number;
  readonly seconds: number;
}

if (import.meta.main) {
  const { only, ranges: given } = parseArgs({
    options: { only: { type: "string" }, ranges: { type: "string", default: "1" } },
  }).values;
  const ranges = Number(given);
  const mutants = MUTANTS.filter(({ name }) => only === undefined || name.includes(only));
  const startMs = performance.now();
  const caught = new Map<Mutant, number>();
  for (let range = 0; range < ranges; range++) {
    const from = Math.floor(Math.random() * FRESH_SEEDS);
    console.log(`seeds from ${from}`);
    const most = { single: 0, several: 0 };
    for (const { mutant, found, seeds } of await hunt(mutants, from)) {
      if (found === undefined) continue;
      caught.set(mutant, (caught.get(mutant) ?? 0) + 1);
      const kind = mutant.isOfNodes ? "several" : "single";
      most[kind] = Math.max(most[kind], seeds);
    }
    await checkUnchanged(from, most);
  }
  const enough = Math.ceil(ranges * 3 / 5);
  const sure = mutants.filter((mutant) => (caught.get(mutant) ?? 0) >= enough);
  for (const mutant of mutants) {
    const times = caught.get(mutant) ?? 0;
    if (times < ranges) console.log(`caught from ${times} of ${ranges} ranges: ${mutant.name}`);
  }
  console.log(`${((performance.now() - startMs) / 1_000).toFixed(0)} s`);
  console.log(`${sure.length} of ${mutants.length} caught`);
  if (sure.length < mutants.length) Deno.exitCode = 1;
}

/** The same seeds on the code as it is: what they find there would say nothing of a mutant. */
async function checkUnchanged(
  from: number,
  most: { readonly single: number; readonly several: number },
): Promise<void> {
  const left = { ...most };
  for (let seed = from; left.single + left.several > 0; seed++) {
    const plan = planOf(seed);
    const kind = (plan.nodes ?? 1) > 1 ? "several" : "single";
    if (left[kind]-- <= 0) {
      left[kind] = 0;
      continue;
    }
    const { findings: [finding] } = await simulate(plan);
    if (finding === undefined) continue;
    console.log(`seed ${seed} breaks "${finding.invariant}" without a mutant: ${finding.what}`);
    Deno.exitCode = 1;
  }
  const { single, several } = most;
  console.log(`without a mutant: ${single} seeds with one node and ${several} with several`);
}

/** Hunts all mutants, a few at a time. */
async function hunt(mutants: readonly Mutant[], from: number): Promise<Outcome[]> {
  const queue = [...mutants];
  const outcomes: Outcome[] = [];
  const work = async () => {
    const folder = await Deno.makeTempDir();
    try {
      await copyTo(folder);
      for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
        const outcome = await runMutant(folder, mutant, from);
        outcomes.push(outcome);
        const { found = "NOT FOUND", seconds } = outcome;
        console.log(`${seconds.toFixed(1).padStart(5)} s  ${mutant.name}: ${found}`);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
  return outcomes;
}

async function runMutant(folder: string, mutant: Mutant, from: number): Promise<Outcome> {
  const path = `${folder}/server/${mutant.file}`;
  const original = await Deno.readTextFile(path);
  await Deno.writeTextFile(path, mutated(original, mutant));
  const startMs = performance.now();
  const args = [`--from=${from}`, `--seconds=${SECONDS}`, "--quiet"];
  args.push(mutant.isOfNodes ? "--several" : "--single");
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", "--no-check", "tests/simulation/sim.ts", ...args],
    cwd: folder,
  }).output();
  await Deno.writeTextFile(path, original);
  const text = new TextDecoder().decode(stdout);
  const found = /^seed \d+ breaks .*$/m.exec(text)?.[0].slice(0, 120);
  const seeds = Number(/^(\d+) seeds, /m.exec(text)?.[1]);
  const hasRun = /^findings: /m.test(text);
  if (!hasRun) console.error(new TextDecoder().decode(stderr));
  return {
    mutant,
    found: hasRun ? found : undefined,
    seeds,
    seconds: (performance.now() - startMs) / 1_000,
  };
}

/** @throws {Error} if the place does not stand in the file exactly once */
function mutated(text: string, { name, file, find, replace }: Mutant): string {
  const [before, after, ...more] = text.split(find);
  if (after === undefined || more.length > 0) {
    throw new Error(`Cannot plant "${name}": its place must stand once in ${file}`);
  }
  return before + replace + after;
}

async function copyTo(folder: string): Promise<void> {
  for (const path of FOLDERS) await copyFolder(path, folder);
  for (const path of FILES) await Deno.copyFile(new URL(path, ROOT), `${folder}/${path}`);
}

async function copyFolder(path: string, folder: string): Promise<void> {
  await Deno.mkdir(`${folder}/${path}`, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(new URL(path, ROOT))) {
    if (isDirectory) await copyFolder(`${path}/${name}`, folder);
    else await Deno.copyFile(new URL(`${path}/${name}`, ROOT), `${folder}/${path}/${name}`);
  }
}
