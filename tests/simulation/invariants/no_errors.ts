/**
 * The node logs no error: those that it logs ask for a report.
 *
 * @module
 */

import type { Invariant } from "../core/simulation.ts";

export const noErrors: Invariant = {
  name: "no error",
  watch: (simulation) => ({
    on(happening) {
      if (happening.kind !== "log" || happening.line.level !== "error") return;
      const { message, properties } = happening.line;
      const error = properties.error instanceof Error ? properties.error.stack : properties.error;
      simulation.find("no error", `${message}: ${error}`, [happening.node.name]);
    },
  }),
};
