/**
 * "ClosedSummary did it drop?": the last connections that ended, found by what is known of them, each with the
 * answer in a sentence.
 *
 * @module
 */

/// <reference lib="dom" />

import type { Api } from "./api.ts";
import { CAUSES } from "./palette.ts";
import { byId, el } from "./dom.ts";
import { moment } from "./format.ts";
import type { End } from "./api_types.ts";
import { whyEnded } from "./close_explanations.ts";

/** Shown at most; a narrower search shows others. */
const SHOWN = 20;

export class Search {
  readonly #api: Api;
  readonly #open: (id: string) => void;
  readonly #text = byId("why-text", HTMLInputElement);
  readonly #count = byId("why-count", HTMLElement);
  readonly #results = byId("why-results", HTMLElement);

  /** Shows the last ends on `run()`. @param open shows a connection */
  constructor(api: Api, open: (id: string) => void) {
    this.#api = api;
    this.#open = open;
    byId("why-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      void this.run();
    });
    this.#text.addEventListener("input", () => {
      if (this.#text.value === "") void this.run();
    });
  }

  /** Whether nothing in particular is looked for. */
  get isIdle(): boolean {
    return this.#text.value === "" && !this.#results.contains(document.activeElement);
  }

  /** Looks for what is typed; without it, shows the last ends. */
  async run(): Promise<void> {
    const search = this.#text.value.trim();
    try {
      const query = { limit: SHOWN + 1, ...(search && { search }) };
      const { closed } = await this.#api.get<{ closed: End[] }>("/api/v1/closed", query);
      if (search === this.#text.value.trim()) this.#show(closed, search);
    } catch (error) {
      this.#count.textContent = error instanceof Error ? error.message : String(error);
    }
  }

  #show(ends: readonly End[], search: string): void {
    this.#results.replaceChildren(...ends.slice(0, SHOWN).map((end) => this.#result(end)));
    this.#count.textContent = countOf(ends.length, search);
  }

  #result(end: End): HTMLLIElement {
    const dot = el("i", { "class": "swatch" });
    dot.style.backgroundColor = `var(${CAUSES[end.cause] ?? "--calm"})`;
    const button = el(
      "button",
      { type: "button" },
      el("span", { "class": "when" }, moment(end.closedMs)),
      el("span", { "class": "cause" }, dot, end.cause),
      el("span", { "class": "sentence" }, whyEnded(end)),
      el("code", {}, end.id),
      el(
        "span",
        { "class": "who" },
        [end.profile, end.key, end.address].filter(Boolean).join(" · "),
      ),
    );
    button.addEventListener("click", () => this.#open(end.id));
    return el("li", {}, button);
  }
}

function countOf(found: number, search: string): string {
  const all = search === "";
  if (found === 0) return all ? "Nobody has dropped yet." : `No end mentions “${search}”.`;
  if (found > SHOWN) return all ? `The last ${SHOWN} ends.` : `The last ${SHOWN} that match.`;
  return `${found} ${found === 1 ? "end" : "ends"}${all ? " so far." : " found."}`;
}
