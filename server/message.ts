/**
 * What a connection says and is told, independent of any system's wire format. Profiles translate
 * between these and frames; hub and pumps know nothing else.
 *
 * @module
 */

/** What a frame from a client asks for. */
export type Inbound =
  /** Follow a channel. `ref` comes back with the answer. */
  | { readonly kind: "subscribe"; readonly channel: string; readonly ref?: string }
  /** Follow it no more. */
  | { readonly kind: "unsubscribe"; readonly channel: string; readonly ref?: string }
  /** Deliver to everybody who follows the channel. */
  | {
    readonly kind: "publish";
    readonly channel: string;
    readonly data: unknown;
    readonly ref?: string;
  }
  /** Answered on the spot by the profile itself: heartbeats, echoes. */
  | { readonly kind: "reply"; readonly text: string }
  /** The answer to one of our app pings. */
  | { readonly kind: "app_pong"; readonly id?: string; readonly timestamp?: number }
  /** Makes no sense in this profile; the text, if any, tells the client what is wrong. */
  | { readonly kind: "malformed"; readonly text?: string };

/** What a client is told. A profile that has no frame for one leaves it out. */
export type Outbound =
  /** The first frame. */
  | { readonly kind: "welcome"; readonly clientId: string }
  /** The app ping; `id` is of this connection alone. */
  | { readonly kind: "ping"; readonly id: string; readonly timestamp: number }
  /** A publication on a channel that the client follows. */
  | Publication
  /** Answers to commands, with the command's `ref`. */
  | { readonly kind: "subscribed"; readonly channel: string; readonly ref?: string }
  | { readonly kind: "unsubscribed"; readonly channel: string; readonly ref?: string }
  | { readonly kind: "published"; readonly channel: string; readonly ref?: string }
  | {
    readonly kind: "refused";
    readonly code: "too_many_subscriptions";
    readonly message: string;
    readonly ref?: string;
  }
  /** Advice to come back on a new connection. */
  | { readonly kind: "reconnect"; readonly afterMs: number; readonly reason: string };

/** Something published on a channel. */
export interface Publication {
  /** Tells it from other outbound messages. */
  readonly kind: "publication";
  /** Where. */
  readonly channel: string;
  /** Any JSON value. */
  readonly data: unknown;
  /** Wall-clock ms. */
  readonly timestamp: number;
}
