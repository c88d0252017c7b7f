/**
 * The short lists of the page: rejected upgrades, and channels.
 *
 * @module
 */

/// <reference lib="dom" />

import type { Api } from "./api.ts";
import type { ChannelEntry, RejectedUpgrade } from "./api_types.ts";
import { byId, el, setText } from "./dom.ts";
import { messageOf, moment, whole } from "./format.ts";

/** The most entries that are shown. */
const MAX_ENTRIES = 50;

/** A list: what it requests, and how it shows it. */
interface ListOptions<Body> {
  /** The elements are `#<name>-count` and `#<name>-list`. */
  readonly name: string;
  readonly path: string;
  readonly count: (body: Body) => string;
  readonly entries: (body: Body) => HTMLElement[][];
}

/** Owns the elements of one list. */
export class List<Body> {
  readonly #api: Api;
  readonly #options: ListOptions<Body>;
  readonly #count: HTMLElement;
  readonly #list: HTMLElement;

  /** Empty at first. */
  constructor(api: Api, options: ListOptions<Body>) {
    this.#api = api;
    this.#options = options;
    this.#count = byId(`${options.name}-count`, HTMLElement);
    this.#list = byId(`${options.name}-list`, HTMLElement);
  }

  /** Requests it anew. */
  async refresh(): Promise<void> {
    const { path, count, entries } = this.#options;
    try {
      const body = await this.#api.list<Body>(path, { limit: MAX_ENTRIES });
      setText(this.#count, count(body));
      this.#list.replaceChildren(...entries(body).map((parts) => el("li", {}, ...parts)));
    } catch (error) {
      setText(this.#count, messageOf(error));
    }
  }
}

/** Who was turned away, from where, why. */
export function rejectedList(api: Api): List<{ rejected: RejectedUpgrade[] }> {
  return new List(api, {
    name: "rejected",
    path: "/api/v1/rejected",
    count: ({ rejected }) => rejected.length === 0 ? "None so far." : "The last ones first.",
    entries: ({ rejected }) =>
      rejected.map(({ lastMs, count, reason, detail, profile, key, address, node }) => [
        el("span", { "class": "when" }, moment(lastMs)),
        el("span", { "class": "what" }, count > 1 ? `${reason} × ${whole(count)}` : reason),
        el("span", { "class": "sentence" }, detail),
        el("span", { "class": "peer" }, [profile, key, address, node].filter(Boolean).join(" · ")),
      ]),
  });
}

/** The channels with the most subscribers. */
export function channelList(api: Api): List<{ channels: ChannelEntry[]; total: number }> {
  return new List(api, {
    name: "channels",
    path: "/api/v1/channels",
    count: ({ channels, total }) =>
      total > channels.length
        ? `${whole(total)}; those with the most subscribers first.`
        : `${whole(total)} with a subscriber.`,
    entries: ({ channels }) =>
      channels.map(({ channel, subscribers }) => [
        el("code", { title: channel }, channel),
        el("span", { "class": "subscribers" }, whole(subscribers)),
      ]),
  });
}
