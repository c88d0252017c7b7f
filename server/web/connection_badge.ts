/**
 * The badge in the page's header: the state of the page's own connection.
 *
 * @module
 */

/// <reference lib="dom" />

import { byId, setText } from "./dom.ts";
import { milliseconds } from "./format.ts";
import type { ConnectionState } from "./feed.ts";

/** Owns the element `#connection-badge`. */
export class ConnectionBadge {
  readonly #badge = byId("connection-badge", HTMLElement);
  #state: ConnectionState = { kind: "connecting" };

  /** Updates once a second, to count down to the next attempt. */
  constructor() {
    setInterval(() => this.show(this.#state), 1_000);
  }

  /** Shows a state. */
  show(state: ConnectionState): void {
    this.#state = state;
    this.#badge.dataset.state = state.kind === "open" ? state.status : state.kind;
    setText(this.#badge, textOf(state, performance.now()));
  }
}

function textOf(state: ConnectionState, nowMs: number): string {
  switch (state.kind) {
    case "connecting":
      return "connecting…";
    case "open": {
      const { rtt, jitter, status } = state;
      if (rtt === undefined) return "live";
      return `live · ${milliseconds(rtt)} ± ${milliseconds(jitter)} · ${status}`;
    }
    case "disconnected": {
      const seconds = Math.ceil((state.untilMs - nowMs) / 1_000);
      if (seconds === Infinity) return "no network · waiting";
      if (seconds <= 0) return "disconnected · reconnecting…";
      return `disconnected · next attempt in ${seconds} s`;
    }
    case "failed":
      return `disconnected: ${state.reason} · reload to retry`;
  }
}
