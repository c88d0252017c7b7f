/**
 * How a key's JSON and a token's `systole` claim state what they give: the fields that both share,
 * and the wording of a bad field. Must not repeat a value: it may be a secret in the wrong place.
 *
 * @module
 */

import * as v from "valibot";

/** Longest pattern, as the longest channel name of the json profile. */
const MAX_PATTERN_LENGTH = 256;
/** Longer field names are cut in a problem. */
const MAX_SHOWN = 30;

const patterns = v.array(v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_PATTERN_LENGTH)));
// From 1: elsewhere 0 turns a limit off, and here a reader might take it for "none at all".
const limit = v.pipe(v.number(), v.safeInteger(), v.minValue(1));

/** The shared fields. What is left out is not given: no channel, no admin. */
export const GRANT_FIELDS = {
  publish: v.optional(patterns, []),
  subscribe: v.optional(patterns, []),
  admin: v.optional(v.boolean(), false),
  maxConnections: v.optional(limit),
  maxMessagesPerMinute: v.optional(limit),
};

/** What each shared field must be. */
export const GRANT_RULES: Readonly<Record<keyof typeof GRANT_FIELDS, string>> = {
  publish: `a list of channel patterns of 1 to ${MAX_PATTERN_LENGTH} characters, like ["news/*"]`,
  subscribe: `a list of channel patterns of 1 to ${MAX_PATTERN_LENGTH} characters, like ["*"]`,
  admin: "true or false",
  maxConnections: "a whole number from 1",
  maxMessagesPerMinute: "a whole number from 1",
};

/** Where in an object something is wrong; without a path it is no object. */
export interface Issue {
  /** The field, then what is within it. */
  readonly path?: readonly { readonly key: unknown }[];
}

/**
 * What is wrong with an object, a line per field.
 *
 * @param issues of one strict object
 * @param rules what each of its fields must be
 */
export function fieldProblems(
  issues: readonly Issue[],
  rules: Readonly<Record<string, string>>,
): string[] {
  const lines = issues.map(({ path }) => {
    const field = String(path?.[0].key);
    if (path === undefined) return "must be a JSON object";
    if (Object.hasOwn(rules, field)) return `${field} must be ${rules[field]}`;
    const shown = JSON.stringify(field.slice(0, MAX_SHOWN));
    return `${shown} is no field; the fields are ${Object.keys(rules).join(", ")}`;
  });
  return [...new Set(lines)];
}
