/**
 * The options of a HeartbeatSocket. Names and defaults are those of the article's reference client
 * where it has the option.
 *
 * @module
 */

/**
 * The server's address, or a function that returns one before each attempt, for tickets or tokens
 * that are valid only once.
 */
export type Address = string | URL | (() => string | URL | Promise<string | URL>);

/** The profiles, by the names that the hub has for them. */
export type ProfileName = "json" | "events-hub" | "infoway" | "tank" | "talo";

/** A class with the interface of the platform's WebSocket. */
export type WebSocketConstructor = new (
  url: string | URL,
  protocols?: string | string[],
) => WebSocket;

/** All options are optional; undefined means the default. Times are in ms. */
export interface HeartbeatSocketOptions {
  /** The wire format of heartbeats and messages. Default: "json". */
  profile?: ProfileName;
  /** Subprotocols to offer, as WebSocket's second argument. Default: none. */
  protocols?: string | string[];
  /** The period of the client's heartbeat, 1 to 2147483647 ms. Default: 30000, in tank 5000. */
  heartbeatInterval?: number;
  /**
   * The connection times out after `heartbeatInterval` plus this time without any received frame,
   * 1 to 2147483647 ms. Default: 10000.
   */
  heartbeatTimeout?: number;
  /** An attempt that has not opened within this time fails, 1 to 2147483647 ms. Default: 20000. */
  connectTimeout?: number;
  /**
   * The base of the backoff, 1 to 2147483647 ms: the wait before attempt n is random between 0 and
   * min(30000, base * 2^(n - 1)). Default: 5000.
   */
  reconnectInterval?: number;
  /** Consecutive attempts before it gives up, 0 to Infinity. Default: 10. */
  maxReconnectAttempts?: number;
  /** Whether a worker's timers send the heartbeat; a hidden tab does not throttle them. Default: false. */
  heartbeatInWorker?: boolean;
  /** The most messages in the outbox, 0 to Infinity; the oldest is dropped first. Default: 256. */
  outboxMessages?: number;
  /**
   * The most bytes in the outbox, text as UTF-8, 0 to Infinity. The oldest message is dropped first;
   * a message that is larger alone is dropped itself. Default: 1048576.
   */
  outboxBytes?: number;
  /** An older message in the outbox is dropped instead of sent, 0 to Infinity ms. Default: 60000. */
  outboxAgeMs?: number;
  /** The highest average round trip of the status healthy, 0 to Infinity ms. Default: 100. */
  healthyLatency?: number;
  /** The highest average round trip of the status degraded, 0 to Infinity ms. Default: 500. */
  degradedLatency?: number;
  /** The highest average round trip of the status poor, 0 to Infinity ms; above: critical. Default: 1000. */
  poorLatency?: number;
  /** The number of round trips in the average and the jitter, 1 to 2147483647. Default: 10. */
  maxSamples?: number;
  /** Creates the sockets. Default: the platform's WebSocket. */
  WebSocket?: WebSocketConstructor;
}
