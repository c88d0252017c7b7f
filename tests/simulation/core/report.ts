/**
 * What people read of runs: the sum of what they went through, and of a failed one what led to it.
 *
 * @module
 */

import { type Result, simulate } from "./simulation.ts";

/** Lines of a timeline, the last ones. */
const TIMELINE_LINES = 60;

/** The sum of many runs. */
export class Summary {
  readonly failed: Result[] = [];
  #runs = 0;
  #virtualMs = 0;
  #connectionMs = 0;
  #machineMs = 0;
  #events = 0;
  #connections = 0;
  #messages = 0;
  #deliveries = 0;
  #pings = 0;
  #slowest: Result | undefined;
  readonly #faults = new Map<string, number>();

  add(result: Result): void {
    const { tally } = result;
    this.#runs++;
    this.#virtualMs += result.virtualMs;
    this.#machineMs += result.machineMs;
    this.#events += result.events;
    this.#connectionMs += tally.connectionMs;
    this.#connections += tally.connections;
    this.#messages += tally.messages;
    this.#deliveries += tally.deliveries;
    this.#pings += tally.pings;
    for (const [kind, count] of tally.faults) {
      this.#faults.set(kind, (this.#faults.get(kind) ?? 0) + count);
    }
    if (result.machineMs > (this.#slowest?.machineMs ?? -1)) this.#slowest = result;
    if (result.findings.length > 0) this.failed.push(result);
  }

  text(): string {
    const hours = this.#connectionMs / 3_600_000;
    const faults = [...this.#faults].sort().map(([kind, count]) => `${kind} ${count}`);
    const all = [...this.#faults.values()].reduce((sum, each) => sum + each, 0);
    const perHour = (count: number) => (count / hours).toFixed(1);
    return [
      `${this.#runs} seeds, ${(this.#virtualMs / 3_600_000).toFixed(1)} virtual hours, ` +
      `${this.#events} events, ${(this.#machineMs / 1_000).toFixed(1)} s of machine time`,
      `${this.#connections} connections, ${hours.toFixed(1)} connection-hours, ` +
      `${this.#messages} messages, of them ${this.#deliveries} publications; ${this.#pings} pings`,
      `a connection-hour: ${perHour(this.#pings)} pings, ${
        perHour(this.#deliveries)
      } deliveries, ` +
      `${perHour(all)} faults`,
      `faults: ${faults.join(", ")}`,
      `slowest seed: ${this.#slowest?.plan.seed}, ${this.#slowest?.machineMs.toFixed(0)} ms`,
      `pace: ${(hours / (this.#machineMs / 1_000)).toFixed(1)} connection-hours a second`,
      `findings: ${this.failed.length}`,
    ].join("\n");
  }
}

/** What led to a finding: its plan, and the timeline of those whom it is about. */
export async function explain(failed: Result): Promise<string> {
  const [{ invariant, what, atMs, events, about }] = failed.findings;
  const { plan } = failed;
  const lines: string[] = [];
  await simulate(plan, { onNote: (line) => lines.push(line) });
  const names = [...about, ...about.map((label) => label.replace(/^#\d+ /, ""))];
  const isAbout = (line: string) =>
    / (fault|FINDING|simulation): /.test(line) || / node \d+: (?!info|debug)/.test(line) ||
    names.some((name) => line.includes(` ${name}: `) || line.includes(` ${name} `));
  const { API_KEYS: _, ...env } = plan.env;
  return [
    `seed ${plan.seed} breaks "${invariant}" at ${
      (atMs / 1_000).toFixed(3)
    } s, after ${events} events:`,
    `  ${what}`,
    `environment: ${JSON.stringify(env)}`,
    `clients: ${plan.clients.map(({ kind, index }) => `${kind} ${index}`).join(", ")}`,
    `faults: ${
      plan.faults.map(({ kind, atMs }) => `${kind} at ${(atMs / 1_000).toFixed(1)} s`).join(", ")
    }`,
    "timeline, ms:",
    ...withoutRepeats(lines.filter(isAbout)).slice(-TIMELINE_LINES).map((line) => `  ${line}`),
  ].join("\n");
}

/** Equal lines in a row, which a flood has, are one. */
function withoutRepeats(lines: readonly string[]): string[] {
  const kept: string[] = [];
  let repeats = 0;
  for (const [i, line] of lines.entries()) {
    repeats++;
    if (line === lines[i + 1]) continue;
    kept.push(repeats > 1 ? `${line} (${repeats} times)` : line);
    repeats = 0;
  }
  return kept;
}
