/**
 * The tank profile's timing (Tank WebSocket).
 *
 * @module
 */

import { defineProfile } from "../definition.ts";
import { tankProfile } from "./tank.ts";

export const tank = defineProfile({
  name: "tank",
  prefix: "TANK_",
  timing: { pongWaitMs: 15_000, pingPeriodMs: 5_000, missedHeartbeats: 3, silenceFrom: "life" },
  options: {},
  create: ({ timing }) => tankProfile({ timing }),
});
