/**
 * No connection is ended for silence before it has been silent for as long as its system allows, in the
 * time in which the node was awake.
 *
 * @module
 */

import { silenceBoundsOf } from "../core/profiles.ts";
import type { Invariant } from "../core/simulation.ts";

/** The end of a tick, and fractions, ms. */
const TICK_MS = 26;

/** What of a stall the node may take for its own time, ms: it sleeps for 250, and 70 are no stall. */
const UNNOTICED_MS = 350;

export const noFalseKill: Invariant = {
  name: "no false kill",
  watch: (simulation) => ({
    on(happening) {
      if (happening.kind !== "closed") return;
      const { connection: { truth, label }, node } = happening;
      const reason = truth.logged!.reason;
      if (reason !== "stale" && reason !== "missed_heartbeats") return;
      const bounds = silenceBoundsOf(truth.profile, simulation.plan.env);
      const isFromPing = bounds.from === "ping";
      const silentMs = truth.closingAwakeMs - (isFromPing ? truth.pingAwakeMs : truth.lifeAwakeMs);
      const stalls = node.process.stalls.filter(({ toMs }) => toMs >= truth.lifeMs).length;
      const leastMs = reason === "stale" ? bounds.staleMs : bounds.missedMs;
      if (silentMs >= leastMs - TICK_MS - stalls * UNNOTICED_MS) return;
      const what = `${label} is ended for ${reason} after ${
        silentMs.toFixed(0)
      } ms, not ${leastMs}`;
      simulation.find("no false kill", what, [label]);
    },
  }),
};
