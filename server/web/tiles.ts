/**
 * The tiles: the hub's current figures.
 *
 * @module
 */

/// <reference lib="dom" />

import { STATUSES } from "./palette.ts";
import { el, setText } from "./dom.ts";
import { bytes, duration, milliseconds, NOTHING, rate, whole } from "./format.ts";
import type { History, Sample } from "./history.ts";
import type { Stats } from "../http/stats.ts";

/** Ends of so long are shown beside the total, seconds. */
const LATELY_SECONDS = 60;

interface Told {
  /** Stands above, where it is not always the same. */
  readonly name?: string;
  readonly figure: string;
  readonly detail: string;
}

const TILES: readonly (readonly [string, (stats: Stats, now: Sample, history: History) => Told])[] =
  [
    ["Connections", ({ totals, profiles }) => ({
      figure: whole(totals.connections),
      detail: Object.entries(profiles).filter(([, { connections }]) => connections > 0)
        .map(([name, { connections }]) => `${name} ${whole(connections)}`).join(" · "),
    })],
    ["Round trip", (_, { rttMs: { p50, p99 } }) => ({
      figure: milliseconds(p50),
      detail: p50 === null ? "no ping answered lately" : `99 % within ${milliseconds(p99)}`,
    })],
    ["Messages a second", ({ queuedBytes }, { messagesIn, messagesOut }) => ({
      figure: messagesIn === null ? NOTHING : rate(messagesIn + (messagesOut ?? 0)),
      detail: `${rate(messagesIn ?? 0)} in · ${rate(messagesOut ?? 0)} out · ` +
        `${bytes(queuedBytes)} queued`,
    })],
    ["Deaths in the last minute", ({ disconnects }, _, history) => {
      const lately = history.disconnectsIn(LATELY_SECONDS);
      const seconds = Math.floor(history.countedSeconds(LATELY_SECONDS));
      return {
        name: `Deaths in the last ${seconds < LATELY_SECONDS ? `${seconds} s` : "minute"}`,
        figure: seconds === 0 ? NOTHING : whole(sumOf(lately)),
        detail: causes(lately) || `${whole(sumOf(disconnects))} since the start`,
      };
    }],
    ["Stalls of the server", ({ stalls, uptimeSeconds }) => ({
      figure: whole(stalls.count),
      detail: `${milliseconds(stalls.seconds * 1_000)} in ${duration(uptimeSeconds)}`,
    })],
  ];

export class Tiles {
  readonly #tiles: Readonly<Record<keyof Told, HTMLElement>>[];
  readonly #bar = el("div", { "class": "bar", "aria-hidden": true });
  readonly #statuses = el("ul", { "class": "legend" });

  /** Empty at first. */
  constructor(host: HTMLElement) {
    this.#tiles = TILES.map(([title]) => {
      const name = el("h2", {}, title);
      const figure = el("p", { "class": "figure" }, NOTHING);
      const detail = el("p", { "class": "quiet" });
      host.append(el("div", { "class": "tile" }, name, figure, detail));
      return { name, figure, detail };
    });
    const health = el("div", { "class": "tile" }, el("h2", {}, "Health"), this.#bar);
    health.append(this.#statuses);
    host.children[0].after(health);
  }

  /** Shows the newest overview. */
  show(history: History): void {
    const { latest, samples } = history;
    const now = samples.at(-1);
    if (latest === undefined || now === undefined) return;
    TILES.forEach(([, read], i) => {
      const { name, figure, detail } = read(latest, now, history);
      if (name !== undefined) setText(this.#tiles[i].name, name);
      setText(this.#tiles[i].figure, figure);
      setText(this.#tiles[i].detail, detail);
    });
    this.#showHealth(latest.health);
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

function causes(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts).filter(([, count]) => count > 0)
    .sort(([, a], [, b]) => b - a).slice(0, 3)
    .map(([cause, count]) => `${cause} ${whole(count)}`).join(" · ");
}
