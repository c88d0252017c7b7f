/**
 * The one table of why an upgrade is refused: how the log and the metrics call it, and what the peer
 * is told where its system has no words of its own. Why a connection ends stands in close_codes.ts.
 *
 * @module
 */

/** The name of a row: the label operators and metrics use. */
export type RefusalReason =
  | "not_found"
  | "foreign_host"
  | "foreign_origin"
  | "draining"
  | "too_many_connections"
  | "too_many_from_address"
  | "too_many_at_once"
  | "too_many_for_key"
  | "unauthorized"
  | "bad_handshake";

/** What the peer is told; of `unauthorized` the gate knows more. */
export const REFUSAL_DETAILS: Readonly<Record<RefusalReason, string>> = {
  not_found: "no WebSocket is here; use /ws",
  foreign_host: "this open server answers to a loopback Host only",
  foreign_origin: "this Origin is not in ALLOWED_ORIGINS",
  draining: "the server is restarting",
  too_many_connections: "too many connections",
  too_many_from_address: "too many from this address",
  too_many_at_once: "too many at once",
  too_many_for_key: "too many for this key",
  unauthorized: "no valid credential",
  bad_handshake: "no valid WebSocket handshake",
};

/** Every reason's name, in the order of the table. */
export const REFUSAL_REASONS = Object.keys(REFUSAL_DETAILS) as readonly RefusalReason[];
