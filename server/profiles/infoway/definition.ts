/**
 * The infoway profile's timing and options. Its control pings only measure round trips: its own
 * heartbeats alone count as signs of life, so no number of missed pings ends a connection.
 *
 * @module
 */

import { option } from "../../base/option.ts";
import { count } from "../../base/option_values.ts";
import { defineProfile } from "../definition.ts";
import { infowayProfile } from "./infoway.ts";

export const infoway = defineProfile({
  name: "infoway",
  prefix: "INFOWAY_",
  timing: {
    pongWaitMs: 60_000,
    pingPeriodMs: 30_000,
    missedHeartbeats: 0,
    silenceFrom: "life",
  },
  options: {
    INFOWAY_MESSAGES_PER_MINUTE: option(count(), {
      fallback: 60,
      meaning: "infoway: messages of one connection in any minute; 0 = off",
    }),
  },
  create: ({ timing, options: { infowayMessagesPerMinute: maxMessagesPerMinute } }) =>
    infowayProfile({ timing, maxMessagesPerMinute }),
});
