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
import type { ClosedConnection } from "./api_types.ts";
import { explainClose } from "./close_explanations.ts";

/** The most results that are shown. */
const MAX_RESULTS = 20;

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
      const { closed } = await this.#api.get<{ closed: ClosedConnection[] }>(
        "/api/v1/closed",
        query,
      );
      if (search === this.#text.value.trim()) this.#show(closed, search);
    } catch (error) {
      this.#count.textContent = messageOf(error);
    }
  }

  #show(found: readonly ClosedConnection[], search: string): void {
    this.#results.replaceChildren(
      ...found.slice(0, MAX_RESULTS).map((closed) => this.#result(closed)),
    );
    this.#count.textContent = countOf(found.length, search);
  }

  #result(closed: ClosedConnection): HTMLLIElement {
    const dot = el("i", { "class": "swatch" });
    dot.style.backgroundColor = `var(${CAUSES[closed.cause] ?? "--neutral"})`;
    const button = el(
      "button",
      { type: "button" },
      el("span", { "class": "when" }, moment(closed.closedMs)),
      el("span", { "class": "cause" }, dot, closed.cause),
      el("span", { "class": "sentence" }, explainClose(closed)),
      el("code", {}, closed.id),
      el(
        "span",
        { "class": "peer" },
        [closed.profile, closed.key, closed.address].filter(Boolean).join(" · "),
      ),
    );
    button.addEventListener("click", () => this.#open(closed.id));
    return el("li", {}, button);
  }
}

function countOf(found: number, search: string): string {
  const all = search === "";
  if (found === 0) {
    return all ? "No connection has closed yet." : `No closed connection matches “${search}”.`;
  }
  if (found > MAX_RESULTS) return `The last ${MAX_RESULTS} ${all ? "closed" : "that match"}.`;
  return `${found} ${all ? "closed so far" : "found"}.`;
}
