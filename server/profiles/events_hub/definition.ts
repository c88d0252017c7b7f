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
    pongWaitMs: 45_000,
    pingPeriodMs: 30_000,
    missedHeartbeats: 3,
    silenceFrom: "life",
  },
  options: {},
  create: ({ timing }) => eventsHubProfile({ timing }),
});
