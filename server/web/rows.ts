/**
 * The rows of a long list, requested page by page when they are visible, and refreshed while they are.
 * Knows the API's list, not how it is shown.
 *
 * @module
 */

import type { Connection } from "./api_types.ts";

/** The rows of one request. */
export const PAGE_ROWS = 100;

/** What is listed, and in which order. */
export interface Listing {
  /** The API's `sort`. */
  readonly sort: string;
  /** The API's `order`. */
  readonly order: "ascending" | "descending";
  /** The API's `search`; empty: all. */
  readonly search: string;
}

/** One page of the list. */
export interface ListPage {
  /** At most `PAGE_ROWS`, in the requested order. */
  readonly connections: readonly Connection[];
  /** The length of the whole list. */
  readonly total: number;
}

/** Requests a page. */
export type FetchPage = (
  query: Listing & { readonly offset: number; readonly limit: number },
) => Promise<ListPage>;

/** The pages of one listing. */
export class Rows {
  /** Called when rows have changed. */
  onChange: () => void = () => {};
  /** Called when a request fails. */
  onError: (error: unknown) => void = () => {};
  readonly #fetch: FetchPage;
  #listing: Listing = { sort: "health", order: "descending", search: "" };
  /** The listing of `#pages`, which stay until the first page of another listing arrives. */
  #shown = this.#listing;
  #pages = new Map<number, readonly Connection[]>();
  #pending = new Set<number>();
  #total = 0;
  /** Changes with the listing: responses of an older generation are ignored. */
  #generation = 0;

  /** Empty at first. */
  constructor(fetch: FetchPage) {
    this.#fetch = fetch;
  }

  /** The length of the list, by the last response. */
  get total(): number {
    return this.#total;
  }

  /** The requested listing. */
  get listing(): Listing {
    return this.#listing;
  }

  /** Requests another listing from now on. */
  set listing(listing: Listing) {
    this.#listing = listing;
    this.#generation++;
    this.#pending.clear();
  }

  /** The listing of the present rows. */
  get shown(): Listing {
    return this.#shown;
  }

  /** A row; undefined until it is loaded. */
  at(index: number): Connection | undefined {
    return this.#pages.get(Math.floor(index / PAGE_ROWS))?.[index % PAGE_ROWS];
  }

  /**
   * Loads the rows from `first` to before `end`.
   *
   * @param refresh `all` requests the loaded rows, too, and drops all others
   */
  async load([first, end]: readonly [number, number], refresh: "missing" | "all"): Promise<void> {
    const pages: number[] = [];
    const isLoaded = (page: number) => this.#shown === this.#listing && this.#pages.has(page);
    for (let page = Math.floor(first / PAGE_ROWS); page * PAGE_ROWS < Math.max(end, 1); page++) {
      if (!this.#pending.has(page) && (refresh === "all" || !isLoaded(page))) pages.push(page);
    }
    await Promise.all(pages.map((page) => this.#loadPage(page)));
    if (refresh === "missing") return;
    for (const page of this.#pages.keys()) {
      if ((page + 1) * PAGE_ROWS <= first || page * PAGE_ROWS >= end) this.#pages.delete(page);
    }
  }

  async #loadPage(page: number): Promise<void> {
    const generation = this.#generation;
    this.#pending.add(page);
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
      if (generation === this.#generation) this.#pending.delete(page);
    }
  }
}
