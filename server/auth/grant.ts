/**
 * What a credential gives: the outcome of authentication, which the rest of the house goes by.
 *
 * @module
 */

import { type Rights, rightsOf } from "./rights.ts";

/** What a key, a token or a ticket says: plain data, fit for a Store. */
export interface Claims {
  /** The key's id, `jwt:<sub>` for a token; undefined on an open hub. */
  readonly keyId: string | undefined;
  /** Patterns of the channels on which it may publish. */
  readonly publish: readonly string[];
  /** Patterns of the channels that it may follow. */
  readonly subscribe: readonly string[];
  /** Whether it may look at and end what others do. */
  readonly admin: boolean;
  /** When it ends, wall-clock ms. */
  readonly expiresAtMs?: number;
  /** Connections of this key at the same time. */
  readonly maxConnections?: number;
  /** Messages of all its connections together in any minute. */
  readonly maxMessagesPerMinute?: number;
}

/** What a connection or request may do, and in whose name. */
export interface Grant extends Claims {
  /** Channels, by the patterns. */
  readonly rights: Rights;
}

/** The outcome of a check. */
export type AuthResult =
  | { readonly kind: "granted"; readonly grant: Grant }
  /** `detail` is for the client; it never holds the credential. */
  | { readonly kind: "refused"; readonly detail: string };

/** The grant that claims describe. */
export function grantOf(claims: Claims): Grant {
  return { ...claims, rights: rightsOf(claims) };
}

/** On an open hub everybody may do everything. */
export const OPEN_GRANT: Grant = grantOf({
  keyId: undefined,
  publish: ["*"],
  subscribe: ["*"],
  admin: true,
});

/** A credential that gives nothing. @param detail for the client: why */
export function refused(detail: string): AuthResult {
  return { kind: "refused", detail };
}
