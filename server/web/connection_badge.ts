/**
 * How the page's own connection fares, in the head of the page.
 *
 * @module
 */

/// <reference lib="dom" />

import { byId, setText } from "./dom.ts";
import { milliseconds } from "./format.ts";
import type { ConnectionState } from "./feed.ts";

export class ConnectionBadge {
  readonly #pill = byId("connection", HTMLElement);
  #link: ConnectionState = { kind: "connecting" };

  /** Counts down while a retry is awaited. */
  constructor() {
    setInterval(() => this.show(this.#link), 1_000);
  }

  /** Shows how it is now. */
  show(link: ConnectionState): void {
    this.#link = link;
    this.#pill.dataset.state = link.kind === "open" ? link.status : link.kind;
    setText(this.#pill, labelOf(link, performance.now()));
  }
}

function labelOf(link: ConnectionState, nowMs: number): string {
  switch (link.kind) {
    case "connecting":
      return "connecting…";
    case "open": {
      const { rtt, jitter, status } = link;
      if (rtt === undefined) return "live";
      return `live · ${milliseconds(rtt)} ± ${milliseconds(jitter)} · ${status}`;
    }
    case "gone": {
      const seconds = Math.ceil((link.untilMs - nowMs) / 1_000);
      if (seconds === Infinity) return "no network · waiting for it";
      if (seconds <= 0) return "server gone · reconnecting…";
      return `server gone · trying again in ${seconds} s`;
    }
    case "given up":
      return `given up: ${link.reason} · reload to try again`;
  }
}
