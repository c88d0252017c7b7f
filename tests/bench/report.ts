/**
 * How the benches say what they found: a table for people, one JSON object with `--json`.
 * Owns the layout and the exit code; the figures are the benches' own.
 *
 * @module
 */

import type { Spread } from "./measure.ts";

const MICROSECONDS_PER_MS = 1_000;

/** Whether a figure is at most its target. */
export type Result = "met" | "missed";

/** The result on a figure whose target is an upper bound. */
export function resultOf(figure: number, atMost: number): Result {
  return figure <= atMost ? "met" : "missed";
}

/** Lines of equal columns, the first row the heading, numbers to the right. */
export function tableText(rows: string[][]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const lines = rows.map((row) =>
    row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])
    ).join("  ").trimEnd()
  );
  return lines.toSpliced(1, 0, "-".repeat(Math.max(...lines.map((line) => line.length)))).join(
    "\n",
  );
}

/** `1.23 (1.10..1.40)`: median, and the range of the runs. */
export function spreadText({ median, min, max }: Spread): string {
  return `${median.toFixed(2)} (${min.toFixed(2)}..${max.toFixed(2)})`;
}

/** A latency for people. */
export function msText(us: number): string {
  return `${(us / MICROSECONDS_PER_MS).toFixed(1)} ms`;
}

/** A count with its thousands apart. */
export function countText(count: number): string {
  return Math.round(count).toLocaleString("en");
}

/**
 * Runs a bench and prints its outcome. A missed target is a finding, and the exit code stays 0; it
 * is 1 when something broke: a lost delivery, a connection that ended, a server that did not start.
 */
export async function runBench<Outcome>(bench: {
  /** Says on stderr how far it is, so that stdout holds the report alone. */
  measure(say: (progress: string) => void): Promise<Outcome>;
  describe(outcome: Outcome): string;
}): Promise<never> {
  try {
    const outcome = await bench.measure((progress) => console.error(progress));
    const isJson = Deno.args.includes("--json");
    console.log(isJson ? JSON.stringify(outcome) : bench.describe(outcome));
  } catch (error) {
    console.error(`Bench failed: ${error instanceof Error ? error.message : error}`);
    Deno.exit(1);
  }
  Deno.exit(0);
}
