/**
 * The options of a HeartbeatSocket. Names and defaults are those of the article's reference client
 * where it has the option.
 *
 * @module
 */

import type { Sendable } from "./events.ts";

/**
 * The server's address, or a function that returns one before each attempt, for tickets or tokens
 * that are valid only once.
 */
export type Address = string | URL | (() => string | URL | Promise<string | URL>);

/** The profiles, by the names that the hub has for them. */
export type ProfileName = "json" | "events-hub" | "infoway" | "tank" | "talo";

/** A heartbeat of your own, for a server that has no profile here. */
export interface HeartbeatOptions {
  /** What to send: text or bytes, or a function that returns them for each heartbeat. */
  message: Sendable | (() => Sendable);
  /**
   * Whether received data is the answer, which then is no `message` event. Without it nothing is
   * measured, and any received data is a sign of life.
   */
  isAnswer?: ((data: unknown) => boolean) | undefined;
  /** As `heartbeatInterval`. Default: 30000. */
  interval?: number | undefined;
  /** As `heartbeatTimeout`. Default: 10000. */
  timeout?: number | undefined;
}

/** A class with the interface of the platform's WebSocket. */
export type WebSocketConstructor = new (
  url: string | URL,
  protocols?: string | string[],
) => WebSocket;

/** A place in a channel's history. It means something to this hub and this channel only. */
export interface Position {
  /** The hub's name for the series of offsets; it changes when the hub loses its history. */
  readonly epoch: string;
  /** The message's number in the epoch, from 1; 0: before the first. */
  readonly offset: number;
}

/** What became of a publication: its place, or that only some got it. */
export type Published =
  | Position & { readonly degraded?: undefined }
  /** The hub does not reach its other processes: only subscribers of this one have got it. */
  | { readonly degraded: true; readonly epoch?: undefined; readonly offset?: undefined };

/**
 * What to replay at the start of a subscription, and what the hub tells others of it. `since` and
 * `last` apply only to the first subscription of a channel: a later one gets what is new, and a `gap`
 * event. `presence` and `info` hold until the channel's last subscription ends.
 */
export interface SubscribeOptions {
  /** Replays what was published after this position, as a subscription's `position` returns it. */
  readonly since?: Position | undefined;
  /**
   * Replays this many of the channel's newest messages, from 1; with `since` only if that fails, as
   * after a reconnect that ends in a gap.
   */
  readonly last?: number | undefined;
  /** true: fires `joined`, `left` and `members`, and is a member of the channel itself. */
  readonly presence?: boolean | undefined;
  /** A JSON value of at most 1 KiB that the other members receive; it makes this client a member. */
  readonly info?: unknown;
}

/** What to read of a channel's history; all that is kept by default. */
export interface HistoryOptions {
  /** Reads what was published after this position, oldest first. */
  readonly since?: Position | undefined;
  /** Reads this many of the newest messages, from 1; with `since` only if that fails. */
  readonly last?: number | undefined;
}

/** All options are optional; undefined means the default. Times are in ms. */
export interface HeartbeatSocketOptions {
  /**
   * The wire format of heartbeats and messages. "none" is any other server: nothing is sent to it but
   * your own messages, and its silence is no timeout. Default: "json", or "none" with a heartbeat of
   * your own.
   */
  profile?: ProfileName | "none" | undefined;
  /**
   * false: sends no heartbeat, and silence is no timeout. An object: a heartbeat of your own; the
   * profile is then "none" by default. Default: true, the profile's own heartbeat.
   */
  heartbeat?: boolean | HeartbeatOptions | undefined;
  /** Whether the first attempt waits for `connect()`. Default: false. */
  startClosed?: boolean | undefined;
  /** Called with a line for each decision: an attempt, a timeout, a wait. Default: nothing. */
  debug?: ((text: string) => void) | undefined;
  /**
   * Returns a JWT, as text or as a promise of it. Called before each attempt, and when the hub
   * announces the end of the present token: the new one then replaces it on the living connection. It
   * is offered as the subprotocol `systole.bearer.<token>` beside `systole`, and never stands in the
   * URL. If it fails, it is called again after a wait. An expired token is no reason to give up then.
   * For the profile json. Default: none.
   */
  token?: (() => string | Promise<string>) | undefined;
  /** Subprotocols to offer, as WebSocket's second argument. Default: none. */
  protocols?: string | string[] | undefined;
  /** The period of the client's heartbeat, 1 to 2147483647 ms. Default: 30000, in tank 5000. */
  heartbeatInterval?: number | undefined;
  /**
   * The connection times out after `heartbeatInterval` plus this time without any received frame,
   * 1 to 2147483647 ms. Default: 10000.
   */
  heartbeatTimeout?: number | undefined;
  /** An attempt that has not opened within this time fails, 1 to 2147483647 ms. Default: 20000. */
  connectTimeout?: number | undefined;
  /**
   * The base of the backoff, 1 to 2147483647 ms: the wait before attempt n is random between 0 and
   * min(30000, base * 2^(n - 1)). Default: 5000.
   */
  reconnectInterval?: number | undefined;
  /**
   * Consecutive attempts before it gives up, 0 to Infinity. Then `reconnect()`, a network that is
   * back or a page that is shown again starts anew; with 0 only `reconnect()`. Default: 10.
   */
  maxReconnectAttempts?: number | undefined;
  /**
   * "final": no `close` and no `error` event for a connection that another one follows; only for the
   * end. For libraries that take the first `close` for the end. Default: "all".
   */
  closeEvents?: "all" | "final" | undefined;
  /** Whether a worker's timers send the heartbeat; a hidden tab does not throttle them. Default: false. */
  heartbeatInWorker?: boolean | undefined;
  /**
   * The most messages in the outbox, 0 to Infinity; the oldest is dropped first. In json what is
   * published stays in it until it is answered. Default: 256.
   */
  outboxMessages?: number | undefined;
  /**
   * The most bytes in the outbox, text as UTF-8, 0 to Infinity. The oldest message is dropped first;
   * a message that is larger alone is dropped itself. Default: 1048576.
   */
  outboxBytes?: number | undefined;
  /**
   * An older message in the outbox is dropped instead of sent, 0 to Infinity ms. Less than the hub's
   * `DEDUPE_MS`, so that the hub knows each publication that is sent again. Default: 60000.
   */
  outboxAgeMs?: number | undefined;
  /** The highest average round trip of the status healthy, 0 to Infinity ms. Default: 100. */
  healthyLatency?: number | undefined;
  /** The highest average round trip of the status degraded, 0 to Infinity ms. Default: 500. */
  degradedLatency?: number | undefined;
  /** The highest average round trip of the status poor, 0 to Infinity ms; above: critical. Default: 1000. */
  poorLatency?: number | undefined;
  /** The number of round trips in the average and the jitter, 1 to 2147483647. Default: 10. */
  maxSamples?: number | undefined;
  /** Creates the sockets. Default: the platform's WebSocket. */
  WebSocket?: WebSocketConstructor | undefined;
}
