/**
 * `deno task probe` as a user runs it: a process of its own under the permissions of deno.json.
 *
 * @module
 */

import { runToEnd, taskWords } from "./server_process.ts";

/** What a run has shown. */
export interface ProbeRun {
  /** Exit code. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `deno run`, the probe task's permissions, the program, its arguments. */
export function probeCommand(...args: string[]): string[] {
  const [deno, ...words] = taskWords("probe");
  if (deno !== "deno") throw new Error(`Cannot read the probe task: got ${deno}`);
  return [Deno.execPath(), ...words, ...args];
}

/** Runs it to its end. */
export function probe(
  args: readonly string[],
  env: Record<string, string> = {},
  input = "",
): Promise<ProbeRun> {
  return runToEnd(env, probeCommand(...args), input);
}

/** Its output with `0.00` for every figure with a fraction, and `PORT` for every port. */
export function masked(text: string): string {
  return text.replace(/\d+\.\d\d\b(?!\.)/g, "0.00").replace(
    /(localhost|127\.0\.0\.1):\d+/g,
    "$1:PORT",
  );
}
