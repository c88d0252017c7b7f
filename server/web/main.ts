/**
 * The entry of the live page: requests the stats, and a key if the hub requires one; then connects
 * the parts of the page to the feed.
 *
 * @module
 */

/// <reference lib="dom" />

import type { Overview, Stats } from "../http/stats.ts";
import { Api, AuthError } from "./api.ts";
import { Charts } from "./charts.ts";
import { Delivery } from "./delivery.ts";
import { byId, el } from "./dom.ts";
import { type ConnectionState, Feed } from "./feed.ts";
import { History } from "./history.ts";
import { Inspector } from "./inspector.ts";
import { channelList, rejectedList } from "./lists.ts";
import { requestKey } from "./key_dialog.ts";
import { missingNotices, NodeChoice } from "./node_choice.ts";
import { ConnectionBadge } from "./connection_badge.ts";
import { type ListPage, Rows } from "./rows.ts";
import { Search } from "./search.ts";
import { Table } from "./table.ts";
import { Tiles } from "./tiles.ts";

/** The wait before the next request to a server that did not answer, ms. */
const RETRY_MS = 2_000;

/** The refresh period of the closed connections and the short lists, ms. */
const LISTS_REFRESH_MS = 5_000;

const api = new Api();
const history = new History();
const badge = new ConnectionBadge();
const inspector = new Inspector(api);
const open = (id: string) => inspector.open(id);
const rows = new Rows(({ search, ...listing }) =>
  api.list<ListPage>("/api/v1/connections", { ...listing, ...(search && { search }) })
);
const tiles = new Tiles(byId("tiles", HTMLElement));
const delivery = new Delivery(byId("delivery", HTMLElement));
const search = new Search(api, open);
const lists = [rejectedList(api), channelList(api)];
const choice = new NodeChoice(showChoice);
const forget = byId("forget", HTMLButtonElement);
let feed: Feed | undefined;
let charts: Charts | undefined;
let table: Table | undefined;

byId("host", HTMLElement).textContent = location.host;
forget.addEventListener("click", () => {
  api.forgetKey();
  location.reload(); // removes all data that the key gave access to
});
api.onAuthError = () => {
  if (feed === undefined) return; // start() is still running, and requests another key
  feed.close();
  feed = undefined;
  void start();
};
setInterval(() => {
  if (feed === undefined || document.hidden) return;
  if (search.isIdle) void search.run();
  for (const list of lists) void list.refresh();
}, LISTS_REFRESH_MS);
void start();

/** Requests the stats, then starts all parts of the page. */
async function start(): Promise<void> {
  const stats = await firstStats();
  api.storeKey();
  forget.hidden = api.key === null;
  const profiles = Object.keys(stats.profiles);
  charts ??= new Charts(byId("charts", HTMLElement), history, profiles);
  table ??= new Table(rows, open);
  feed = new Feed(api.key, { stats: showStats, connection: showState });
  inspector.openAddressed();
  await refreshLists();
}

async function refreshLists(): Promise<void> {
  await Promise.all([table?.refresh(), search.run(), ...lists.map((list) => list.refresh())]);
}

/** Shows another process, or the whole hub. */
function showChoice(): void {
  api.node = choice.chosen;
  history.clear();
  rows.listing = { ...rows.listing }; // the present rows stay until the others are there
  void refreshLists();
}

async function firstStats(): Promise<Stats> {
  for (;;) {
    try {
      return await api.get<Stats>("/api/v1/stats", { scope: "node" });
    } catch (error) {
      if (error instanceof AuthError) {
        api.key = await requestKey(error, { hadKey: api.key !== null });
      } else {
        const untilMs = performance.now() + RETRY_MS;
        showState({ kind: "disconnected", attempt: 1, untilMs, reason: String(error) });
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }
}

/** The style sheet dims the data while the hub is disconnected. */
function showState(state: ConnectionState): void {
  badge.show(state);
  document.body.dataset.connection = state.kind;
}

function showStats(overview: Overview, atMs: number): void {
  if (choice.show(overview)) showChoice();
  const { chosen } = choice;
  const { nodes } = overview;
  const stats: Stats = chosen === undefined ? overview : nodes![chosen];
  history.add(stats, atMs, chosen === undefined ? nodes : { [chosen]: stats });
  if (document.hidden) return;
  tiles.show(history);
  delivery.show(stats);
  charts?.show();
  byId("notices", HTMLElement).replaceChildren(
    ...missingNotices(overview),
    ...stats.idleTimeouts.map(({ text }) =>
      el("p", { "class": "notice", "data-severity": "warning" }, text)
    ),
  );
}
