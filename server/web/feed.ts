/**
 * The page's own connection to the hub, through the client library: brings the overview each second,
 * and shows at the same time how such a connection fares.
 *
 * @module
 */

/// <reference lib="dom" />

import { HeartbeatSocket } from "../sdk/heartbeat_socket.ts";
import type { Stats } from "../http/stats.ts";

const CHANNEL = "systole/overview";

/** Often enough to see one's own health change while looking, ms. */
const BEAT_MS = 5_000;
const FIRST_RETRY_MS = 1_000;

/** How the connection is. */
export type ConnectionState =
  | { readonly kind: "connecting" }
  | { readonly kind: "open"; readonly rtt?: number; readonly jitter: number; status: string }
  /** `untilMs` by `performance.now()`. */
  | { readonly kind: "gone"; readonly attempt: number; readonly untilMs: number; reason: string }
  | { readonly kind: "given up"; readonly reason: string };

export interface FeedListener {
  /** An overview has come. @param atMs when the hub sent it, by its own clock */
  stats(stats: Stats, atMs: number): void;
  /** The connection has changed. */
  link(link: ConnectionState): void;
}

export class Feed {
  readonly #socket: HeartbeatSocket;
  readonly #listener: FeedListener;

  /** Connects. @param key null on an open hub */
  constructor(key: string | null, listener: FeedListener) {
    this.#listener = listener;
    this.#socket = new HeartbeatSocket(new URL("/ws/json", location.href), {
      protocols: key === null ? [] : ["systole", `systole.bearer.${key}`],
      heartbeatInterval: BEAT_MS,
      reconnectInterval: FIRST_RETRY_MS,
      maxReconnectAttempts: Infinity,
    });
    listener.link({ kind: "connecting" });
    this.#socket.subscribe(CHANNEL);
    this.#socket.addEventListener("message", ({ data }) => this.#take(JSON.parse(data)));
    for (const type of ["open", "heartbeat", "health"] as const) {
      this.#socket.addEventListener(type, () => this.#tellOpen());
    }
    this.#socket.addEventListener("reconnecting", ({ attempt, delayMs, reason }) => {
      const untilMs = performance.now() + delayMs;
      listener.link({ kind: "gone", attempt, untilMs, reason });
    });
    this.#socket.addEventListener("giveup", ({ reason }) => {
      listener.link({ kind: "given up", reason });
    });
  }

  /** Ends it for good. */
  close(): void {
    this.#socket.close();
  }

  #tellOpen(): void {
    const { rtt, jitter, status } = this.#socket;
    this.#listener.link({ kind: "open", rtt, jitter, status });
  }

  #take(message: { type: string; channel?: string; data: unknown; timestamp: number }): void {
    if (message.type !== "message" || message.channel !== CHANNEL) return;
    this.#listener.stats(message.data as Stats, message.timestamp);
  }
}
