/**
 * By what a repeat of a publication is known: its id, and within what the id counts. Pure.
 *
 * @module
 */

import type { PublicationId } from "../message.ts";

/**
 * The same text for repeats alone: within the publisher's session, if it names one, and its user; else
 * within the connection.
 *
 * @param publisher its connection, and the key or user that it authenticated as
 * @returns undefined for a publication without an id
 */
export function publicationKey(
  { once }: { readonly once?: PublicationId },
  { id: connection, keyId = "" }: { readonly id: string; readonly keyId: string | undefined },
): string | undefined {
  if (once === undefined) return undefined;
  const { id, session } = once;
  if (session === undefined) return keyOf("connection", connection, id);
  return keyOf("session", `${session.length}:${session}${keyId}`, id);
}

/** The same for a publication over HTTP, whose id counts within the key. */
export function httpPublicationKey(id: string | undefined, keyId = ""): string | undefined {
  return id === undefined ? undefined : keyOf("http", keyId, id);
}

/** The length tells where the scope ends: no two different pairs have the same text. */
function keyOf(kind: "connection" | "session" | "http", scope: string, id: string): string {
  return `${kind[0]}${scope.length}:${scope}${id}`;
}
