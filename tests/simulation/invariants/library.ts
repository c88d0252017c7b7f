/**
 * The client library finds a silent server in time, does not come back before it may, and does not ask
 * too often.
 *
 * @module
 */

import { SdkClient } from "../clients/sdk.ts";
import type { Invariant } from "../core/simulation.ts";

/** A probe after a late timer, and timers, ms. */
const SLACK_MS = 12_000;

export const library: Invariant = {
  name: "library",
  watch: (simulation) => ({
    sample() {
      for (const client of simulation.clients) {
        if (!(client instanceof SdkClient) || client.isClosed || client.script.isStalled) continue;
        const { lastHeardMs, boundMs } = client;
        const silentMs = simulation.nowMs - lastHeardMs;
        const hasStalled = client.script.stalls.some(({ toMs }) => toMs > lastHeardMs);
        const isSure = client.socket.readyState === 1 && !hasStalled && !client.isOffline &&
          client.page.navigator.onLine &&
          !client.script.wasStepped;
        if (isSure && silentMs > boundMs + SLACK_MS) {
          const what = `${client.name} takes a server that is silent for ${
            silentMs.toFixed(0)
          } ms for alive`;
          simulation.find("library", what, [client.connection ?? client.name]);
        }
        if (client.tooEarly !== undefined) {
          simulation.find("library", `${client.name} ${client.tooEarly}`, [
            client.connection ?? client.name,
          ]);
        }
      }
    },
  }),
};
