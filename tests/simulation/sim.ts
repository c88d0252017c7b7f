/**
 * `deno task sim`: runs seeds for a minute, or one seed, event by event.
 *
 * @module
 */

import { planOf } from "./core/plan.ts";
import { simulate } from "./core/simulation.ts";

const seed = Number(/--seed=(\d+)/.exec(Deno.args.join(" "))?.[1] ?? 1);
const count = Number(/--count=(\d+)/.exec(Deno.args.join(" "))?.[1] ?? 1);
const isVerbose = Deno.args.includes("-v");
for (let i = seed; i < seed + count; i++) {
  const result = await simulate(planOf(i), { onNote: isVerbose ? console.log : undefined });
  const { findings, hash, tally, virtualMs, events, machineMs } = result;
  console.log(
    i,
    hash.slice(0, 12),
    `${(virtualMs / 60_000).toFixed(1)} min`,
    `${events} events`,
    `${machineMs.toFixed(0)} ms`,
    tally.connections,
    tally.deliveries,
    tally.pings,
    findings.map(({ invariant, what, about }) => `${invariant}: ${what} ${about}`).join("; "),
  );
}
