/**
 * The talo profile's timing and options (Talo game backend sockets). Its deadline is one unanswered
 * ping, so no number of missed pings ends a connection.
 *
 * @module
 */

import { option } from "../../base/option.ts";
import { count } from "../../base/option_values.ts";
import { defineProfile } from "../definition.ts";
import { taloProfile } from "./talo.ts";

export const talo = defineProfile({
  name: "talo",
  prefix: "TALO_",
  timing: {
    pongWaitMs: 30_000,
    pingPeriodMs: 30_000,
    missedHeartbeats: 0,
    silenceFrom: "ping",
  },
  options: {
    TALO_MESSAGES_PER_MINUTE: option(count(), {
      fallback: 300,
      meaning: "talo: messages of one connection in any minute before it is identified; 0 = off",
    }),
    TALO_MESSAGES_PER_MINUTE_IDENTIFIED: option(count(), {
      fallback: 3600,
      meaning: "talo: the same after that; 0 = off",
    }),
  },
  create: ({ timing, options, isKey }) =>
    taloProfile({
      timing,
      isKey,
      messagesPerMinute: options.taloMessagesPerMinute,
      messagesPerMinuteIdentified: options.taloMessagesPerMinuteIdentified,
    }),
});
