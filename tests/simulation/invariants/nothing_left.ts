/**
 * When a node has drained and when a client of the library has closed, no timer is left.
 *
 * @module
 */

import { SdkClient } from "../clients/sdk.ts";
import type { Invariant } from "../core/simulation.ts";

export const nothingLeft: Invariant = {
  name: "nothing left",
  watch: (simulation) => ({
    atEnd() {
      for (const node of simulation.nodes) {
        if (node.drainMs?.toMs !== undefined && node.timersLeft > 0) {
          simulation.find("nothing left", `${node.name} has ${node.timersLeft} timers`, [
            node.name,
          ]);
        }
        if (node.drainMs !== undefined && node.drainMs.toMs === undefined && node.process.isAlive) {
          simulation.find("drain", `${node.name} never ends its drain`, [node.name]);
        }
      }
      for (const client of simulation.clients) {
        if (!(client instanceof SdkClient) || client.script.timers <= client.ownTimers) continue;
        const what = `${client.name} has ${client.script.timers - client.ownTimers} timers`;
        simulation.find("nothing left", what, [client.name]);
      }
    },
  }),
};
