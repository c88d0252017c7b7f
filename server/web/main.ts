/**
 * The entry of the live page: asks for a key where one is needed, then subscribes to the overview.
 *
 * @module
 */

/// <reference lib="dom" />

import type { Stats } from "../http/stats.ts";
import { Api, Refused } from "./api.ts";
import { Charts } from "./charts.ts";
import { byId, el } from "./dom.ts";
import { type ConnectionState, Feed } from "./feed.ts";
import { History } from "./history.ts";
import { Inspector } from "./inspector.ts";
import { askForKey } from "./key_dialog.ts";
import { ConnectionBadge } from "./connection_badge.ts";
import { type ListPage, Rows } from "./rows.ts";
import { Search } from "./search.ts";
import { Table } from "./table.ts";
import { Tiles } from "./tiles.ts";

/** A server that did not answer is asked again after so long, ms. */
const RETRY_MS = 2_000;

/** The last ends are looked at again so often, ms. */
const ENDS_MS = 5_000;

const api = new Api();
const history = new History();
const own = new ConnectionBadge();
const inspector = new Inspector(api);
const open = (id: string) => inspector.open(id);
const rows = new Rows(({ search, ...listing }) =>
  api.get<ListPage>("/api/v1/connections", { ...listing, ...(search && { search }) })
);
const tiles = new Tiles(byId("tiles", HTMLElement));
const search = new Search(api, open);
const forget = byId("forget", HTMLButtonElement);
let feed: Feed | undefined;
let charts: Charts | undefined;
let table: Table | undefined;

byId("host", HTMLElement).textContent = location.host;
forget.addEventListener("click", () => {
  api.forget();
  location.reload(); // so that nothing of what the key showed stays
});
api.onRefused = () => {
  if (feed === undefined) return; // begin() asks for another key by itself
  feed.close();
  feed = undefined;
  void begin();
};
setInterval(() => {
  if (feed !== undefined && search.isIdle && !document.hidden) void search.run();
}, ENDS_MS);
void begin();

/** Starts everything once the API answers. */
async function begin(): Promise<void> {
  const stats = await firstStats();
  api.keep();
  forget.hidden = api.key === null;
  const profiles = Object.keys(stats.profiles);
  charts ??= new Charts(byId("charts", HTMLElement), history, profiles);
  table ??= new Table(rows, open);
  feed = new Feed(api.key, { stats: take, link: show });
  await Promise.all([table.refresh(), search.run()]);
}

async function firstStats(): Promise<Stats> {
  for (;;) {
    try {
      return await api.get<Stats>("/api/v1/stats");
    } catch (error) {
      if (error instanceof Refused) {
        api.key = await askForKey(error, { hadKey: api.key !== null });
      } else {
        const untilMs = performance.now() + RETRY_MS;
        show({ kind: "gone", attempt: 1, untilMs, reason: String(error) });
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }
}

/** Marks the newest overview as stale while the hub sends none. */
function show(link: ConnectionState): void {
  own.show(link);
  document.body.dataset.link = link.kind;
}

function take(stats: Stats, atMs: number): void {
  history.add(stats, atMs);
  if (document.hidden) return;
  tiles.show(history);
  charts?.show();
  byId("notices", HTMLElement).replaceChildren(
    ...stats.idleTimeouts.map(({ text }) =>
      el("p", { "class": "notice", "data-tone": "warn" }, text)
    ),
  );
}
