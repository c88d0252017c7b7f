/**
 * Makes a failing plan smaller: first the time after the finding is cut off, then faults and clients are
 * left out, half of them at a time and then one by one, as long as the same invariant is still broken.
 *
 * @module
 */

import type { Plan } from "./plan.ts";
import { type Result, type RunOptions, simulate } from "./simulation.ts";

/** Runs that it may take. */
const MAX_RUNS = 200;

/** @returns the result of the smallest plan that was found */
export async function shrink(failed: Result, options: RunOptions = {}): Promise<Result> {
  const [{ invariant }] = failed.findings;
  let best = failed;
  let runs = 0;
  const tryPlan = async (plan: Plan): Promise<boolean> => {
    if (++runs > MAX_RUNS) return false;
    const result = await simulate(plan, options);
    if (result.findings[0]?.invariant !== invariant) return false;
    best = result;
    return true;
  };
  const { atMs } = failed.findings[0];
  if (atMs < failed.plan.horizonMs) {
    const isBefore = ({ atMs: at }: { readonly atMs: number }) => at <= atMs;
    await tryPlan({ ...failed.plan, horizonMs: atMs, faults: failed.plan.faults.filter(isBefore) });
  }
  for (const part of ["faults", "clients"] as const) {
    for (let size = Math.ceil(best.plan[part].length / 2); size >= 1; size = Math.floor(size / 2)) {
      for (let at = best.plan[part].length - size; at > -size; at -= size) {
        const left = best.plan[part].toSpliced(Math.max(0, at), size + Math.min(0, at));
        await tryPlan({ ...best.plan, [part]: left });
      }
    }
  }
  return best;
}
