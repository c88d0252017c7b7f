/**
 * The section "Why did it close?": searches the closed connections and explains each close.
 *
 * @module
 */

/// <reference lib="dom" />

import type { Api } from "./api.ts";
import { CAUSES } from "./palette.ts";
import { byId, el } from "./dom.ts";
import { messageOf, moment } from "./format.ts";
import type { ClosedConnection, LostNode } from "./api_types.ts";
import { explainClose, explainLostNode } from "./close_explanations.ts";

/** The most results that are shown. */
const MAX_RESULTS = 20;

interface Found {
  readonly closed: readonly ClosedConnection[];
  readonly lostNodes: readonly LostNode[];
}

/** Owns the elements `#closed-…`. */
export class Search {
  readonly #api: Api;
  readonly #open: (id: string) => void;
  readonly #text = byId("closed-text", HTMLInputElement);
  readonly #count = byId("closed-count", HTMLElement);
  readonly #results = byId("closed-results", HTMLElement);

  /** Empty until `run()`. @param open shows a connection */
  constructor(api: Api, open: (id: string) => void) {
    this.#api = api;
    this.#open = open;
    byId("closed-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      void this.run();
    });
    this.#text.addEventListener("input", () => {
      if (this.#text.value === "") void this.run();
    });
  }

  /** Whether there is no search text, and no result has the focus. */
  get isIdle(): boolean {
    return this.#text.value === "" && !this.#results.contains(document.activeElement);
  }

  /** Searches for the text; without one, shows the last closed connections. */
  async run(): Promise<void> {
    const search = this.#text.value.trim();
    try {
      const query = { limit: MAX_RESULTS + 1, ...(search && { search }) };
      const found = await this.#api.list<Found>("/api/v1/closed", query);
      if (search === this.#text.value.trim()) this.#show(found, search);
    } catch (error) {
      this.#count.textContent = messageOf(error);
    }
  }

  #show({ closed, lostNodes }: Found, search: string): void {
    const all = [...closed, ...lostNodes].sort((a, b) => b.closedMs - a.closedMs);
    this.#results.replaceChildren(
      ...all.slice(0, MAX_RESULTS).map((each) =>
        "id" in each ? this.#result(each) : lostNodeOf(each)
      ),
    );
    this.#count.textContent = countOf(all.length, search);
  }

  #result(closed: ClosedConnection): HTMLLIElement {
    const button = el(
      "button",
      { type: "button" },
      ...headOf(closed),
      el("span", { "class": "sentence" }, explainClose(closed)),
      el("code", {}, closed.id),
      el(
        "span",
        { "class": "peer" },
        [closed.profile, closed.key, closed.address, closed.node].filter(Boolean).join(" · "),
      ),
    );
    button.addEventListener("click", () => this.#open(closed.id));
    return el("li", {}, button);
  }
}

function headOf({ closedMs, cause }: ClosedConnection | LostNode): HTMLElement[] {
  const dot = el("i", { "class": "swatch" });
  dot.style.backgroundColor = `var(${CAUSES[cause] ?? "--neutral"})`;
  return [
    el("span", { "class": "when" }, moment(closedMs)),
    el("span", { "class": "cause" }, dot, cause),
  ];
}

/** Of its connections nothing is known. */
function lostNodeOf(lost: LostNode): HTMLLIElement {
  const sentence = el("span", { "class": "sentence" }, explainLostNode(lost));
  return el("li", { "class": "lost" }, ...headOf(lost), sentence);
}

function countOf(found: number, search: string): string {
  const all = search === "";
  if (found === 0) {
    return all ? "No connection has closed yet." : `No closed connection matches “${search}”.`;
  }
  if (found > MAX_RESULTS) return `The last ${MAX_RESULTS} ${all ? "closed" : "that match"}.`;
  return `${found} ${all ? "closed so far" : "found"}.`;
}
