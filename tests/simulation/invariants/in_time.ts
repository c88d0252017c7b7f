/**
 * What Redis has got is delivered at every node: at once, and what pub/sub has lost when the newest
 * offsets are compared.
 *
 * @module
 */

import type { Invariant } from "../core/simulation.ts";

export const inTime: Invariant = {
  name: "in time",
  watch: (simulation) => ({
    sample() {
      if (simulation.redis !== undefined) simulation.ledger.judgeTimes();
    },
  }),
};
