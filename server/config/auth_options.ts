/**
 * The options of the auth: keys, tokens, tickets, limits and suspension.
 *
 * @module
 */

import { derived, option } from "../base/option.ts";
import { addressBlocks, count, milliseconds, path, secret } from "../base/option_values.ts";

/** HS256 needs a key at least as long as its hash (RFC 7518 section 3.2). */
const MIN_JWT_SECRET_BYTES = 32;

/** Where credentials come from and what outlives the process. */
export const CREDENTIAL_OPTIONS = {
  API_KEYS: derived(secret({ unit: "JSON" }), {
    meaning: "the keys, a list; without keys and tokens the hub is open",
  }),
  API_KEYS_FILE: derived(path, { meaning: "file with that list, instead of API_KEYS" }),
  JWT_SECRET: derived(secret({ unit: "text", minBytes: MIN_JWT_SECRET_BYTES }), {
    meaning: "accepts JWTs signed with it by HS256; at least 32 bytes",
  }),
  JWKS_FILE: derived(path, {
    meaning: "accepts JWTs signed by one of its public keys (RS256, ES256, EdDSA)",
  }),
  DATA_DIR: derived(path, {
    shown: "none: memory only",
    meaning: "folder for what outlives a restart (suspensions, tickets); `deno task start` may " +
      "write below data/ only",
  }),
  TRUSTED_PROXIES: option<readonly string[]>(addressBlocks, {
    fallback: [],
    shown: "none",
    meaning: "addresses or CIDR blocks whose X-Forwarded-For is believed, separated by commas",
  }),
};

/** How much a key may do. */
export const KEY_LIMIT_OPTIONS = {
  MAX_CONNECTIONS_PER_KEY: option(count(), {
    fallback: 0,
    meaning: "connections with one key that has no limit of its own; 0 = off",
  }),
  TICKETS_PER_MINUTE: option(count(), {
    fallback: 20,
    meaning: "socket tickets that one key may fetch in any minute; 0 = off",
  }),
  TICKET_TTL_MS: option(milliseconds(), {
    fallback: 300_000,
    meaning: "a socket ticket is valid for this long, once",
  }),
  INFOWAY_MESSAGES_PER_MINUTE: option(count(), {
    fallback: 60,
    meaning: "infoway: messages of one connection in any minute; 0 = off",
  }),
  TALO_MESSAGES_PER_MINUTE: option(count(), {
    fallback: 300,
    meaning: "talo: messages of one connection in any minute before it is identified; 0 = off",
  }),
  TALO_MESSAGES_PER_MINUTE_IDENTIFIED: option(count(), {
    fallback: 3600,
    meaning: "talo: the same after that; 0 = off",
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
