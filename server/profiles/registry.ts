/**
 * The systems that this server speaks, each as it is configured.
 *
 * @module
 */

import { eventsHubProfile } from "./events_hub/events_hub.ts";
import { infowayProfile } from "./infoway/infoway.ts";
import { jsonProfile } from "./json/json.ts";
import { taloProfile } from "./talo/talo.ts";
import { tankProfile } from "./tank/tank.ts";
import type { Timing } from "../liveness/timing.ts";
import type { ProfileName } from "./timing_options.ts";
import type { Profile } from "./profile.ts";

/** What of the configuration the profiles need. */
export interface ProfileSettings {
  /** Pings, deadlines and thresholds of health of each profile. */
  readonly timing: Readonly<Record<ProfileName, Timing>>;
  /** Limits that profiles apply themselves. */
  readonly limits: {
    readonly infowayMessagesPerMinute: number;
    readonly taloMessagesPerMinute: number;
    readonly taloMessagesPerMinuteIdentified: number;
  };
  /** Whether json messages of unknown type are echoed. */
  readonly echo: boolean;
}

/** By name, in the order in which they are asked whether a request is theirs. */
export function profilesOf(
  { timing, limits, echo }: ProfileSettings,
  isKey: (credential: string) => boolean,
): Readonly<Record<ProfileName, Profile>> {
  return {
    "events-hub": eventsHubProfile({ timing: timing["events-hub"] }),
    "infoway": infowayProfile({
      timing: timing.infoway,
      maxMessagesPerMinute: limits.infowayMessagesPerMinute,
    }),
    "tank": tankProfile({ timing: timing.tank }),
    "talo": taloProfile({
      isKey,
      timing: timing.talo,
      messagesPerMinute: limits.taloMessagesPerMinute,
      messagesPerMinuteIdentified: limits.taloMessagesPerMinuteIdentified,
    }),
    "json": jsonProfile({ timing: timing.json, echo }),
  };
}
