/**
 * The table of connections. Only the visible rows have elements, which are refilled on scroll. One row
 * has the focus; arrow keys move it, Enter opens its connection.
 *
 * @module
 */

/// <reference lib="dom" />
/// <reference lib="dom.iterable" />

import { TABLE_COLUMNS } from "./table_columns.ts";
import { byId, el, setText } from "./dom.ts";
import { messageOf, NO_VALUE, whole } from "./format.ts";
import type { Rows } from "./rows.ts";

/** The height of a row, px, as in the style sheet. */
const ROW_PX = 30;

/** Rows with elements beyond each visible edge. */
const MARGIN = 6;

/** The refresh period of the visible rows, ms. */
const REFRESH_MS = 2_000;

/** Rows are requested after this time without a scroll, ms. */
const SCROLL_END_MS = 60;

/** Owns the element `#table`. */
export class Table {
  readonly #rows: Rows;
  readonly #scroller = byId("scroller", HTMLElement);
  readonly #table = byId("table", HTMLTableElement);
  readonly #body = this.#table.tBodies[0];
  readonly #above = el("tr", { "class": "space", "aria-hidden": true });
  readonly #below = el("tr", { "class": "space", "aria-hidden": true });
  readonly #pool: HTMLTableRowElement[] = [];
  readonly #open: (id: string) => void;
  /** Why the last refresh of the visible rows failed. */
  #error: string | undefined;
  #active = 0;
  #scrollTimer: ReturnType<typeof setTimeout> | undefined;
  #isDrawPending = false;

  /** Empty at first. @param open shows a connection */
  constructor(rows: Rows, open: (id: string) => void) {
    this.#rows = rows;
    this.#open = open;
    this.#table.tHead!.replaceChildren(this.#headings());
    this.#body.replaceChildren(this.#above, this.#below);
    rows.onChange = () => {
      this.#error = undefined;
      this.#showOrder();
      this.#draw();
    };
    rows.onError = (error) => {
      this.#error = messageOf(error);
      this.#draw();
    };
    this.#scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    new ResizeObserver(() => this.#scrolled()).observe(this.#scroller);
    this.#body.addEventListener("keydown", (event) => this.#pressed(event));
    this.#body.addEventListener("click", ({ target }) => {
      const row = target instanceof Element ? target.closest("tr") : null;
      if (row !== null) this.#choose(indexOf(row));
    });
    const filter = byId("filter", HTMLInputElement);
    filter.addEventListener("input", () => this.#list({ search: filter.value.trim() }));
    setInterval(() => void this.refresh(), REFRESH_MS);
  }

  /** Refreshes the visible rows. */
  async refresh(): Promise<void> {
    if (!document.hidden) await this.#rows.load(this.#visible(), "all");
  }

  /** The first visible row, and the one after the last. */
  #visible(): [number, number] {
    const { scrollTop, clientHeight } = this.#scroller;
    const first = Math.max(0, Math.floor(scrollTop / ROW_PX) - MARGIN);
    return [first, Math.ceil((scrollTop + clientHeight) / ROW_PX) + MARGIN];
  }

  #list(change: { sort?: string; order?: "ascending" | "descending"; search?: string }): void {
    this.#rows.listing = { ...this.#rows.listing, ...change };
    this.#scroller.scrollTop = 0;
    this.#active = 0;
    void this.#rows.load(this.#visible(), "missing");
  }

  #headings(): HTMLTableRowElement {
    const cells = TABLE_COLUMNS.map(({ name, sort, numeric }) => {
      const within = sort === undefined ? name : this.#sortButton(name, sort);
      return el("th", { scope: "col", "class": numeric && "numeric" }, within);
    });
    return el("tr", { "aria-rowindex": 1 }, ...cells);
  }

  #sortButton(name: string, sort: string): HTMLButtonElement {
    const button = el("button", { type: "button", "data-sort": sort }, name);
    button.addEventListener("click", () => {
      const now = this.#rows.listing;
      const other = now.order === "descending" ? "ascending" : "descending";
      this.#list({ sort, order: now.sort === sort ? other : "descending" });
    });
    return button;
  }

  /** The order of the loaded rows, not of the requested ones. */
  #showOrder(): void {
    const { sort, order } = this.#rows.shown;
    TABLE_COLUMNS.forEach((column, i) => {
      const heading = this.#table.tHead!.rows[0].cells[i];
      if (column.sort === sort) heading.ariaSort = order;
      else heading.removeAttribute("aria-sort");
    });
  }

  #scrolled(): void {
    if (!this.#isDrawPending) {
      this.#isDrawPending = true;
      requestAnimationFrame(() => {
        this.#isDrawPending = false;
        this.#draw();
      });
    }
    clearTimeout(this.#scrollTimer);
    this.#scrollTimer = setTimeout(
      () => void this.#rows.load(this.#visible(), "missing"),
      SCROLL_END_MS,
    );
  }

  #draw(): void {
    const { total, shown } = this.#rows;
    const [first, end] = this.#visible();
    const from = Math.min(first, Math.max(0, total - 1));
    const until = Math.min(end, total);
    while (this.#pool.length < until - from) this.#pool.push(this.#emptyRow());
    this.#above.style.height = `${from * ROW_PX}px`;
    this.#below.style.height = `${(total - until) * ROW_PX}px`;
    this.#pool.forEach((row, i) => this.#fill(row, from + i, until));
    this.#table.setAttribute("aria-rowcount", String(total + 1));
    const parts = [whole(total), this.#error].filter((part) => part !== undefined);
    setText(byId("connections-count", HTMLElement), parts.join(" · "));
    const empty = byId("no-connections", HTMLElement);
    empty.hidden = total > 0 || this.#error !== undefined;
    setText(empty, shown.search === "" ? "No open connections." : "No connection matches.");
  }

  #fill(row: HTMLTableRowElement, index: number, until: number): void {
    if (index >= until) return row.remove();
    if (!row.isConnected) this.#below.before(row);
    const of = this.#rows.at(index);
    row.setAttribute("aria-rowindex", String(index + 2));
    row.tabIndex = index === this.#active ? 0 : -1;
    row.dataset.health = of?.health ?? "";
    row.dataset.liveness = of?.liveness ?? "";
    row.title = of?.id ?? "";
    TABLE_COLUMNS.forEach(({ text }, i) =>
      setText(row.cells[i], of === undefined ? NO_VALUE : text(of))
    );
  }

  #emptyRow(): HTMLTableRowElement {
    const cells = TABLE_COLUMNS.map(({ name, numeric }) =>
      el("td", { "class": numeric ? "numeric" : name.toLowerCase() })
    );
    return el("tr", {}, ...cells);
  }

  #pressed(event: KeyboardEvent): void {
    const page = Math.floor(this.#scroller.clientHeight / ROW_PX) - 2;
    const moves: Readonly<Record<string, number>> = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -Infinity,
      End: Infinity,
    };
    if (event.key === "Enter" || event.key === " ") this.#choose(this.#active);
    else if (event.key in moves) this.#move(this.#active + moves[event.key]);
    else return;
    event.preventDefault();
  }

  #move(to: number): void {
    this.#active = Math.min(Math.max(0, to), this.#rows.total - 1);
    const head = this.#table.tHead!.offsetHeight;
    const top = this.#active * ROW_PX;
    const { scrollTop, clientHeight } = this.#scroller;
    if (top < scrollTop) this.#scroller.scrollTop = top;
    else if (top + ROW_PX + head > scrollTop + clientHeight) {
      this.#scroller.scrollTop = top + ROW_PX + head - clientHeight;
    }
    this.#draw();
    this.#pool.find((row) => row.isConnected && row.tabIndex === 0)?.focus({ preventScroll: true });
  }

  #choose(index: number): void {
    const of = this.#rows.at(index);
    if (of === undefined) return;
    this.#active = index;
    this.#draw();
    this.#open(of.id);
  }
}

function indexOf(row: HTMLTableRowElement): number {
  return Number(row.getAttribute("aria-rowindex")) - 2;
}
