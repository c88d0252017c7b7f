/**
 * Checks the credential that a request presents. On an open hub every request is granted, except one
 * whose credential cannot be read.
 *
 * Owns the order of the checks: the credential first, so that only its owner learns that a key has
 * expired or is suspended. No detail repeats a credential.
 *
 * @module
 */

import type { Clock } from "../base/clock.ts";
import { assertNever } from "../base/errors.ts";
import {
  type AuthResult,
  type Claims,
  type Grant,
  grantOf,
  OPEN_GRANT,
  rejected,
} from "./grant.ts";
import { type IdAndSecret, type KeyRing, splitCredential } from "./keys.ts";
import type { Suspensions } from "./suspensions.ts";
import type { Tickets } from "./tickets.ts";
import { TOKEN_KEY_PREFIX, type Tokens } from "./tokens.ts";
import type { Credential } from "./credential.ts";

export interface AuthenticatorOptions {
  /** The configured keys. */
  readonly keys: KeyRing;
  /** Checks JWTs; undefined where none are accepted. */
  readonly tokens: Tokens | undefined;
  /** Redeems tickets. */
  readonly tickets: Tickets;
  readonly suspensions: Suspensions;
  readonly clock: Clock;
  /** Called when a credential could not be checked. */
  readonly onError: (error: unknown) => void;
}

type Readable = Exclude<Credential, { kind: "unreadable" }>;

export class Authenticator {
  /** Undefined on an open hub. */
  readonly #options: AuthenticatorOptions | undefined;

  /** Without options, or without keys and tokens among them, the hub is open. */
  constructor(options?: AuthenticatorOptions) {
    const closed = options !== undefined &&
      (options.keys.size > 0 || options.tokens !== undefined);
    this.#options = closed ? options : undefined;
  }

  /** Whether neither keys nor tokens are configured. */
  get open(): boolean {
    return this.#options === undefined;
  }

  /** Checks a credential; a ticket is used up by it. Never rejects. */
  async check(presented: Credential): Promise<AuthResult> {
    if (presented.kind === "unreadable") return rejected(presented.detail);
    if (this.#options === undefined) return { kind: "granted", grant: OPEN_GRANT };
    try {
      const result = await authenticate(presented, this.#options);
      return result.kind === "granted" ? await checkValidity(result.grant, this.#options) : result;
    } catch (error) {
      this.#options.onError(error);
      return rejected("the credential cannot be checked at the moment");
    }
  }

  /**
   * Whether a string is a key's credential, and the key neither expired nor suspended; on an open
   * hub, or one without keys, any string is. Does not wait for the store, so it may miss a suspension
   * by another node.
   */
  readonly isKey = (credential: string): boolean => {
    if (this.#options === undefined) return true;
    const { keys, suspensions, clock } = this.#options;
    if (keys.size === 0) return true; // tokens alone are configured: there are no keys
    const parts = splitCredential(credential);
    const grant = parts && keys.verify(parts);
    return grant?.keyId !== undefined && !expired(grant, clock) &&
      !suspensions.isSuspendedHere(grant.keyId);
  };
}

/** Finds the grant of a credential. */
async function authenticate(
  presented: Readable,
  options: AuthenticatorOptions,
): Promise<AuthResult> {
  switch (presented.kind) {
    case "none":
      return rejected("no credential");
    case "pair":
      return byKey(presented, options);
    case "token":
      return await byToken(presented.token, options);
    case "ticket":
      return await byTicket(presented.ticket, options);
    default:
      return assertNever(presented);
  }
}

/** One text for an unknown id and a wrong secret: it must not reveal which keys exist. */
function byKey(parts: IdAndSecret, { keys }: AuthenticatorOptions): AuthResult {
  const grant = keys.verify(parts);
  return grant === undefined
    ? rejected("unknown key or wrong secret", "invalid")
    : { kind: "granted", grant };
}

async function byToken(token: string, options: AuthenticatorOptions): Promise<AuthResult> {
  const parts = splitCredential(token);
  if (parts !== undefined) return byKey(parts, options);
  if (token.split(".").length !== 3) {
    return rejected("the credential is neither <id>.<secret> nor a JWT");
  }
  const { tokens, clock } = options;
  return await tokens?.check(token, clock.wall()) ?? rejected("no JWT is accepted here");
}

async function byTicket(ticket: string, options: AuthenticatorOptions): Promise<AuthResult> {
  const claims = await options.tickets.redeem(ticket);
  const grant = claims && currentGrant(claims, options);
  return grant === undefined
    ? rejected("unknown, used or expired ticket")
    : { kind: "granted", grant };
}

/**
 * A ticket grants what its key grants now, so removing a key invalidates its tickets. One that was
 * fetched while the hub was open grants nothing.
 */
function currentGrant(claims: Claims, { keys, tokens }: AuthenticatorOptions): Grant | undefined {
  if (!claims.keyId?.startsWith(TOKEN_KEY_PREFIX)) return keys.grantOf(claims.keyId ?? "");
  return tokens === undefined ? undefined : grantOf(claims);
}

/** Whether a genuine credential is still valid. */
async function checkValidity(
  grant: Grant,
  { clock, suspensions }: AuthenticatorOptions,
): Promise<AuthResult> {
  if (expired(grant, clock)) return rejected("the key has expired", "expired");
  if (await suspensions.isSuspended(grant.keyId ?? "")) {
    return rejected("the key is suspended for breaking its limits", "suspended");
  }
  return { kind: "granted", grant };
}

function expired({ expiresAtMs = Infinity }: Grant, clock: Clock): boolean {
  return expiresAtMs <= clock.wall();
}
