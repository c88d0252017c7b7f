/**
 * Keys and tokens for a server under test. Every secret is long, made of letters and digits, and
 * unlike any other, so that it can be looked for in what the server says.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { SignJWT, UnsecuredJWT } from "jose";

/** What a key gives; see API_KEYS. */
export interface KeyTerms {
  readonly publish?: readonly string[];
  readonly subscribe?: readonly string[];
  readonly admin?: boolean;
  readonly maxConnections?: number;
  readonly maxMessagesPerMinute?: number;
  readonly expiresAt?: string;
}

/** A key in all its forms. */
export interface TestKey {
  readonly id: string;
  readonly secret: string;
  /** What most clients present: `<id>.<secret>`. */
  readonly credential: string;
  /** What events-hub's clients present as `X-Api-Key`. */
  readonly pair: string;
  /** What the server is told. */
  readonly entry: KeyTerms & { readonly id: string; readonly secretSha256: string };
}

/** Makes a key; it may publish and subscribe everywhere unless told otherwise. */
export function testKey(id: string, terms: KeyTerms = {}): TestKey {
  const secret = sha256(`${Math.random()} ${id}`).slice(0, 40);
  const rights = { publish: ["*"], subscribe: ["*"] };
  return {
    id,
    secret,
    credential: `${id}.${secret}`,
    pair: btoa(`${id}:${secret}`),
    entry: { id, secretSha256: sha256(secret), ...rights, ...terms },
  };
}

/** The value of API_KEYS. */
export function apiKeys(...keys: readonly TestKey[]): string {
  return JSON.stringify(keys.map(({ entry }) => entry));
}

/** How a token differs from a good one. */
export interface TokenTerms {
  readonly sub?: string;
  /** Seconds from now; null: a token without `exp`. */
  readonly expiresInS?: number | null;
  /** The claim `systole`. */
  readonly systole?: KeyTerms;
}

/** A token signed with a secret (HS256). */
export function signedToken(secret: string, terms: TokenTerms = {}): Promise<string> {
  return new SignJWT(claimsOf(terms)).setProtectedHeader({ alg: "HS256" })
    .sign(new TextEncoder().encode(secret));
}

/** A token that nobody has signed (`alg: none`). */
export function unsignedToken(terms: TokenTerms = {}): string {
  return new UnsecuredJWT(claimsOf(terms)).encode();
}

function claimsOf({ sub = "alice", expiresInS = 600, systole }: TokenTerms) {
  const rights = { publish: ["*"], subscribe: ["*"], ...systole };
  const exp = expiresInS === null ? {} : { exp: Math.floor(Date.now() / 1_000) + expiresInS };
  return { sub, systole: rights, ...exp };
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
