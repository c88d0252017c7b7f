/**
 * What a connection asks for and what is published, independent of any system's wire format.
 * Profiles translate between these and frames; hub and pumps know nothing else.
 *
 * @module
 */

import type { CloseReason } from "./close_codes.ts";

/** Longest name of a channel, UTF-16 units. */
export const MAX_CHANNEL_LENGTH = 256;

/** What the hub is asked to do. `ack` is the answer when it was done, ready to send. */
export type Command =
  /**
   * Follow channels, all of them or none, and no more those `replaces` of which they are, each named
   * once. `ref` names the request when it has to be refused.
   */
  | {
    readonly kind: "subscribe";
    readonly channels: readonly string[];
    readonly replaces?: readonly string[];
    readonly ack?: string;
    readonly ref?: string;
  }
  /** Follow them no more, nor any that begins with one of the prefixes. */
  | {
    readonly kind: "unsubscribe";
    readonly channels: readonly string[];
    readonly prefixes?: readonly string[];
    readonly ack?: string;
  }
  /** Deliver to everybody who follows the channel; with `follow` the publisher does from now on. */
  | {
    readonly kind: "publish";
    readonly channel: string;
    readonly data: unknown;
    /** Who says it, in the publisher's own system. */
    readonly by?: string;
    readonly follow?: boolean;
    readonly ack?: string;
    readonly ref?: string;
  }
  /** Hand a text to all others of the same system. */
  | { readonly kind: "relay"; readonly text: string }
  /**
   * An answer of the profile itself; by the hub, so that answers keep the order of asking. With
   * `ifSubscribed` only who follows that channel by then gets it.
   */
  | { readonly kind: "reply"; readonly text: string; readonly ifSubscribed?: string }
  /** It broke a rule for which its system ends connections; what it asked before is answered. */
  | { readonly kind: "policyViolation"; readonly reason: CloseReason };

/** What a frame from a client means. */
export type Inbound =
  | Command
  /** A heartbeat of the client's own: life, in systems where only heartbeats are. */
  | { readonly kind: "heartbeat"; readonly text?: string }
  /** The answer to one of our app pings. */
  | { readonly kind: "app_pong"; readonly id?: string; readonly timestamp?: number }
  /** Makes no sense in this system; the text, if any, tells the client what is wrong. */
  | { readonly kind: "malformed"; readonly text?: string }
  /** Nothing to do. */
  | { readonly kind: "nothing" };

/** Why a command is not carried out. */
export type Denial = "forbidden" | "too_many_subscriptions";

/** What a client is told by the server itself. A system that has no frame for one leaves it out. */
export type Notice =
  /** The app ping; `id` is of this connection alone, `timestamp` wall-clock ms. */
  | { readonly kind: "ping"; readonly id: string; readonly timestamp: number }
  /** Advice to come back on a new connection. */
  | { readonly kind: "reconnect"; readonly afterMs: number; readonly reason: string }
  /** Its health has changed; average and deviation of round trips, ms, null before any. */
  | {
    readonly kind: "health_status";
    readonly status: string;
    readonly latency: number | null;
    readonly jitter: number;
  };

/** Something published on a channel. */
export interface Publication {
  /** Tells it from a relay. */
  readonly kind: "publication";
  /** The channel that it was published on. */
  readonly channel: string;
  /** Any JSON value. */
  readonly data: unknown;
  /** Wall-clock ms. */
  readonly timestamp: number;
  /** Who says it, in the publisher's own system. */
  readonly by?: string;
}

/** A text for all of one system but its sender. */
export interface Relay {
  /** Tells it from a publication. */
  readonly kind: "relay";
  /** The system's name. */
  readonly profile: string;
  /** The text, verbatim. */
  readonly text: string;
  /** The sender's client id. */
  readonly sender: string;
}

/** What goes to every hub. */
export type Broadcast = Publication | Relay;
