/**
 * The options of a HeartbeatSocket, with names and defaults of the article's reference client
 * where it has them.
 *
 * @module
 */

/** An address, or what makes one for each attempt: a ticket or token may serve only once. */
export type Address = string | URL | (() => string | URL | Promise<string | URL>);

/** The profiles, by the hub's names. */
export type ProfileName = "json" | "events-hub" | "infoway" | "tank" | "talo";

/** Makes sockets like the platform's own. */
export type WebSocketConstructor = new (
  url: string | URL,
  protocols?: string | string[],
) => WebSocket;

/** All are optional; one that is given as undefined keeps its default. Times are in ms. */
export interface HeartbeatSocketOptions {
  /** The profile whose heartbeat and messages it uses; "json". */
  profile?: ProfileName;
  /** Subprotocols to offer, as WebSocket's second argument; none. */
  protocols?: string | string[];
  /** A heartbeat is sent so often; 30000, in tank 5000. */
  heartbeatInterval?: number;
  /** Nothing received for so long after the interval: the connection is dead; 10000. */
  heartbeatTimeout?: number;
  /** A connection that has not opened within this time has failed; 20000. */
  connectTimeout?: number;
  /** Mean of twice the first wait before a new attempt: the backoff's base; 5000. */
  reconnectInterval?: number;
  /** Attempts in a row before it gives up; Infinity is allowed; 10. */
  maxReconnectAttempts?: number;
  /** Send heartbeats by a worker's timers, which a hidden tab does not throttle; false. */
  heartbeatInWorker?: boolean;
  /** Messages kept while there is no connection; of more the oldest is dropped; 256. */
  outboxMessages?: number;
  /** Their bytes, text as UTF-8; of more the oldest is dropped, or what is larger alone; 1048576. */
  outboxBytes?: number;
  /** A kept message older than this is dropped instead of sent; Infinity is allowed; 60000. */
  outboxAgeMs?: number;
  /** Up to this rolling average of round trips the status is healthy; 100. */
  healthyLatency?: number;
  /** Up to this: degraded; 500. */
  degradedLatency?: number;
  /** Up to this: poor, above: critical; 1000. */
  poorLatency?: number;
  /** Round trips that the average and the jitter are of; 10. */
  maxSamples?: number;
  /** Makes the sockets; the platform's WebSocket. */
  WebSocket?: WebSocketConstructor;
}
