/**
 * Runs all tests, half of the files in each of two processes: most of the time a test waits for a socket,
 * a process or the clock. Threads of one process would not do: a test counts its open descriptors.
 * Arguments are handed on to `deno test`.
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

requirePrograms();
const files = readdirSync("tests", { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith("_test.ts")).map((name) => `tests/${name}`).sort();
const parts = Array.from(
  { length: PROCESSES },
  (_, part) => files.filter((_, i) => i % PROCESSES === part),
);
const outcomes = await Promise.all(parts.map(runPart));
const passed = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0);
const failed = outcomes.reduce((sum, outcome) => sum + outcome.failed, 0);
console.log(`${passed} passed, ${failed} failed`);
Deno.exit(outcomes.every(({ isGood }) => isGood) ? 0 : 1);

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

/** Runs some files; prints whole lines, so that those of two processes do not mix. */
async function runPart(part: readonly string[]) {
  const child = spawn(Deno.execPath(), [...OPTIONS, ...Deno.args, ...part], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let passed = 0;
  let failed = 0;
  for (const input of [child.stdout, child.stderr]) {
    createInterface({ input }).on("line", (line) => {
      console.log(line);
      // deno-lint-ignore no-control-regex -- colours
      const plain = line.replace(/\x1b\[[\d;]*m/g, "");
      const counts = /^(?:ok|FAILED) \| (\d+) passed.*\| (\d+) failed/.exec(plain);
      if (counts !== null) [passed, failed] = [Number(counts[1]), Number(counts[2])];
    });
  }
  const [code] = await once(child, "close");
  return { passed, failed, isGood: code === 0 };
}
