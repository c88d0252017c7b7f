/**
 * The rows of a long list, asked for page by page as they come into sight, and anew each while they
 * are. Knows what it was given, not how it is shown.
 *
 * @module
 */

import type { Connection } from "./api_types.ts";

/** Rows of one request. */
export const PAGE_ROWS = 100;

/** What is listed, and in which order. */
export interface Listing {
  /** See the API's `sort`. */
  readonly sort: string;
  /** See the API's `order`. */
  readonly order: "ascending" | "descending";
  /** What they must mention; empty: all. */
  readonly search: string;
}

/** One page of the list. */
export interface ListPage {
  /** At most `PAGE_ROWS`, in the order asked for. */
  readonly connections: readonly Connection[];
  /** How many the whole list has. */
  readonly total: number;
}

/** Asks for rows. */
export type Fetch = (
  query: Listing & { readonly offset: number; readonly limit: number },
) => Promise<ListPage>;

export class Rows {
  /** Called when there is something new to show. */
  onChange: () => void = () => {};
  /** Called when rows cannot be had. */
  onError: (error: unknown) => void = () => {};
  readonly #fetch: Fetch;
  #listing: Listing = { sort: "age", order: "descending", search: "" };
  /** What the pages are of: they stay until the first of another list has come. */
  #shown = this.#listing;
  #pages = new Map<number, readonly Connection[]>();
  #asked = new Set<number>();
  #total = 0;
  /** Told apart by it: what was asked before is of another list. */
  #generation = 0;

  /** Empty at first. */
  constructor(fetch: Fetch) {
    this.#fetch = fetch;
  }

  /** How many there are, as far as is known. */
  get total(): number {
    return this.#total;
  }

  /** What is asked for. */
  get listing(): Listing {
    return this.#listing;
  }

  /** Asks for something else from now on. */
  set listing(listing: Listing) {
    this.#listing = listing;
    this.#generation++;
    this.#asked.clear();
  }

  /** What the rows that are there are of. */
  get shown(): Listing {
    return this.#shown;
  }

  /** A row; undefined until it has come. */
  at(index: number): Connection | undefined {
    return this.#pages.get(Math.floor(index / PAGE_ROWS))?.[index % PAGE_ROWS];
  }

  /** Sees to it that rows are there. @param refresh asks anew for those that are, and drops the rest */
  async want([first, end]: readonly [number, number], refresh: "missing" | "all"): Promise<void> {
    const pages: number[] = [];
    const isThere = (page: number) => this.#shown === this.#listing && this.#pages.has(page);
    for (let page = Math.floor(first / PAGE_ROWS); page * PAGE_ROWS < Math.max(end, 1); page++) {
      if (!this.#asked.has(page) && (refresh === "all" || !isThere(page))) pages.push(page);
    }
    await Promise.all(pages.map((page) => this.#ask(page)));
    if (refresh === "missing") return;
    for (const page of this.#pages.keys()) {
      if ((page + 1) * PAGE_ROWS <= first || page * PAGE_ROWS >= end) this.#pages.delete(page);
    }
  }

  async #ask(page: number): Promise<void> {
    const generation = this.#generation;
    this.#asked.add(page);
    try {
      const query = { ...this.#listing, offset: page * PAGE_ROWS, limit: PAGE_ROWS };
      const { connections, total } = await this.#fetch(query);
      if (generation !== this.#generation) return;
      if (this.#shown !== this.#listing) {
        this.#shown = this.#listing;
        this.#pages.clear();
      }
      this.#pages.set(page, connections);
      this.#total = total;
      this.onChange();
    } catch (error) {
      if (generation === this.#generation) this.onError(error);
    } finally {
      if (generation === this.#generation) this.#asked.delete(page);
    }
  }
}
