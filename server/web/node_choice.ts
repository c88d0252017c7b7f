/**
 * The choice between the whole hub and one of its processes, where it has several, and the notice of
 * those that have not answered.
 *
 * @module
 */

/// <reference lib="dom" />

import type { Overview } from "../http/stats.ts";
import { byId, el } from "./dom.ts";

/** Owns the elements `#node-choice` and `#node`. */
export class NodeChoice {
  readonly #label = byId("node-choice", HTMLElement);
  readonly #select = byId("node", HTMLSelectElement);
  #names: readonly string[] = [];

  /** The whole hub at first. @param onChange called with another choice */
  constructor(onChange: () => void) {
    this.#select.addEventListener("change", onChange);
  }

  /** The name of the chosen process; undefined: the whole hub. */
  get chosen(): string | undefined {
    return this.#select.value || undefined;
  }

  /** Offers the processes of an overview. @returns whether the chosen one is not there any more */
  show({ node: own, nodes = {} }: Overview): boolean {
    const names = Object.keys(nodes).sort();
    if (names.join() === this.#names.join()) return false;
    this.#names = names;
    const { chosen } = this;
    const several = names.length > 1;
    this.#label.hidden = !several;
    document.body.toggleAttribute("data-nodes", several);
    this.#select.replaceChildren(
      el("option", { value: "" }, `all ${names.length} processes`),
      ...names.map((name) => el("option", { value: name }, name === own ? `${name}, this` : name)),
    );
    const isGone = chosen !== undefined && !names.includes(chosen);
    this.#select.value = isGone ? "" : chosen ?? "";
    return isGone;
  }
}

/** A notice for each process whose last figures are shown. */
export function missingNotices({ missing = [] }: Overview): HTMLElement[] {
  return missing.map((name) =>
    el(
      "p",
      { "class": "notice", "data-severity": "warning" },
      `Process ${name} has not answered: its last figures are shown.`,
    )
  );
}
