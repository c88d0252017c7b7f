/**
 * The events-hub profile's timing (Parallels DevOps Service).
 *
 * @module
 */

import { defineProfile } from "../definition.ts";
import { eventsHubProfile } from "./events_hub.ts";

export const eventsHub = defineProfile({
  name: "events-hub",
  prefix: "EVENTS_HUB_",
  timing: {
    pongWaitMs: 65_000,
    pingPeriodMs: 30_000,
    missedHeartbeats: 7, // after PONG_WAIT_MS: a client that pings each 60 s need not answer pings
    silenceFrom: "life",
  },
  options: {},
  create: ({ timing, newId }) => eventsHubProfile({ timing, newId }),
});
