/**
 * The systems that this server speaks, each as it is configured.
 *
 * @module
 */

import type { Config } from "../config.ts";
import { eventsHubProfile } from "./events_hub.ts";
import { infowayProfile } from "./infoway.ts";
import { jsonProfile } from "./json.ts";
import { taloProfile } from "./talo.ts";
import { tankProfile } from "./tank.ts";
import type { Profile } from "./profile.ts";

/** In the order in which they are asked whether a request is theirs. */
export function profilesOf({ timing, limits, echo }: Config): readonly [Profile, ...Profile[]] {
  return [
    eventsHubProfile({ timing: timing["events-hub"] }),
    infowayProfile({
      timing: timing.infoway,
      maxMessagesPerMinute: limits.infowayMessagesPerMinute,
    }),
    tankProfile({ timing: timing.tank }),
    taloProfile({
      timing: timing.talo,
      messagesPerMinute: limits.taloMessagesPerMinute,
      messagesPerMinuteIdentified: limits.taloMessagesPerMinuteIdentified,
    }),
    jsonProfile({ timing: timing.json, echo }),
  ];
}
