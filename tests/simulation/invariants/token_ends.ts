/**
 * No connection is closed for the end of its token before that end.
 *
 * @module
 */

import type { Invariant } from "../core/simulation.ts";

export const tokenEnds: Invariant = {
  name: "token ends",
  watch: (simulation) => ({
    on(happening) {
      if (happening.kind !== "closed") return;
      const { connection: { truth, label }, node } = happening;
      const { expiry } = truth;
      if (truth.logged!.reason !== "token_expired" || expiry === undefined) return;
      if (node.process.wasStepped || node.process.wall() >= expiry.fromMs) return;
      const what = `${label} is closed ${
        expiry.fromMs - node.process.wall()
      } ms before its token ends`;
      simulation.find("token ends", what, [label]);
    },
  }),
};
