/**
 * Every connection is pinged once a period at least, and not much more often.
 *
 * @module
 */

import { timingOf } from "../core/profiles.ts";
import type { SimNode } from "../core/node.ts";
import type { Invariant, Simulation } from "../core/simulation.ts";

/** What a wheel may add to a period, and a stall, ms. */
const [WHEEL_MS, STALL_MS] = [130, 700];

export const pings: Invariant = {
  name: "pings",
  watch: (simulation) => ({
    sample() {
      for (const node of simulation.slots) check(simulation, node);
    },
  }),
};

function check(simulation: Simulation, node: SimNode): void {
  const { plan: { env } } = simulation;
  const { process } = node;
  if (!process.isAlive || process.isStalled) return;
  const stallsSince = (ms: number) => process.stalls.filter(({ toMs }) => toMs >= ms).length;
  for (const { truth, server, label } of node.connections) {
    if (server === undefined || server.isClosing || !Number.isNaN(truth.pausedSinceMs)) {
      continue;
    }
    const { pingPeriodMs, missedHeartbeats } = timingOf(truth.profile, env);
    const quietMs = process.awakeMs - truth.lastPingAwakeMs;
    if (
      quietMs > pingPeriodMs + WHEEL_MS &&
      quietMs > pingPeriodMs + WHEEL_MS + STALL_MS * stallsSince(simulation.nowMs - 2 * quietMs)
    ) {
      simulation.find("pings", `${label} was not pinged for ${quietMs.toFixed(0)} ms`, [label]);
    }
    const ageMs = simulation.nowMs - truth.openedMs;
    const most = 8 + (4 + missedHeartbeats) * (1 + ageMs / pingPeriodMs);
    if (truth.pings > most && !truth.isImpaired) {
      simulation.find(
        "pings",
        `${label} was pinged ${truth.pings} times in ${ageMs.toFixed(0)} ms`,
        [label],
      );
    }
  }
}
