/**
 * How a profile is added: one folder with its wire format and one definition, which registry.ts lists.
 * The names of its options, its timing and its series in metrics derive from the definition.
 *
 * @module
 */

import type { OptionTable, OptionValues } from "../base/option.ts";
import type { Timing, TimingDefaults } from "../liveness/timing.ts";
import type { Profile } from "./profile.ts";

/** What a profile is made of. */
export interface ProfileParts<Options extends OptionTable> {
  readonly timing: Timing;
  /** The values of its own options. */
  readonly options: OptionValues<Options>;
  /** Whether a string is the credential of a key; on an open hub any string is. */
  readonly isKey: (credential: string) => boolean;
  /** Returns a UUID. */
  readonly newId: () => string;
}

/** One profile. */
export interface ProfileDefinition<
  Name extends string = string,
  Options extends OptionTable = OptionTable,
> {
  readonly name: Name;
  /** What the names of its timing options begin with. */
  readonly prefix: string;
  readonly timing: TimingDefaults;
  /** Its own options, beside those of timing. */
  readonly options: Options;
  readonly create: (parts: ProfileParts<Options>) => Profile;
}

/** Keeps the types of the name and the options. */
export function defineProfile<Name extends string, Options extends OptionTable>(
  definition: ProfileDefinition<Name, Options>,
): ProfileDefinition<Name, Options> {
  return definition;
}
