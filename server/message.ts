/**
 * Commands, notices and publications, independent of any wire format. Profiles translate between
 * these and frames; hub and pumps know nothing else.
 *
 * @module
 */

import type { CloseReason } from "./close_codes.ts";

/** Longest channel name, UTF-16 units. */
export const MAX_CHANNEL_LENGTH = 256;

/** Longest id of a publication, UTF-16 units. */
export const MAX_PUBLICATION_ID_LENGTH = 128;

/** A place in the history of a channel. Offsets are consecutive from 1 within an epoch. */
export interface Position {
  /** Which run of offsets it belongs to, a random text. */
  readonly epoch: string;
  /** Of a message; 0: before the first one. */
  readonly offset: number;
}

/** Names a publication for who publishes it, so that a repeat is known. */
export interface PublicationId {
  readonly id: string;
  /** The id counts within it and the user, across connections; else within one connection. */
  readonly session?: string;
}

/** Which kept messages are wanted. */
export interface HistoryQuery {
  /** Those that follow it. */
  readonly since?: Position;
  /** The newest so many: where `since` is missing, or all that followed it is not there any more. */
  readonly last?: number;
}

/** What a client asks the hub to do. `ack` is the ready answer to a command that was carried out. */
export type Command =
  /**
   * Subscribe to all of these channels or to none, and unsubscribe from all others that begin with
   * `replaces`. `ref` names the request in a denial.
   */
  | {
    readonly kind: "subscribe";
    readonly channels: readonly string[];
    readonly replaces?: string;
    readonly ack?: string;
    readonly ref?: string;
    readonly replay?: Replay;
    /** Of the one channel; without it the subscription is not that of a member. */
    readonly membership?: Membership;
  }
  /** Unsubscribe from these channels and from all that begin with one of the prefixes. */
  | {
    readonly kind: "unsubscribe";
    readonly channels: readonly string[];
    readonly prefixes?: readonly string[];
    readonly ack?: string;
  }
  /** Deliver to all subscribers of the channel; with `subscribe` the publisher becomes one first. */
  | {
    readonly kind: "publish";
    readonly channel: string;
    /** The payload, as in a publication. */
    readonly data: string;
    /** The publisher's name in its own profile. */
    readonly by?: string;
    readonly subscribe?: boolean;
    /** A repeat is answered, and not delivered. */
    readonly once?: PublicationId;
    readonly ack?: string;
    readonly ref?: string;
  }
  /** Read what the channel has kept. */
  | {
    readonly kind: "history";
    readonly channel: string;
    readonly query: HistoryQuery;
    readonly ref: string;
    /** The answer where the channel keeps nothing. */
    readonly whenOff: string;
  }
  /** List the members of the channel. */
  | { readonly kind: "presence"; readonly channel: string; readonly ref: string }
  /** Deliver a text to all other connections of the same profile. */
  | { readonly kind: "relay"; readonly text: string }
  /**
   * An answer that the profile made; it goes through the hub so that answers keep the order of the
   * requests. With `ifSubscribed` it is sent only if the client is subscribed to that channel by then.
   */
  | { readonly kind: "reply"; readonly text: string; readonly ifSubscribed?: string }
  /** Close the connection for breaking a rule, once its earlier requests are answered. */
  | { readonly kind: "policyViolation"; readonly reason: CloseReason }
  /**
   * Unsubscribe from what a new token does not allow any more, and notify of each channel. A command,
   * so that it comes behind the requests that the old rights have allowed.
   */
  | {
    readonly kind: "restrict";
    readonly maySubscribe: (channel: string) => boolean;
    readonly ack?: string;
  };

/** A client's request for the rights and the end of a new token. `ref` names it in an error. */
export interface RefreshRequest {
  readonly kind: "refresh";
  /** A secret: never to be logged or repeated. */
  readonly token: string;
  readonly ref?: string;
}

/** What a new subscription to one channel begins with. */
export interface Replay extends HistoryQuery {
  /** The answer if the client is subscribed already. */
  readonly whenSubscribed: string;
}

/** What a subscription says of the member that it belongs to. */
export interface Membership {
  /** The member's name, at most 64 UTF-16 units; undefined: the client's id. */
  readonly member?: string;
  /** One valid JSON text, as in a publication. */
  readonly info: string;
  /** Whether it is told who joins and leaves. */
  readonly isNotified: boolean;
}

/** A member of a channel: a user and a name, with one or several connections. */
export interface Member {
  /** The subject of its token; null: it has none. */
  readonly user: string | null;
  /** Its name, which it has chosen itself. */
  readonly member: string;
  /** Of the connection that subscribed last. */
  readonly clientId: string;
  /** One valid JSON text, of the same subscription. */
  readonly info: string;
}

/** The members of a channel. */
export interface PresenceList {
  /** How many there are, listed or not. */
  readonly count: number;
  /** The first ones, in the order in which they joined; since when, wall-clock ms. */
  readonly members: readonly (Member & { readonly sinceMs: number })[];
}

/** What a frame from a client means. */
export type Inbound =
  | Exclude<Command, { readonly kind: "restrict" }>
  | RefreshRequest
  /** The client's own heartbeat: the only sign of life in some profiles. */
  | { readonly kind: "heartbeat"; readonly text?: string }
  /** The answer to one of the server's app pings. */
  | { readonly kind: "app_pong"; readonly id?: string; readonly timestamp?: number }
  /** Not a valid message of the profile; the text, if any, is the error frame. */
  | { readonly kind: "malformed"; readonly text?: string }
  | { readonly kind: "nothing" };

/** Why a command is not carried out. */
export type Denial =
  | "forbidden"
  | "too_many_subscriptions"
  /** The subscribers of the channel are behind. */
  | "busy"
  /** The broker does not answer. */
  | "unavailable";

/** When a client that was denied as `busy` or `unavailable` may try again, ms: as long as it has waited. */
export const BUSY_AFTER_MS = 1_000;

/** What the server sends to a client by itself. A profile that has no frame for a notice omits it. */
export type Notice =
  /** The app ping; `id` is unique within the connection, `timestamp` wall-clock ms. */
  | { readonly kind: "ping"; readonly id: string; readonly timestamp: number }
  /** Advice to reconnect. */
  | { readonly kind: "reconnect"; readonly afterMs: number; readonly reason: string }
  /** A change of health; average and deviation of the round trips, ms, null before any. */
  | {
    readonly kind: "health_status";
    readonly status: string;
    readonly latency: number | null;
    readonly jitter: number;
  }
  /** The connection's token ends so soon, ms: a refresh keeps the connection. */
  | { readonly kind: "expiring"; readonly afterMs: number }
  /** A new token is accepted; when it ends, wall-clock ms. */
  | { readonly kind: "refreshed"; readonly expiresAt: number }
  /** A subscription that the client has not ended itself: its new token does not allow it. */
  | { readonly kind: "unsubscribed"; readonly channel: string; readonly reason: "forbidden" }
  /** A new token is not accepted, and the old one holds; `id` is that of the request. */
  | {
    readonly kind: "error";
    readonly code: RefreshError;
    readonly message: string;
    readonly id?: string;
    readonly afterMs?: number;
  }
  | Gap
  | PresenceNotice;

/** How the members of a channel have changed: the same for all connections of a profile. */
export type PresenceNotice =
  | ({ readonly kind: "joined" | "left"; readonly channel: string } & Member)
  /** Too many members to name each: how many there are. */
  | { readonly kind: "members"; readonly channel: string; readonly count: number };

/** Why a new token is not accepted. */
export type RefreshError =
  /** The connection was not opened with a token, or with one of another subject. */
  | "forbidden"
  /** It is no valid token. */
  | "unauthorized"
  /** It ends no later than the present one. */
  | "bad_message"
  /** The last one came less than a second ago, or is still being checked. */
  | "too_many_refreshes";

/** Something published on a channel. */
export interface Publication {
  readonly kind: "publication";
  readonly channel: string;
  /**
   * The payload: one valid JSON text without white space around it, as its publisher wrote it. A
   * profile embeds it as it is; parsed and written anew, numbers and repeated names would change.
   */
  readonly data: string;
  /** Wall-clock ms. */
  readonly timestamp: number;
  /** The publisher's name in its own profile. */
  readonly by?: string;
  /** Its offset, set by the broker once; undefined where the channel keeps no history. */
  offset?: number;
}

/** Kept messages of a channel, and its position. */
export interface HistoryPage extends Position {
  /** The oldest first. */
  readonly messages: readonly Publication[];
  /** Whether all that followed `since` is there; undefined without a `since`. */
  readonly recovered?: boolean;
  /** Whether more of what was asked for follows the last of them. */
  readonly more: boolean;
}

/** A text for all connections of one profile but its sender. */
export interface Relay {
  readonly kind: "relay";
  readonly profile: string;
  readonly text: string;
  /** The sender's client id. */
  readonly sender: string;
}

/**
 * Messages of a channel may be missing. It goes on after this position; without one, which is that of a
 * channel that keeps no history, with what comes next.
 */
export interface Gap extends Partial<Position> {
  readonly kind: "gap";
  readonly channel: string;
}

/** What the broker hands to its hub. */
export type Broadcast = Publication | Relay | Gap;
