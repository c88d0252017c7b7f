/**
 * The page's own connection to the hub, through the SDK. Receives the overview once a second and
 * reports the state of the connection.
 *
 * @module
 */

/// <reference lib="dom" />

import { HeartbeatSocket } from "../sdk/heartbeat_socket.ts";
import type { Overview } from "../http/stats.ts";

const CHANNEL = "systole/overview";

/** Short enough to see the connection's health change, ms. */
const HEARTBEAT_MS = 5_000;
const RECONNECT_MS = 1_000;

/** The state of the page's own connection. */
export type ConnectionState =
  | { readonly kind: "connecting" }
  | { readonly kind: "open"; readonly rtt?: number; readonly jitter: number; status: string }
  /** `untilMs`: the time of the next attempt, by `performance.now()`. */
  | {
    readonly kind: "disconnected";
    readonly attempt: number;
    readonly untilMs: number;
    reason: string;
  }
  /** No further attempt is made. */
  | { readonly kind: "failed"; readonly reason: string };

/** What a feed calls. */
export interface FeedListener {
  /** An overview was received. @param atMs when the hub sent it, wall-clock ms of the hub */
  stats(overview: Overview, atMs: number): void;
  /** The state of the connection has changed. */
  connection(state: ConnectionState): void;
}

/** One HeartbeatSocket that subscribes to the overview. */
export class Feed {
  readonly #socket: HeartbeatSocket;
  readonly #listener: FeedListener;

  /** Connects. @param key null on an open hub */
  constructor(key: string | null, listener: FeedListener) {
    this.#listener = listener;
    this.#socket = new HeartbeatSocket(new URL("/ws/json", location.href), {
      protocols: key === null ? [] : ["systole", `systole.bearer.${key}`],
      heartbeatInterval: HEARTBEAT_MS,
      reconnectInterval: RECONNECT_MS,
      maxReconnectAttempts: Infinity,
    });
    listener.connection({ kind: "connecting" });
    this.#socket.subscribe(CHANNEL);
    this.#socket.addEventListener("message", ({ data }) => this.#received(JSON.parse(data)));
    for (const type of ["open", "heartbeat", "health"] as const) {
      this.#socket.addEventListener(type, () => this.#reportOpen());
    }
    this.#socket.addEventListener("reconnecting", ({ attempt, delayMs, reason }) => {
      const untilMs = performance.now() + delayMs;
      listener.connection({ kind: "disconnected", attempt, untilMs, reason });
    });
    this.#socket.addEventListener("giveup", ({ reason }) => {
      listener.connection({ kind: "failed", reason });
    });
  }

  /** Closes the connection for good. */
  close(): void {
    this.#socket.close();
  }

  #reportOpen(): void {
    const { rtt, jitter, status } = this.#socket;
    this.#listener.connection({ kind: "open", rtt, jitter, status });
  }

  #received(message: { type: string; channel?: string; data: unknown; timestamp: number }): void {
    if (message.type !== "message" || message.channel !== CHANNEL) return;
    this.#listener.stats(message.data as Overview, message.timestamp);
  }
}
