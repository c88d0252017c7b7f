/**
 * The profiles that this server has. A new one is a folder and a line here; what else names it, see
 * docs/architecture.md.
 *
 * @module
 */

import type { Option, OptionTable, OptionValues } from "../base/option.ts";
import type { Timing } from "../liveness/timing.ts";
import type { ProfileDefinition, ProfileParts } from "./definition.ts";
import { eventsHub } from "./events_hub/definition.ts";
import { infoway } from "./infoway/definition.ts";
import { json } from "./json/definition.ts";
import type { Profile } from "./profile.ts";
import { talo } from "./talo/definition.ts";
import { tank } from "./tank/definition.ts";
import { timingOptionsOf } from "./timing_options.ts";

/** In the order of the manual, in which `matches()` is called too: the first match wins. */
export const PROFILES = [
  json,
  eventsHub,
  infoway,
  tank,
  talo,
] as const;

/** A profile by name. */
export type ProfileName = typeof PROFILES[number]["name"];

/** The names that `DEFAULT_PROFILE` may have. */
export const PROFILE_NAMES: readonly ProfileName[] = PROFILES.map(({ name }) => name);

/** The options of all profiles' timing, by their names. */
export const TIMING_OPTIONS: Readonly<Record<string, Option<number, number | undefined>>> = Object
  .assign({}, ...PROFILES.map((definition) => timingOptionsOf(definition)));

type Both<Union> = (Union extends unknown ? (each: Union) => void : never) extends
  (all: infer All) => void ? All : never;

/** The options that profiles have beside timing, by their names. */
export const PROFILE_OPTIONS = Object.assign(
  {},
  ...PROFILES.map(({ options }) => options),
) as Both<typeof PROFILES[number]["options"]>;

/** The part of the configuration that the profiles need. */
export interface ProfileSettings {
  readonly timing: Readonly<Record<ProfileName, Timing>>;
  readonly profileOptions: OptionValues<typeof PROFILE_OPTIONS>;
}

/** Makes all profiles. */
export function createProfiles(
  { timing, profileOptions }: ProfileSettings,
  { isKey, newId }: Pick<ProfileParts<OptionTable>, "isKey" | "newId">,
): Readonly<Record<ProfileName, Profile>> {
  const profiles = (PROFILES as readonly ProfileDefinition[]).map(({ name, create }) => {
    const options = profileOptions as unknown as OptionValues<OptionTable>;
    return [name, create({ timing: timing[name as ProfileName], options, isKey, newId })];
  });
  return Object.fromEntries(profiles);
}
