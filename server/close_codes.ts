/**
 * The tables of why a connection ends and why an upgrade is rejected: every other module names a row,
 * none invents a code. Owns the reasons, what the peer gets and what the operator sees.
 *
 * @module
 */

import type { HttpRejection } from "./base/problem.ts";

/** How the server closes a connection. */
export type Ending =
  /** Send what is queued, then the close frame, then wait for the peer's own. */
  | "graceful"
  /** Drop what is queued, send the close frame, end TCP without waiting or reading on. */
  | "immediate"
  /** No frame at all: the peer sees 1006. */
  | "abort"
  /** Nothing to do: the peer or the network ended it. */
  | "none";

/** Causes of an end, for operators; three of them depend on more than the reason. */
export const CAUSES = [
  "client close",
  "network",
  "slow consumer",
  "client fault",
  "rate",
  "auth",
  "drain",
  "admin",
  "server stall",
  "proxy idle cut",
  "frozen",
] as const;

/** One of `CAUSES`. */
export type Cause = typeof CAUSES[number];

/** A row of the table. */
export interface CloseRow {
  /** The close code the peer sees (RFC 6455 section 7.4); 1006 where no close frame is sent. */
  readonly code: number;
  /** What the peer reads beside the code. With the retry hint at most 123 bytes (RFC 6455 5.5). */
  readonly text: string;
  /** How the server closes it. */
  readonly ending: Ending;
  /** May the client reconnect by itself? */
  readonly mayRetry: boolean;
  /** The earliest time for that, ms. */
  readonly afterMs: number;
  /** The cause, where nothing else is known. */
  readonly cause: Cause;
}

/** What may differ from the row for one connection. */
export type CloseChange = Partial<Pick<CloseRow, "code" | "afterMs">>;

/** Every reason a connection can end for. */
export const CLOSE_REASONS = {
  client_close: row(1000, "none", "closed by the client", "client close"),
  network_error: row(1006, "none", "connection lost", "network"),
  stale: row(1006, "abort", "no sign of life within pongWait", "network"),
  missed_heartbeats: row(1006, "abort", "too many heartbeats missed", "network"),
  write_timeout: row(1006, "abort", "a write was not drained in time", "slow consumer"),
  slow_consumer: row(
    1013,
    "immediate",
    "reading too slowly, send queue full",
    "slow consumer",
    1_000,
  ),
  message_too_big: never(1009, "immediate", "message larger than the limit", "client fault"),
  bad_frame: never(1002, "immediate", "not a valid WebSocket frame", "client fault"),
  rate_limited: row(1008, "immediate", "too many messages", "rate", 60_000),
  key_suspended: row(1008, "graceful", "key suspended", "rate", 60_000),
  unauthorized: never(3000, "immediate", "not authorized", "auth"), // for talo, see Upgrader
  token_expired: never(1008, "graceful", "token expired", "auth"),
  overload: row(1013, "immediate", "server overloaded", "slow consumer", 5_000),
  drain: row(1012, "graceful", "server restarting", "drain", 1_000),
  admin: never(1000, "graceful", "closed by an operator", "admin"),
} as const satisfies Readonly<Record<string, CloseRow>>;

/** The name of a row: the label that operators and metrics use. */
export type CloseReason = keyof typeof CLOSE_REASONS;

/** Every reason's name, in the order of the table. */
export const REASON_NAMES = Object.keys(CLOSE_REASONS) as readonly CloseReason[];

/**
 * The text of a close frame: what happened and whether to reconnect, readable by people and, after
 * the last semicolon, by a client (`afterMs=1000` or `no retry`).
 *
 * @param reason the row
 * @param afterMs overrides the row's wait, ms: a drain spreads its clients
 */
export function closeText(reason: CloseReason, afterMs?: number): string {
  const { text, mayRetry, afterMs: rowAfterMs } = CLOSE_REASONS[reason];
  return `${reason}: ${text}; ${mayRetry ? `afterMs=${afterMs ?? rowAfterMs}` : "no retry"}`;
}

function row(code: number, ending: Ending, text: string, cause: Cause, afterMs = 0): CloseRow {
  return { code, text, ending, mayRetry: true, afterMs, cause };
}

function never(code: number, ending: Ending, text: string, cause: Cause): CloseRow {
  return { code, text, ending, mayRetry: false, afterMs: 0, cause };
}

/**
 * Why an upgrade is rejected, with the text for the peer; for `unauthorized` the authenticator knows
 * more. The name is the label that operators and metrics use.
 */
export const REJECTION_DETAILS = {
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
} as const;

export type RejectionReason = keyof typeof REJECTION_DETAILS;

/** Every reason's name, in the order of the table. */
export const REJECTION_REASONS = Object.keys(REJECTION_DETAILS) as readonly RejectionReason[];

/** How a rejection is sent. */
export type RejectionResponse =
  /** An HTTP answer, and no upgrade. */
  | HttpRejection
  /** The upgrade, then these frames, then a close. */
  | {
    readonly kind: "close";
    readonly texts: readonly string[];
    readonly code: number;
    readonly reason: string;
  };
