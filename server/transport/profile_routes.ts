/**
 * Which profile a request asks for. Pure; the same answer for an upgrade and for a plain GET that
 * should have been one.
 *
 * @module
 */

import type { NotFound, Profile } from "../profiles/profile.ts";
import type { UpgradeTarget } from "../auth/credential.ts";

/** Paths on which the default profile answers. */
const DEFAULT_PATHS = ["/", "/ws", "/socket"];

export class ProfileRoutes {
  readonly #profiles: readonly Profile[];
  readonly #byPath: ReadonlyMap<string, Profile>;
  readonly #default: Profile;

  /** Fixed from the start. @param profiles in the order in which they are asked; first match wins */
  constructor(profiles: readonly Profile[], defaultName: string) {
    const byDefault = profiles.find(({ name }) => name === defaultName);
    if (byDefault === undefined) {
      throw new TypeError(`Cannot route: no profile is called ${defaultName}`);
    }
    this.#profiles = profiles;
    this.#byPath = new Map(profiles.map((profile) => [`/ws/${profile.name}`, profile]));
    this.#default = byDefault;
  }

  /** The profile for a target, or undefined: 404. */
  profileOf(target: UpgradeTarget): Profile | undefined {
    return this.#byPath.get(target.path) ??
      this.#profiles.find((profile) => profile.matches(target)) ??
      (DEFAULT_PATHS.includes(target.path) ? this.#default : undefined);
  }

  /** The profile whose target this is and what it answers, where it has nothing there. */
  notFound(target: UpgradeTarget): { profile: Profile; answer: NotFound } | undefined {
    for (const profile of this.#profiles) {
      const answer = profile.notFound?.(target);
      if (answer !== undefined) return { profile, answer };
    }
  }
}

/** A request target in absolute form (RFC 9112 section 3.2.2), which a server must accept. */
const ABSOLUTE = /^(https?|wss?):\/\//i;

/**
 * Splits the request target of HTTP, in origin form or absolute form, without a slash at the end of the
 * path; undefined when it is neither.
 */
export function parseTarget(target: string | undefined): UpgradeTarget | undefined {
  const text = target?.startsWith("/") ? `http://host.invalid${target}` : target ?? "";
  const url = ABSOLUTE.test(text) ? URL.parse(text) : null;
  if (url === null) return undefined;
  const { pathname, searchParams } = url;
  return { path: pathname.replace(/(?<=[^/])\/+$/, ""), query: searchParams };
}
