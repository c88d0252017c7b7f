/**
 * Why a connection ends, and why an upgrade is rejected: two tables. They own the names of the reasons,
 * the close codes and what the peer reads; other modules name a row.
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

/**
 * Causes of an end, for operators; diagnosis/close_cause.ts chooses one by more than the reason. The last
 * one is that of connections whose own node cannot tell.
 */
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
  "node lost",
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

/** The columns of the table: code, ending, text, cause, and when to retry: after so many ms, or never. */
type Columns = readonly [
  code: number,
  ending: Ending,
  text: string,
  cause: Cause,
  retry: number | "never",
];

const CLOSE_TABLE = {
  client_close: [1000, "none", "closed by the client", "client close", 0],
  network_error: [1006, "none", "connection lost", "network", 0],
  stale: [1006, "abort", "no sign of life within pongWait", "network", 0],
  missed_heartbeats: [1006, "abort", "too many heartbeats missed", "network", 0],
  frozen: [4000, "immediate", "no app ping answered within FROZEN_WAIT_MS", "frozen", 0],
  write_timeout: [1006, "abort", "a write was not drained in time", "slow consumer", 0],
  slow_consumer: [
    1013,
    "immediate",
    "reading too slowly, send queue full",
    "slow consumer",
    1_000,
  ],
  message_too_big: [1009, "immediate", "message larger than the limit", "client fault", "never"],
  bad_frame: [1002, "immediate", "not a valid WebSocket frame", "client fault", "never"],
  rate_limited: [1008, "immediate", "too many messages", "rate", 60_000],
  key_suspended: [1008, "graceful", "key suspended", "rate", 60_000],
  unauthorized: [3000, "immediate", "not authorized", "auth", "never"], // for talo, see Upgrader
  token_expired: [1008, "graceful", "token expired", "auth", "never"],
  overload: [1013, "immediate", "server overloaded", "slow consumer", 5_000],
  drain: [1012, "graceful", "server restarting", "drain", 1_000],
  admin: [1000, "graceful", "closed by an operator", "admin", "never"],
} as const satisfies Readonly<Record<string, Columns>>;

/** The name of a reason: the label that operators and metrics use. */
export type CloseReason = keyof typeof CLOSE_TABLE;

/** Every reason's name, in the order of the table. */
export const REASON_NAMES = Object.keys(CLOSE_TABLE) as readonly CloseReason[];

/** Every reason that a connection can end for. */
export const CLOSE_REASONS = Object.fromEntries(
  Object.entries<Columns>(CLOSE_TABLE).map(([reason, columns]) => [reason, rowOf(columns)]),
) as Readonly<Record<CloseReason, CloseRow>>;

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

function rowOf([code, ending, text, cause, retry]: Columns): CloseRow {
  const mayRetry = retry !== "never";
  return { code, ending, text, cause, mayRetry, afterMs: mayRetry ? retry : 0 };
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

/** The text of a close frame for a rejection after which the client may come back; as `closeText()`. */
export function rejectionText(reason: RejectionReason, afterMs: number): string {
  const closeReason: CloseReason = reason === "draining" ? "drain" : "overload";
  return `${closeReason}: ${REJECTION_DETAILS[reason]}; afterMs=${afterMs}`;
}

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
