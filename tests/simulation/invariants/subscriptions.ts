/**
 * At rest everybody who is subscribed gets what is published, and every client of the library is
 * connected again.
 *
 * @module
 */

import { SdkClient } from "../clients/sdk.ts";
import type { Invariant } from "../core/simulation.ts";

export const subscriptions: Invariant = {
  name: "subscriptions",
  watch: (simulation) => ({
    atRest() {
      const channels = new Set(simulation.clients.flatMap((client) => client.subscribed()));
      for (const client of simulation.clients) {
        if (!(client instanceof SdkClient) || client.isClosed) continue;
        if (client.gaveUp !== undefined) {
          simulation.find("subscriptions", `${client.name} gave up: ${client.gaveUp}`, [
            client.name,
          ]);
        } else if (client.socket.readyState !== 1) {
          const what = `${client.name} is not connected: ${client.socket.readyState}`;
          simulation.find("subscriptions", what, [client.name]);
        }
      }
      simulation.ledger.publishMarkers(channels);
    },
  }),
};
