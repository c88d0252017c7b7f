/** Another process of Redis takes the place of the present one: with its data, with old data, or without. */

import type { Fault } from "../core/fault.ts";

const KINDS = ["all", "old", "no"] as const;

export const redisRestart: Fault = {
  weight: 3,
  isOfNodes: true,
  begin({ redis, redisTruth, scheduler, ledger }, random) {
    if (!redis!.isListening) return undefined;
    const kind = random.pick(KINDS);
    const ageMs = kind === "old" ? random.spread(100, 15_000) : 0;
    const awayMs = random.spread(50, 8_000);
    const old = redis!.data.snapshot();
    scheduler.after(ageMs, () => {
      if (!redis!.isListening) return;
      redisTruth.disturbed(awayMs);
      if (kind !== "all") redisTruth.lost();
      ledger.restarted();
      const { data } = redis!;
      redis!.restart(awayMs, { all: data, old, no: redis!.empty() }[kind]);
    });
    return `with ${kind} data after ${Math.round(ageMs)} ms, away for ${Math.round(awayMs)} ms`;
  },
};
