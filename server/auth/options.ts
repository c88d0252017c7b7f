/**
 * The options of authentication: keys, tokens, tickets and suspension. An option of `AUTH_OPTIONS` is
 * in `Config.auth` under its name in camel case.
 *
 * @module
 */

import { derived, option } from "../base/option.ts";
import { addressBlocks, count, milliseconds, path, secret } from "../base/option_values.ts";

/** HS256 needs a key at least as long as its hash (RFC 7518 section 3.2). */
const MIN_JWT_SECRET_BYTES = 32;

/** The text of the keys: config.ts reads it, `Config.auth` has the keys themselves. */
export const KEY_OPTIONS = {
  API_KEYS: derived(secret({ unit: "JSON" }), {
    meaning: "the keys, a list; without keys and tokens the hub is open",
  }),
  API_KEYS_2: derived(secret({ unit: "JSON" }), {
    meaning: "a second list of keys, where a platform limits the length of a variable",
  }),
  API_KEYS_3: derived(secret({ unit: "JSON" }), { meaning: "a third one" }),
  API_KEYS_4: derived(secret({ unit: "JSON" }), { meaning: "a fourth one" }),
};

/** What is in `Config.auth` under its own name. */
export const AUTH_OPTIONS = {
  API_KEYS_FILE: derived(path, { meaning: "file with that list, instead of API_KEYS" }),
  JWT_SECRET: derived(secret({ unit: "text", minBytes: MIN_JWT_SECRET_BYTES }), {
    meaning: "accepts JWTs signed with it by HS256; at least 32 bytes",
  }),
  JWKS_FILE: derived(path, {
    meaning: "accepts JWTs signed by one of its public keys (RS256, ES256, EdDSA)",
  }),
  TRUSTED_PROXIES: option<readonly string[]>(addressBlocks, {
    fallback: [],
    shown: "none",
    meaning: "addresses or CIDR blocks whose X-Forwarded-For is believed, separated by commas",
  }),
  TICKETS_PER_MINUTE: option(count(), {
    fallback: 20,
    meaning: "socket tickets that one key may fetch in any minute; 0 = off",
  }),
  TICKET_TTL_MS: option(milliseconds(), {
    fallback: 300_000,
    meaning: "a socket ticket is valid for this long, once",
  }),
  SUSPEND_AFTER_VIOLATIONS: option(count(), {
    fallback: 3,
    meaning: "so many closings for rate within SUSPEND_WINDOW_MS suspend the key; 0 = never",
  }),
  SUSPEND_WINDOW_MS: option(milliseconds(), {
    fallback: 600_000,
    meaning: "violations of a key are counted over this long",
  }),
  SUSPEND_MS: option(milliseconds(), {
    fallback: 900_000,
    meaning: "a suspension lasts this long",
  }),
};
