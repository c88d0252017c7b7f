/**
 * The tiles at the top of the page: the most important figures.
 *
 * @module
 */

/// <reference lib="dom" />

import { STATUSES } from "./palette.ts";
import { el, setText } from "./dom.ts";
import { bytes, duration, milliseconds, NO_VALUE, rate, whole } from "./format.ts";
import type { History, Sample } from "./history.ts";
import type { Stats } from "../http/stats.ts";

/** The time of the disconnects that the tile counts, seconds. */
const RECENT_SECONDS = 60;

interface TileContent {
  /** The heading, if it changes. */
  readonly name?: string;
  readonly figure: string;
  readonly detail: string;
}

const TILES:
  readonly (readonly [string, (stats: Stats, now: Sample, history: History) => TileContent])[] = [
    ["Connections", ({ totals, profiles }) => ({
      figure: whole(totals.connections),
      detail: Object.entries(profiles).filter(([, { connections }]) => connections > 0)
        .map(([name, { connections }]) => `${name} ${whole(connections)}`).join(" · "),
    })],
    ["Round trip", (_, { rttMs: { p50, p99 } }) => ({
      figure: milliseconds(p50),
      detail: p50 === null ? "no recent answer to a ping" : `99 % within ${milliseconds(p99)}`,
    })],
    ["Messages per second", ({ queuedBytes }, { messagesIn, messagesOut }) => ({
      figure: messagesIn === null ? NO_VALUE : rate(messagesIn + (messagesOut ?? 0)),
      detail: `${rate(messagesIn ?? 0)} in · ${rate(messagesOut ?? 0)} out · ` +
        `${bytes(queuedBytes)} queued`,
    })],
    ["Disconnects, last minute", ({ disconnects }, _, history) => {
      const recent = history.disconnectsIn(RECENT_SECONDS);
      const seconds = Math.floor(history.countedSeconds(RECENT_SECONDS));
      return {
        name: `Disconnects, last ${seconds < RECENT_SECONDS ? `${seconds} s` : "minute"}`,
        figure: seconds === 0 ? NO_VALUE : whole(sumOf(recent)),
        detail: largest(recent) || `${whole(sumOf(disconnects))} since the start`,
      };
    }],
    ["Event loop stalls", ({ stalls, uptimeSeconds }) => ({
      figure: whole(stalls.count),
      detail: `${milliseconds(stalls.seconds * 1_000)} in ${duration(uptimeSeconds)}`,
    })],
  ];

/** All tiles. */
export class Tiles {
  readonly #tiles: Readonly<Record<keyof TileContent, HTMLElement>>[];
  readonly #bar = el("div", { "class": "bar", "aria-hidden": true });
  readonly #statuses = el("ul", { "class": "legend" });
  readonly #liveness = el("p", { "class": "quiet" });

  /** Empty at first. */
  constructor(host: HTMLElement) {
    this.#tiles = TILES.map(([title]) => {
      const name = el("h2", {}, title);
      const figure = el("p", { "class": "figure" }, NO_VALUE);
      const detail = el("p", { "class": "quiet" });
      host.append(el("div", { "class": "tile" }, name, figure, detail));
      return { name, figure, detail };
    });
    const health = el("div", { "class": "tile" }, el("h2", {}, "Health"), this.#bar);
    health.append(this.#statuses, this.#liveness);
    host.children[0].after(health);
  }

  /** Shows the newest overview. */
  show(history: History): void {
    const { latest, samples } = history;
    const now = samples.at(-1);
    if (latest === undefined || now === undefined) return;
    TILES.forEach(([, contentOf], i) => {
      const { name, figure, detail } = contentOf(latest, now, history);
      if (name !== undefined) setText(this.#tiles[i].name, name);
      setText(this.#tiles[i].figure, figure);
      setText(this.#tiles[i].detail, detail);
    });
    this.#showHealth(latest.health);
    const { alive: _, ...others } = latest.liveness;
    setText(this.#liveness, largest(others));
  }

  #showHealth(health: Readonly<Record<string, number>>): void {
    const present = Object.entries(STATUSES).filter(([name]) => (health[name] ?? 0) > 0);
    this.#bar.replaceChildren(...present.map(([name, colour]) => {
      const part = el("i");
      part.style.flexGrow = String(health[name]);
      part.style.backgroundColor = `var(${colour})`;
      return part;
    }));
    this.#statuses.replaceChildren(...present.map(([name, colour]) => {
      const swatch = el("i", { "class": "swatch" });
      swatch.style.backgroundColor = `var(${colour})`;
      return el("li", {}, swatch, `${name} `, el("b", {}, whole(health[name])));
    }));
  }
}

function sumOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/** The three largest counts with their names. */
function largest(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts).filter(([, count]) => count > 0)
    .sort(([, a], [, b]) => b - a).slice(0, 3)
    .map(([name, count]) => `${name} ${whole(count)}`).join(" · ");
}
