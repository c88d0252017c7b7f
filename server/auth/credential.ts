/**
 * The credential of a request: where it may stand, which form it has, and how a request without a
 * valid one is rejected. Pure; must not know any key.
 *
 * @module
 */

import type { KeyFault } from "./grant.ts";

/** What of a request chooses a profile. */
export interface UpgradeTarget {
  /** The path, without the query. */
  readonly path: string;
  /** What follows the `?`, decoded. */
  readonly query: URLSearchParams;
}

/** Where a request may carry a credential. */
export interface CredentialSource extends UpgradeTarget {
  /** A header by its lower-case name. */
  readonly header: (name: string) => string | undefined;
  /** The subprotocols that the client offers. */
  readonly subprotocols: readonly string[];
}

/** The credential that a request presents. */
export type Credential =
  | { readonly kind: "none" }
  /** One string: `<id>.<secret>` or a JWT. */
  | { readonly kind: "token"; readonly token: string }
  /** Id and secret apart. */
  | { readonly kind: "pair"; readonly id: string; readonly secret: string }
  /** A ticket of POST /v1/socket-tickets. */
  | { readonly kind: "ticket"; readonly ticket: string }
  /** Cannot be read; `detail` is the reason, for the client. */
  | { readonly kind: "unreadable"; readonly detail: string };

/** A token, or none where there is none or an empty one. */
export function tokenOf(token: string | null | undefined): Credential {
  return token ? { kind: "token", token } : { kind: "none" };
}

/** The token of an `Authorization: Bearer <token>` (RFC 6750 section 2.1); the scheme in any case. */
export function bearerOf({ header }: Pick<CredentialSource, "header">): string | undefined {
  return /^Bearer +(.+)$/i.exec(header("authorization") ?? "")?.[1];
}

/** Why a connection is rejected before it opens. */
export type HandshakeRejection =
  | {
    readonly kind: "unauthorized";
    readonly presented: Credential;
    readonly detail: string;
    readonly fault?: KeyFault;
  }
  | { readonly kind: "too_many_for_key"; readonly detail: string };
