/**
 * The outcome of authentication: what a valid credential grants, or why a credential is rejected.
 *
 * @module
 */

import { type Rights, rightsOf } from "./rights.ts";

/** What a key, a token or a ticket grants: plain data that a Store can hold. */
export interface Claims {
  /** The key's id, `jwt:<sub>` for a token; undefined on an open hub. */
  readonly keyId: string | undefined;
  /** Patterns of the channels on which it may publish. */
  readonly publish: readonly string[];
  /** Patterns of the channels that it may subscribe to. */
  readonly subscribe: readonly string[];
  /** Whether it may inspect and close other connections. */
  readonly admin: boolean;
  /** When it expires, wall-clock ms. */
  readonly expiresAtMs?: number;
  /** Connections of this key at the same time. */
  readonly maxConnections?: number;
  /** Messages of all its connections together in any minute. */
  readonly maxMessagesPerMinute?: number;
}

/** What a connection or request may do, and with which key. */
export interface Grant extends Claims {
  /** Channels, by the patterns. */
  readonly rights: Rights;
}

/** What is wrong with a key, for a profile that has a text of its own for it. */
export type KeyFault = "invalid" | "suspended" | "expired";

/** The outcome of a check. */
export type AuthResult =
  | { readonly kind: "granted"; readonly grant: Grant }
  /** `detail` is for the client; it never holds the credential. */
  | { readonly kind: "rejected"; readonly detail: string; readonly fault?: KeyFault };

/** The grant that claims describe. */
export function grantOf(claims: Claims): Grant {
  return { ...claims, rights: rightsOf(claims) };
}

/** On an open hub every client may do everything. */
export const OPEN_GRANT: Grant = grantOf({
  keyId: undefined,
  publish: ["*"],
  subscribe: ["*"],
  admin: true,
});

/** The result for a credential that is not valid. @param detail for the client: why */
export function rejected(detail: string, fault?: KeyFault): AuthResult {
  return { kind: "rejected", detail, ...(fault !== undefined && { fault }) };
}
