/**
 * Runs all tests, half of the files in each of two processes: most of the time a test waits for a socket,
 * a process or the clock. Threads of one process would not do: a test counts its open descriptors. A test
 * of the real clock may starve beside another one; so the files of a few failures are run again, alone, and
 * that counts. Arguments are handed on to `deno test`.
 *
 * @module
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { createInterface } from "node:readline";
import { pathOf } from "./support/installed.ts";

/** Programs that tests start, each with the Debian package that brings it. */
const PROGRAMS: Readonly<Record<string, string>> = {
  chromium: "chromium",
  nginx: "nginx-light",
  npm: "npm",
  openssl: "openssl",
  "redis-server": "redis-server",
  script: "bsdutils",
  setsid: "util-linux",
  "systemd-analyze": "systemd",
};

const OPTIONS = ["test", "--allow-all", "--sanitize-ops", "--sanitize-resources"];
const PROCESSES = 2;
/** Files with failures; more are not run again. */
const MAX_AGAIN = 4;

requirePrograms();
const files = readdirSync("tests", { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith("_test.ts")).map((name) => `tests/${name}`).sort();
const parts = Array.from(
  { length: PROCESSES },
  (_, part) => files.filter((_, i) => i % PROCESSES === part),
);
const outcomes = await Promise.all(parts.map(runPart));
const suspects = outcomes.flatMap(({ failedIn }) => failedIn);
const hasEnded = outcomes.every(({ isGood, failed }) => isGood || failed > 0);
if (hasEnded && suspects.length > 0 && suspects.length <= MAX_AGAIN) {
  console.log(`\nAgain, alone, since a test has failed: ${suspects.join(" ")}\n`);
  outcomes.push(await runPart(suspects));
}
const passed = sum(outcomes.slice(0, PROCESSES).map((outcome) => outcome.passed));
const failed = sum(outcomes.slice(0, PROCESSES).map((outcome) => outcome.failed));
const [again] = outcomes.slice(PROCESSES);
const isGood = again?.isGood ?? outcomes.every((outcome) => outcome.isGood);
const rest = again === undefined
  ? ""
  : `; again, alone: ${again.passed} passed, ${again.failed} failed`;
console.log(`${passed} passed, ${failed} failed${rest}`);
Deno.exit(isGood ? 0 : 1);

/** Says at once what this machine lacks, before any test runs. */
function requirePrograms(): void {
  const missing = Object.keys(PROGRAMS).filter((program) => pathOf(program) === undefined);
  if (missing.length === 0) return;
  const packages = missing.map((program) => PROGRAMS[program]).join(" ");
  console.error(
    `Cannot test: ${missing.join(", ")} missing; install with: apt-get install ${packages}\n` +
      "(deno task test:unit needs none of them)",
  );
  Deno.exit(1);
}

interface Outcome {
  readonly passed: number;
  /** 0 where the process has not come to its end. */
  readonly failed: number;
  /** The files of tests that have failed. */
  readonly failedIn: readonly string[];
  readonly isGood: boolean;
}

/** Runs some files; prints whole lines, so that those of two processes do not mix. */
async function runPart(part: readonly string[]): Promise<Outcome> {
  const child = spawn(Deno.execPath(), [...OPTIONS, ...Deno.args, ...part], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [passed, failed] = [0, 0];
  let file = "";
  const failedIn = new Set<string>();
  for (const input of [child.stdout, child.stderr]) {
    createInterface({ input }).on("line", (line) => {
      console.log(line);
      // deno-lint-ignore no-control-regex -- colours
      const plain = line.replace(/\x1b\[[\d;]*m/g, "");
      file = /^running \d+ tests? from \.\/(.*)$/.exec(plain)?.[1] ?? file;
      if (/FAILED( \(.*\))?$/.test(plain) && file !== "") failedIn.add(file);
      const counts = /^(?:ok|FAILED) \| (\d+) passed.*\| (\d+) failed/.exec(plain);
      if (counts !== null) [passed, failed, file] = [Number(counts[1]), Number(counts[2]), ""];
    });
  }
  const [code] = await once(child, "close");
  return { passed, failed, failedIn: [...failedIn], isGood: code === 0 };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
