/**
 * A peer that is not heard any more is found within the published bound, whatever the node sends it
 * meanwhile.
 *
 * @module
 */

import { silenceBoundsOf } from "../core/profiles.ts";
import type { Invariant } from "../core/simulation.ts";

/** From sample to sample, ms. */
const SAMPLE_MS = 1_000;

/** What a stall may add: its unnoticed part, and the grace period after it, ms. */
const STALL_MS = 700;

export const deadInTime: Invariant = {
  name: "dead in time",
  watch: (simulation) => ({
    sample() {
      for (const node of simulation.nodes) {
        const { process } = node;
        if (!process.isAlive || process.isStalled) continue;
        for (const { truth, server, label } of node.connections) {
          if (server === undefined || server.isClosing || !Number.isNaN(truth.pausedSinceMs)) {
            continue;
          }
          const { boundMs } = silenceBoundsOf(
            truth.profile,
            simulation.plan.env,
          );
          const silentMs = process.awakeMs - truth.lifeAwakeMs;
          if (silentMs < boundMs) continue;
          const stalls = process.stalls.filter(({ toMs }) => toMs >= truth.lifeMs).length;
          if (silentMs <= boundMs + SAMPLE_MS * 0 + stalls * STALL_MS) continue;
          const what = `${label} has been silent for ${
            silentMs.toFixed(0)
          } ms, more than ${boundMs}`;
          simulation.find("dead in time", what, [label]);
        }
      }
    },
  }),
};
