/**
 * The line below the tiles: what channels keep for clients that return, what those got, what was
 * published twice, and how many members channels have.
 *
 * @module
 */

/// <reference lib="dom" />

import { el, setText } from "./dom.ts";
import { bytes, NO_VALUE, whole } from "./format.ts";
import type { Stats } from "../http/stats.ts";

const FIGURES: readonly (readonly [string, (stats: Stats) => string])[] = [
  [
    "History",
    ({ history }) =>
      `${bytes(history.bytes)} · ${counted(history.channels, "channel")} · ` +
      `${whole(history.evicted)} evicted`,
  ],
  [
    "Resumes",
    ({ history, resumes }) =>
      `${whole(resumes.recovered)} recovered · ${whole(resumes.incomplete)} incomplete · ` +
      `${counted(history.replayed, "message")} replayed`,
  ],
  ["Repeats", ({ duplicates }) => `${counted(duplicates, "publication")} not delivered again`],
  ["Members", ({ members }) => whole(members)],
];

/** All figures of the line. */
export class Delivery {
  readonly #texts: readonly HTMLElement[];

  /** Empty at first. */
  constructor(host: HTMLElement) {
    this.#texts = FIGURES.map(() => el("dd", {}, NO_VALUE));
    const pairs = FIGURES.map(([name], i) => el("div", {}, el("dt", {}, name), this.#texts[i]));
    host.append(el("dl", {}, ...pairs));
  }

  /** Shows the newest overview. */
  show(stats: Stats): void {
    FIGURES.forEach(([, textOf], i) => setText(this.#texts[i], textOf(stats)));
  }
}

function counted(count: number, name: string): string {
  return `${whole(count)} ${name}${count === 1 ? "" : "s"}`;
}
