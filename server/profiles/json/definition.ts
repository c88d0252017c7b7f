/**
 * The json profile's timing and options (the article "How to Implement Heartbeat/Ping-Pong in
 * WebSockets").
 *
 * @module
 */

import { option } from "../../base/option.ts";
import { boolean } from "../../base/option_values.ts";
import { defineProfile } from "../definition.ts";
import { jsonProfile } from "./json.ts";

export const json = defineProfile({
  name: "json",
  prefix: "",
  timing: { pongWaitMs: 60_000, missedHeartbeats: 3, silenceFrom: "life" },
  options: {
    ECHO: option(boolean, { fallback: false, meaning: "json: echo messages of unknown type" }),
  },
  create: ({ timing, options: { echo } }) => jsonProfile({ timing, echo }),
});
