/**
 * JWT bearer tokens: signed with `JWT_SECRET` (HS256) or by a key of `JWKS_FILE` (RS256, ES256,
 * EdDSA), with what they give in the claim `systole`. The only importer of jose.
 *
 * The two ways are kept apart by the token's own algorithm, so that a public key can never serve as
 * an HMAC secret; `none` belongs to neither. Must not repeat a token, nor a claim, in a detail.
 *
 * @module
 */

import {
  createLocalJWKSet,
  decodeProtectedHeader,
  importJWK,
  type JWK,
  jwtVerify,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
} from "jose";
import * as v from "valibot";
import { ConfigError } from "../base/errors.ts";
import { type Fields, isObject, parseJson } from "../base/json.ts";
import { type AuthResult, grantOf, rejected } from "./grant.ts";
import { fieldProblems, GRANT_FIELDS, GRANT_RULES } from "./claims_schema.ts";

/** What the key id of a token begins with: no configured key's can, as it has no colon. */
export const TOKEN_KEY_PREFIX = "jwt:";

/** The subject of the token that a key id stands for; undefined: it is that of a key, or of none. */
export function subjectOf(keyId: string | undefined): string | undefined {
  if (!keyId?.startsWith(TOKEN_KEY_PREFIX)) return undefined;
  return keyId.slice(TOKEN_KEY_PREFIX.length);
}

/** A public key as a JSON Web Key (RFC 7517): what `parseJwks()` has found good. */
export type PublicKey = Fields;

/** What signatures are checked with; at least one. */
export interface TokenKeys {
  /** Of HS256, at least 32 bytes (RFC 7518 section 3.2). */
  readonly secret?: string;
  /** Of RS256, ES256 and EdDSA: what `parseJwks()` gave. */
  readonly jwks?: readonly PublicKey[];
}

/** Checks a signature and the times, asynchronously. @throws whatever jose's `jwtVerify()` does */
export type VerifyToken = typeof verifyToken;

/** By WebCrypto, whose answer comes in a later turn of the event loop. */
export function verifyToken(
  token: string,
  key: Uint8Array | JWTVerifyGetKey,
  options: JWTVerifyOptions,
): Promise<{ readonly payload: unknown }> {
  return key instanceof Uint8Array
    ? jwtVerify(token, key, options)
    : jwtVerify(token, key, options);
}

/** The last moment that a Date can hold, in seconds. */
const MAX_EXP = 8.64e12;

const CLAIMS = v.object({
  // Bounded, as it becomes part of a Store's key; one line, as it is logged.
  sub: v.pipe(v.string(), v.regex(/^[^\p{Cc}\p{Cs}]{1,256}$/u)),
  exp: v.pipe(v.number(), v.maxValue(MAX_EXP)),
});
const GIVEN = v.strictObject(GRANT_FIELDS);

export class Tokens {
  readonly #secret: Uint8Array | undefined;
  readonly #verifyToken: VerifyToken;
  readonly #jwks: ReturnType<typeof createLocalJWKSet> | undefined;

  /** Fixed from the start. */
  constructor({ secret, jwks }: TokenKeys, verify: VerifyToken = verifyToken) {
    this.#verifyToken = verify;
    this.#secret = secret === undefined ? undefined : new TextEncoder().encode(secret);
    this.#jwks = jwks === undefined ? undefined : createLocalJWKSet({ keys: [...jwks] as JWK[] });
  }

  /** Checks a token, suspension aside. Never throws. @param nowMs wall-clock time */
  async check(token: string, nowMs: number): Promise<AuthResult> {
    let payload: unknown;
    try {
      payload = await this.#verify(token, new Date(nowMs));
    } catch (error) {
      // Whatever jose or the platform throws, the token has not proved itself.
      return rejected(DETAILS[codeOf(error)] ?? "the token is not valid");
    }
    const claims = v.safeParse(CLAIMS, payload);
    if (!claims.success) return rejected("the token needs the claims sub and exp");
    const given = v.safeParse(GIVEN, (payload as Fields).systole);
    if (!given.success) {
      const problems = fieldProblems(given.issues, GRANT_RULES).join("; ");
      return rejected(`the token's claim systole cannot be used: ${problems}`);
    }
    const { sub, exp } = claims.output;
    const granted = { keyId: TOKEN_KEY_PREFIX + sub, ...given.output, expiresAtMs: exp * 1_000 };
    return { kind: "granted", grant: grantOf(granted) };
  }

  /** @throws whatever jose does when the token has not proved itself */
  async #verify(token: string, currentDate: Date): Promise<unknown> {
    const options = { currentDate, requiredClaims: ["sub", "exp"] };
    const symmetric = decodeProtectedHeader(token).alg === "HS256";
    if (!symmetric && this.#jwks !== undefined) {
      const algorithms = ["RS256", "ES256", "EdDSA", "Ed25519"];
      return (await this.#verifyToken(token, this.#jwks, { ...options, algorithms })).payload;
    }
    // Without a secret no algorithm is left.
    const secret = this.#secret ?? new Uint8Array();
    const algorithms = this.#secret === undefined ? [] : ["HS256"];
    return (await this.#verifyToken(token, secret, { ...options, algorithms })).payload;
  }
}

/** The detail for the client, by jose's error code. */
const DETAILS: Readonly<Record<string, string>> = {
  ERR_JWT_EXPIRED: "the token has expired",
  ERR_JOSE_ALG_NOT_ALLOWED: "the token is not signed in a way that is accepted here",
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: "the token is not signed by a key that is trusted here",
  ERR_JWKS_NO_MATCHING_KEY: "the token is not signed by a key that is trusted here",
  ERR_JWKS_MULTIPLE_MATCHING_KEYS: "the token must name the key that signed it (kid)",
};

function codeOf(error: unknown): string {
  return isObject(error) ? String(error.code) : "";
}

/**
 * Reads the public keys that may sign tokens from a JSON Web Key Set. Keys for other uses, which
 * identity providers put beside them, are left out.
 *
 * @param text the file's content
 * @throws {ConfigError} with every problem, naming keys by position, never a value
 */
export async function parseJwks(text: string): Promise<readonly PublicKey[]> {
  const set = parseJson(text);
  const keys = isObject(set) && Array.isArray(set.keys) ? set.keys : [];
  const usable: PublicKey[] = [];
  const problems: string[] = [];
  for (const [index, key] of keys.entries()) {
    const problem = await readJwk(key, usable);
    if (problem !== undefined) problems.push(`JWKS_FILE: key number ${index + 1} ${problem}`);
  }
  if (usable.length === 0 && problems.length === 0) {
    problems.push(
      'JWKS_FILE must be a JSON Web Key Set {"keys":[…]} with at least one public key for ' +
        "RS256 (kty RSA), ES256 (EC, P-256) or EdDSA (OKP, Ed25519)",
    );
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return usable;
}

/** Adds a key to the usable ones if it is one, or returns what is wrong with it. */
async function readJwk(key: unknown, usable: PublicKey[]): Promise<string | undefined> {
  if (!isObject(key)) return "must be a JSON object";
  if ("d" in key || "k" in key) return "must be public: keep the half that signs out of the file";
  const algorithm = algorithmOf(key);
  if (algorithm === undefined) return;
  try {
    await importJWK(key as JWK, algorithm);
    usable.push(key);
  } catch {
    return `must be a key for ${algorithm}: its numbers are none`;
  }
}

/** What a key verifies, by its sort; undefined when it is for something else. */
function algorithmOf({ kty, crv, alg, use }: Fields): string | undefined {
  const byKind: Record<string, string[]> = {
    "RSA": ["RS256"],
    "EC P-256": ["ES256"],
    "OKP Ed25519": ["EdDSA", "Ed25519"],
  };
  const [kind, ...aliases] = byKind[kty === "RSA" ? kty : `${kty} ${crv}`] ?? [];
  if (use !== undefined && use !== "sig") return undefined;
  return alg === undefined || [kind, ...aliases].includes(String(alg)) ? kind : undefined;
}
