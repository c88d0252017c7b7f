/**
 * The configured keys: read from JSON, and looked up by credential in constant time.
 *
 * Owns the form of a key and of the credential `<id>.<secret>`. Keeps of a secret only its SHA-256,
 * and must not repeat a value of the JSON in a problem: it may be a secret in the wrong place.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createHash, timingSafeEqual } from "node:crypto";
import * as v from "valibot";
import { ConfigError } from "../base/errors.ts";
import { parseJson } from "../base/json.ts";
import { type Grant, grantOf } from "./grant.ts";
import { fieldProblems, GRANT_FIELDS, GRANT_RULES } from "./claims_schema.ts";

/** A key: the hash of its secret, and what it grants. */
export interface Key {
  /** `[A-Za-z0-9_-]+`, unique. */
  readonly id: string;
  /** SHA-256 of the secret's characters, 32 bytes. */
  readonly secretHash: Uint8Array;
  /** What it gives. */
  readonly grant: Grant;
}

/** Id and secret, apart. */
export interface IdAndSecret {
  /** The key's id. */
  readonly id: string;
  /** The secret itself. */
  readonly secret: string;
}

/** What ids and secrets are made of; no dot and no colon, since those stand between the two. */
const WORD = /^[A-Za-z0-9_-]+$/;
const MAX_ID_LENGTH = 64;

const KEY = v.strictObject({
  id: v.pipe(v.string(), v.maxLength(MAX_ID_LENGTH), v.regex(WORD)),
  secretSha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/i)),
  ...GRANT_FIELDS,
  expiresAt: v.optional(v.pipe(v.string(), v.check(isTime))),
});

const RULES: Readonly<Record<keyof typeof KEY.entries, string>> = {
  id: `1 to ${MAX_ID_LENGTH} letters, digits, _ or -`,
  secretSha256: "the 64 hex digits of the secret's SHA-256",
  ...GRANT_RULES,
  expiresAt: "an ISO 8601 time with its zone, like 2027-01-01T00:00:00Z",
};

/** A point in time that does not depend on where the server stands, on a day that exists. */
function isTime(text: string): boolean {
  const form = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/.exec(text);
  if (form === null || Number.isNaN(Date.parse(text))) return false;
  // Date.parse makes March of 30 February.
  return new Date(`${form[1]}T00:00:00Z`).toISOString().startsWith(form[1]);
}

/** A JSON list of keys, with the option that it came by, for the problems. */
export interface KeyList {
  readonly text: string;
  readonly source: string;
}

/** Reads lists of keys: those keys that are good, and a line for each problem. */
export function readKeys(
  lists: readonly KeyList[],
): { readonly keys: readonly Key[]; readonly problems: string[] } {
  const keys: Key[] = [];
  const problems: string[] = [];
  for (const { text, source } of lists) {
    const list = parseJson(text);
    if (!Array.isArray(list) || list.length === 0) {
      // Never an open hub by mistake: an empty list is no way to say "no keys".
      problems.push(
        `${source} must be a JSON list of at least one key, ` +
          'like [{"id":"k1","secretSha256":"…","publish":["*"]}]; `deno task key` makes one',
      );
      continue;
    }
    list.forEach((item, index) => {
      const result = v.safeParse(KEY, item);
      if (result.success) keys.push(toKey(result.output));
      else {
        const name = nameOf(item, index);
        const lines = fieldProblems(result.issues, RULES);
        problems.push(...lines.map((line) => `${source}: ${name}: ${line}`));
      }
    });
  }
  const sources = lists.map(({ source }) => source).join(", ");
  const ids = keys.map(({ id }) => id);
  for (const id of new Set(ids.filter((id, index) => ids.indexOf(id) !== index))) {
    problems.push(`${sources}: the id ${id} must belong to one key only`);
  }
  return { keys, problems };
}

/**
 * Reads keys from JSON.
 *
 * @param text a JSON list of keys
 * @param source the option that the text came by
 * @throws {ConfigError} with every problem; names keys by id or position, never a secret
 */
export function parseKeys(text: string, source = "API_KEYS_FILE"): readonly Key[] {
  const { keys, problems } = readKeys([{ text, source }]);
  if (problems.length > 0) throw new ConfigError(problems);
  return keys;
}

/** A key's name in a problem: an id that is bad is not shown, as it may hold the secret. */
function nameOf(item: unknown, index: number): string {
  const id = v.safeParse(v.looseObject({ id: KEY.entries.id }), item);
  return id.success ? `key ${id.output.id}` : `key number ${index + 1}`;
}

function toKey({ id, secretSha256, expiresAt, ...claims }: v.InferOutput<typeof KEY>): Key {
  const expiry = expiresAt === undefined ? {} : { expiresAtMs: Date.parse(expiresAt) };
  return {
    id,
    secretHash: Buffer.from(secretSha256, "hex"),
    grant: grantOf({ keyId: id, ...claims, ...expiry }),
  };
}

/** Splits `<id>.<secret>`; undefined when it has another form. */
export function splitCredential(credential: string): IdAndSecret | undefined {
  const [id, secret, ...more] = credential.split(".");
  return WORD.test(id) && secret !== undefined && WORD.test(secret) && more.length === 0
    ? { id, secret }
    : undefined;
}

/** What the secret of an unknown id is compared with: no secret has this hash. */
const NO_HASH = new Uint8Array(32);

/** All keys of this server. */
export class KeyRing {
  readonly #keys: ReadonlyMap<string, Key>;

  /** Fixed from the start. @param keys with ids that differ */
  constructor(keys: readonly Key[]) {
    this.#keys = new Map(keys.map((key) => [key.id, key]));
  }

  /** How many there are. */
  get size(): number {
    return this.#keys.size;
  }

  /** What a key gives, by its id alone; for a credential use `verify()`. */
  grantOf(id: string): Grant | undefined {
    return this.#keys.get(id)?.grant;
  }

  /**
   * What a credential gives, in a time that reveals neither how much of the secret was right nor
   * whether the key exists. Does not check expiry and suspension.
   */
  verify({ id, secret }: IdAndSecret): Grant | undefined {
    const key = this.#keys.get(id);
    const hash = createHash("sha256").update(secret).digest();
    const right = timingSafeEqual(hash, key?.secretHash ?? NO_HASH);
    // The SHA-256 of an empty secret is what `printf "" | sha256sum` prints: a key with it is a mistake.
    return right && WORD.test(secret) ? key?.grant : undefined;
  }
}
