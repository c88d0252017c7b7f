/**
 * The texts of the page's files, by their names. Imported and not read, so that they are part of
 * the program: it needs no permission to read, wherever it runs.
 *
 * @module
 */

import api from "../web/api.ts" with { type: "text" };
import axes from "../web/axes.ts" with { type: "text" };
import chart from "../web/chart.ts" with { type: "text" };
import charts from "../web/charts.ts" with { type: "text" };
import dom from "../web/dom.ts" with { type: "text" };
import eventWords from "../web/event_labels.ts" with { type: "text" };
import feed from "../web/feed.ts" with { type: "text" };
import format from "../web/format.ts" with { type: "text" };
import histogram from "../web/histogram.ts" with { type: "text" };
import history from "../web/history.ts" with { type: "text" };
import iconSvg from "../web/icon.svg" with { type: "text" };
import indexHtml from "../web/index.html" with { type: "text" };
import inspector from "../web/inspector.ts" with { type: "text" };
import keyDialog from "../web/key_dialog.ts" with { type: "text" };
import main from "../web/main.ts" with { type: "text" };
import own from "../web/connection_badge.ts" with { type: "text" };
import palette from "../web/palette.ts" with { type: "text" };
import plotData from "../web/plot_data.ts" with { type: "text" };
import rows from "../web/rows.ts" with { type: "text" };
import search from "../web/search.ts" with { type: "text" };
import shapes from "../web/api_types.ts" with { type: "text" };
import styleCss from "../web/style.css" with { type: "text" };
import table from "../web/table.ts" with { type: "text" };
import tableColumns from "../web/table_columns.ts" with { type: "text" };
import tiles from "../web/tiles.ts" with { type: "text" };
import timeline from "../web/timeline.ts" with { type: "text" };
import timelineLayout from "../web/timeline_layout.ts" with { type: "text" };
import why from "../web/close_explanations.ts" with { type: "text" };

/** See the module. */
export const WEB_TEXTS: Readonly<Record<string, string>> = {
  "api.ts": api,
  "axes.ts": axes,
  "chart.ts": chart,
  "charts.ts": charts,
  "dom.ts": dom,
  "event_labels.ts": eventWords,
  "feed.ts": feed,
  "format.ts": format,
  "histogram.ts": histogram,
  "history.ts": history,
  "icon.svg": iconSvg,
  "index.html": indexHtml,
  "inspector.ts": inspector,
  "key_dialog.ts": keyDialog,
  "main.ts": main,
  "connection_badge.ts": own,
  "palette.ts": palette,
  "plot_data.ts": plotData,
  "rows.ts": rows,
  "search.ts": search,
  "api_types.ts": shapes,
  "style.css": styleCss,
  "table.ts": table,
  "table_columns.ts": tableColumns,
  "tiles.ts": tiles,
  "timeline.ts": timeline,
  "timeline_layout.ts": timelineLayout,
  "close_explanations.ts": why,
};
